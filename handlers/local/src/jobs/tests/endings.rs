//! How jobs end.

use pipeline::event::Event;
use runner::conformance::jobs::{Example, all};
use runner::ports::{JobStatus, PortError};

use super::*;

#[tokio::test]
async fn local_jobs_keep_the_promises_of_job_platforms() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let quick = bench.shell("template", "echo one; echo two").await;
    let endless = bench.shell("template", "sleep 100000").await;
    let quick = |name| JobSpec { name, ..quick.clone() };
    let endless = |name| JobSpec { name, ..endless.clone() };
    all(&Example { jobs: &jobs, quick: &quick, endless: &endless }).await;
}

#[tokio::test]
async fn the_end_of_a_job_is_told_with_its_metrics_and_files() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let script = r#"
        cp "$TRAINYARD_DATA" "$TRAINYARD_OUTPUTS/model.pkl"
        mkdir "$TRAINYARD_OUTPUTS/plots"; echo plot > "$TRAINYARD_OUTPUTS/plots/a.txt"
        echo "{\"mse\": 1.5, \"run\": ${TRAINYARD_RUN#r}}" > "$TRAINYARD_OUTPUTS/metrics.json"
        echo changed > "$TRAINYARD_DATA"; cat "$TRAINYARD_PARAMETERS"; echo "$LEVEL""#;
    let line = format!("sh -c {}", shlex::try_quote(script).unwrap());
    let files = [("data/a.csv", "1,2,3"), ("parameters.json", "{\"alpha\": 0.4}\n")];
    let mut spec = bench.spec("train-r1", &[("train", &line)], &files).await;
    spec.data = Some("data/a.csv".into());
    spec.parameters = Some("parameters.json".into());
    spec.required = vec!["metrics.json".into(), "model.pkl".into()];
    spec.variables.insert("LEVEL".into(), "high".into());

    let result = run(&jobs, &spec).await;

    let outputs = completed(result.clone());
    assert_eq!((outputs.metrics["mse"], outputs.metrics["run"]), (1.5, 1.0));
    let names: Vec<_> = outputs.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "metrics.json", "model.pkl", "plots/a.txt"]);
    for name in ["data", "model.pkl"] {
        let kept = bench.home.artifacts().get(&outputs.files[name]).await.unwrap();
        assert_eq!(kept, b"1,2,3", "{name}");
    }
    let log = jobs.logs(&spec.name, 0).await.unwrap().text;
    assert!(log.contains("{\"alpha\": 0.4}\nhigh\n"), "{log}");
    let message = bench.message().await;
    assert_eq!(message.id, "job-train-r1-finished");
    assert_eq!((message.attempt, message.step.to_string().as_str()), (1, "train"));
    assert_eq!(message.event, Event::JobFinished { job: spec.name, result });
}

#[tokio::test]
async fn all_commands_run_even_if_one_is_red() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let junit = r#"<testsuites><testsuite tests="15" failures="1" errors="0" skipped="0"/></testsuites>"#;
    let coverage = r#"<coverage line-rate="0.5"/>"#;
    let commands = [
        ("lint", "sh -c 'echo a.py:1: unused import; exit 1'"),
        ("test", "cp tests.txt unit-testresults.xml"),
        ("coverage", "cp coverage.txt coverage.xml"),
        ("shell", "true && true"),
        ("typo", "no-such-tool --fast"),
        ("quote", "echo 'open"),
    ];
    let mut spec = bench.spec("check-r1", &commands, &[("tests.txt", junit), ("coverage.txt", coverage)]).await;
    spec.reports = vec!["unit-testresults.xml".into(), "coverage.xml".into(), "lint-testresults.xml".into()];
    spec.required = vec!["metrics.json".into()];

    let (reason, outputs) = failed(run(&jobs, &spec).await);

    for wanted in [
        "unused import; exit 1') ended with exit code 1: a.py:1: unused import",
        "`&&` is for a shell",
        "no program `no-such-tool`",
        "not closed",
    ] {
        assert!(reason.contains(wanted), "{reason}");
    }
    assert!(!reason.contains("metrics.json"), "what a red command has not written is no news: {reason}");
    assert_eq!(outputs.metrics["tests"], 15.0);
    assert_eq!(outputs.metrics["failures"], 1.0);
    assert_eq!(outputs.metrics["coverage_line_percent"], 50.0);
    assert!(outputs.said.contains(&"unit-testresults.xml: 14 passed, 1 failed".into()), "{:?}", outputs.said);
    let names: Vec<_> = outputs.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["coverage.xml", "unit-testresults.xml"]);
}

#[tokio::test]
async fn a_job_without_its_promised_files_has_failed() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let mut nothing = bench.shell("nothing", "true").await;
    nothing.required = vec!["metrics.json".into()];
    let not_a_number = "echo '{\"mse\": NaN}' > $TRAINYARD_OUTPUTS/metrics.json";
    let not_a_number = bench.shell("not-a-number", not_a_number).await;
    let mut no_data = bench.shell("no-data", "true").await;
    no_data.data = Some("data/diabetes.csv".into());
    let mut outside = bench.shell("outside", "true").await;
    outside.parameters = Some("../../job.json".into());
    let mut no_environment = bench.shell("no-environment", "true").await;
    no_environment.environments = vec!["requirements.txt".into()];

    for (spec, wanted) in [
        (nothing, "metrics.json is missing"),
        (not_a_number, "`mse` is NaN"),
        (no_data, "\"data/diabetes.csv\""),
        (outside, "are not in the repository"),
        (no_environment, "there is no dependency file requirements.txt"),
    ] {
        let (reason, _) = failed(run(&jobs, &spec).await);
        assert!(reason.contains(wanted), "{reason}");
    }
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_ended_and_keeps_what_it_has() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let child = bench.file("child");
    let script = format!("echo x > $TRAINYARD_OUTPUTS/part; sleep 100000 & echo $! > {}; wait", child.display());
    let mut spec = bench.shell("late", &script).await;
    spec.timeout_secs = 3;

    let (reason, outputs) = failed(run(&jobs, &spec).await);

    assert!(reason.contains("longer than its 3 s"), "{reason}");
    assert!(outputs.files.contains_key("part"));
    is_gone(&appears(&child).await).await;
}

#[tokio::test]
async fn a_canceled_job_ends_with_all_that_it_started() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let child = bench.file("child");
    // One that does not want to go.
    let script = format!("trap '' TERM; setsid sleep 100000 & echo $! > {}; wait; wait", child.display());
    let spec = bench.shell("canceled", &script).await;
    jobs.submit(&spec).await.unwrap();
    let child = appears(&child).await;

    jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(end_of(&jobs, &spec.name).await, JobResult::Canceled);
    is_gone(&child).await;
}

#[tokio::test]
async fn jobs_wait_for_their_turn_and_may_be_canceled_while_they_wait() {
    let mut bench = Bench::new();
    bench.at_once = 1;
    let jobs = bench.open().await;
    let (order, go) = (bench.file("order"), bench.file("go"));
    let script =
        |name| format!("echo {name} >> {}; while [ ! -e {} ]; do sleep 0.02; done", order.display(), go.display());
    let mut specs = Vec::new();
    for name in ["first", "second", "third", "fourth"] {
        specs.push(bench.shell(name, &script(name)).await);
        jobs.submit(specs.last().unwrap()).await.unwrap();
    }
    appears(&order).await;

    jobs.cancel(&specs[1].name).await.unwrap();
    assert_eq!(end_of(&jobs, &specs[1].name).await, JobResult::Canceled);
    assert_eq!(jobs.status(&specs[2].name).await.unwrap(), JobStatus::Running);
    fs::write(go, "").unwrap();

    for spec in [&specs[0], &specs[2], &specs[3]] {
        completed(end_of(&jobs, &spec.name).await);
    }
    assert_eq!(fs::read_to_string(order).unwrap(), "first\nthird\nfourth\n");
}

#[tokio::test]
async fn two_submits_at_the_same_time_are_one_job() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let count = bench.file("count");
    let spec = bench.shell("once", &format!("echo once >> {}", count.display())).await;

    let (one, two, three) = tokio::join!(jobs.submit(&spec), jobs.submit(&spec), jobs.submit(&spec));

    for submitted in [one, two, three] {
        submitted.unwrap();
    }
    completed(end_of(&jobs, &spec.name).await);
    assert_eq!(fs::read_to_string(count).unwrap(), "once\n");
}

#[tokio::test]
async fn a_job_whose_snapshot_is_not_there_is_refused() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let mut spec = bench.shell("no-source", "true").await;
    spec.source = Digest::of(b"never put");

    let error = jobs.submit(&spec).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert_eq!(jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
}

#[tokio::test]
async fn commands_find_nothing_of_the_hosts_environment_but_what_is_documented() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo tells its tests");
    let spec = bench.shell("clean", "env > $TRAINYARD_OUTPUTS/env").await;

    let outputs = completed(run(&jobs, &spec).await);

    let text = bench.home.artifacts().get(&outputs.files["env"]).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("CARGO"), "{text}");
    assert!(text.contains("\nPATH=") || text.starts_with("PATH="), "{text}");
}

#[tokio::test]
async fn a_job_of_an_image_runs_in_its_content() {
    let bench = Bench::new();
    let jobs = bench.open().await;
    let mut spec = bench.shell("image", "cat model/model.pkl; cat $AZUREML_MODEL_DIR/model.pkl").await;
    spec.image = Some(Digest::of(b"an image"));

    completed(run(&jobs, &spec).await);

    let log = jobs.logs(&spec.name, 0).await.unwrap().text;
    assert!(log.contains("a modela model"), "{log}");
    // What nobody needs any more is removed, the snapshot last.
    while bench.job("image").join("source.tar").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!bench.job("image").join("image").exists());
}
