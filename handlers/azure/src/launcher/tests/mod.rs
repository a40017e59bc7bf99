//! The program, run by the Python of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use pipeline::names::Digest;
use runner::memory::Machine;

use super::result_from_log;

mod support;

use support::{Bench, completed, failed, job, keep, python, wait};

#[test]
fn all_commands_run_and_what_they_leave_is_kept() {
    let bench = Bench::new(&[("data/a.csv", "1,2,3"), ("parameters.json", "{\"alpha\": 0.4}\n")]);
    let script = "import os, json; out = os.environ['TRAINYARD_OUTPUTS']; os.mkdir(out + '/plots'); \
        open(out + '/plots/a.txt', 'w').write('plot'); open(out + '/model.pkl', 'w').write(open(os.environ['TRAINYARD_DATA']).read()); \
        json.dump({'mse': 1.5, 'rows': 3}, open(out + '/metrics.json', 'w')); open(os.environ['TRAINYARD_DATA'], 'w'); \
        print(open(os.environ['TRAINYARD_PARAMETERS']).read(), os.environ['LEVEL'], os.environ['TRAINYARD_RUN'])";
    let mut job = job(&[("train", &python(script))]);
    job.data = Some("data/a.csv".into());
    job.parameters = Some("parameters.json".into());
    job.required = vec!["metrics.json".into(), "model.pkl".into()];
    job.variables.insert("LEVEL".into(), "high".into());

    let (output, found) = bench.run(&job, &[]);

    assert!(output.status.success(), "{output:?}");
    let outputs = completed(keep(found));
    assert_eq!((outputs.metrics["mse"], outputs.metrics["rows"]), (1.5, 3.0));
    let names: Vec<_> = outputs.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "metrics.json", "model.pkl", "plots/a.txt"]);
    assert_eq!(outputs.files["data"], Digest::of(b"1,2,3"), "as it was before the command changed it");
    assert_eq!(outputs.said, ["train: ended well"]);
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("{\"alpha\": 0.4}\n high r1\n") && log.ends_with("trainyard: the job completed\n"), "{log}");
    assert_eq!(fs::read_to_string(bench.file("result/log.txt")).unwrap(), log);
}

#[test]
fn all_commands_run_even_if_one_is_red_and_reports_are_read() {
    let junit = r#"<testsuites><testsuite tests="15" failures="1" errors="0" skipped="0"/></testsuites>"#;
    let coverage = r#"<coverage line-rate="0.5"/>"#;
    let bench = Bench::new(&[("tests.txt", junit), ("coverage.txt", coverage)]);
    let commands = [
        ("lint", "sh -c 'echo a.py:1: unused import; exit 1'"),
        ("test", "cp tests.txt unit-testresults.xml"),
        ("coverage", "cp coverage.txt coverage.xml"),
        ("shell", "true && true"),
        ("typo", "no-such-tool --fast"),
        ("quote", "echo 'open"),
    ];
    let mut job = job(&commands);
    job.reports = vec!["unit-testresults.xml".into(), "coverage.xml".into(), "lint-testresults.xml".into()];
    job.required = vec!["metrics.json".into()];

    let (output, found) = bench.run(&job, &[]);

    assert_eq!(output.status.code(), Some(1));
    let (reason, outputs) = failed(keep(found));
    for wanted in [
        "unused import; exit 1') ended with exit code 1: a.py:1: unused import",
        "`&&` is for a shell",
        "no program `no-such-tool`",
        "not closed",
    ] {
        assert!(reason.contains(wanted), "{reason}");
    }
    assert!(!reason.contains("metrics.json"), "what a red command has not written is no news: {reason}");
    assert_eq!((outputs.metrics["tests"], outputs.metrics["coverage_line_percent"]), (15.0, 50.0));
    assert!(outputs.said.contains(&"unit-testresults.xml: 14 passed, 1 failed".into()), "{:?}", outputs.said);
    let names: Vec<_> = outputs.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["coverage.xml", "unit-testresults.xml"]);
}

#[test]
fn a_job_without_its_promised_files_has_failed() {
    let write = |text: &str| format!("sh -c 'echo {text:?} > $TRAINYARD_OUTPUTS/metrics.json'");
    let lines = ["true".to_owned(), write("{\"mse\": NaN}"), write("{\"mse\": true}"), write("[1]")];
    let mut jobs: Vec<_> = lines.iter().map(|line| job(&[("train", line)])).collect();
    jobs[0].required = vec!["metrics.json".into()];
    for _ in 0..2 {
        jobs.push(job(&[("train", "true")]));
    }
    jobs[4].data = Some("data/diabetes.csv".into());
    jobs[5].parameters = Some("../../job.json".into());
    for (job, wanted) in jobs.iter().zip([
        "metrics.json is missing",
        "`mse` is NaN, which can be compared with nothing",
        "`mse` is true, not a number",
        "one JSON object",
        "the data \"data/diabetes.csv\" of trainyard.yml are not in the repository",
        "are not in the repository",
    ]) {
        let (reason, _) = failed(keep(Bench::new(&[]).run(job, &[]).1));
        assert!(reason.contains(wanted), "{reason}");
    }
}

#[test]
fn metrics_may_be_logged_elsewhere() {
    let mut job = job(&[("train", "true")]);
    job.required = vec!["metrics.json".into()];
    let (output, found) = Bench::new(&[]).run(&job, &["--mlflow"]);
    let found = found.unwrap();
    assert!(output.status.success() && found.lacks_metrics());

    let logged = BTreeMap::from([("mse".to_owned(), 2.5)]);
    let world = Machine::new();
    let with = wait(found.clone().keep(logged.clone(), &*world.ports().artifacts));
    let without = wait(found.keep(BTreeMap::new(), &*world.ports().artifacts));

    assert_eq!(completed(with.unwrap()).metrics, logged);
    assert!(failed(without.unwrap()).0.contains("or log its metrics to MLflow"));
}

#[test]
fn a_job_that_takes_too_long_is_ended_with_all_that_it_started_and_keeps_what_it_has() {
    let bench = Bench::new(&[]);
    let child = bench.file("child");
    let script = format!(
        "sh -c 'trap \"\" TERM; echo x > $TRAINYARD_OUTPUTS/part; setsid sleep 1000 & echo $! > {}; wait'",
        child.display()
    );
    let mut job = job(&[("late", &script)]);
    job.timeout_secs = 2;

    let (reason, outputs) = failed(keep(bench.run(&job, &[]).1));

    assert!(reason.contains("longer than its 2 s"), "{reason}");
    assert!(outputs.files.contains_key("part"));
    let child = fs::read_to_string(child).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn what_is_killed_is_said_and_what_is_canceled_leaves_no_result() {
    let killed = job(&[("train", "sh -c 'kill -9 $$'"), ("after", "true")]);
    let (reason, outputs) = failed(keep(Bench::new(&[]).run(&killed, &[]).1));
    assert!(reason.contains("was ended from outside by signal 9") && reason.contains("too little memory"), "{reason}");
    assert_eq!(outputs.said.len(), 1, "nothing is begun after it");

    let bench = Bench::new(&[]);
    let begun = bench.file("begun");
    let line = format!("sh -c 'echo x > {}; sleep 1000'", begun.display());
    let mut child = bench.command(&job(&[("train", &line)]), &[]).stdout(Stdio::null()).spawn().unwrap();
    while !begun.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!bench.file("result/result.json").exists());
}

#[test]
fn a_result_is_found_at_the_end_of_a_log_with_its_files() {
    let bench = Bench::new(&[]);
    let line = python(
        "import os; out = os.environ['TRAINYARD_OUTPUTS']; open(out + '/a.bin', 'wb').write(os.urandom(9999)); \
         open(out + '/b.bin', 'wb').write(os.urandom(9 << 20)); print('-----BEGIN TRAINYARD RESULT-----')",
    );
    let (output, found) = bench.run(&job(&[("test", &line)]), &["--print"]);
    let log = String::from_utf8(output.stdout).unwrap();
    let dated: String = log.lines().map(|line| format!("2026/01/01 00:00:00 {line}\n")).collect();

    assert!(result_from_log(&log) == found && result_from_log(&dated) == found);
    assert!(result_from_log(&log[..log.len() - 40]).is_none() && result_from_log("").is_none(), "not whole yet");
    let outputs = completed(keep(found));
    assert_eq!(outputs.files.keys().collect::<Vec<_>>(), ["a.bin"]);
    assert!(outputs.said[1].contains("b.bin is not kept: it is too large for a log"), "{:?}", outputs.said);
}

#[test]
fn a_job_of_an_image_runs_in_its_application() {
    let bench = Bench::new(&[("a.txt", "of the snapshot")]);
    fs::create_dir_all(bench.file("app/model")).unwrap();
    fs::write(bench.file("app/model/model.pkl"), "a model").unwrap();
    let job = job(&[("test", "sh -c 'cat model/model.pkl; cat $AZUREML_MODEL_DIR/model.pkl'")]);

    let (output, _) = bench.run(&job, &["--app", bench.file("app").to_str().unwrap()]);

    assert!(String::from_utf8_lossy(&output.stdout).contains("a modela model"), "{output:?}");
}

#[test]
fn nothing_in_a_snapshot_reaches_out_of_its_folder() {
    for (name, target) in [("../a", None), ("a", Some("/etc/passwd")), ("data/a", Some("../../outside"))] {
        let bench = Bench::new(&[]);
        bench.pack(name, target);
        let (reason, _) = failed(keep(bench.run(&job(&[("train", "true")]), &[]).1));
        assert!(reason.contains("leads out of its folder"), "{name}: {reason}");
    }
}

#[test]
fn conda_files_become_pip_requirements() {
    let file = "name: x\nchannels: [conda-forge]\ndependencies:\n- python>=3.9\n- numpy=1.26\n  # why\n- conda-forge::Pandas=2.2.1=py311h1\n\
        - scikit-learn >=1.3, <1.6\n- scipy 1.11.*\n- pytorch\n- libgomp\n- pip=24\n- pip:\n  - mlflow>=2\n";
    let bench = Bench::new(&[("conda.yml", file)]);
    let test = "import sys, types; program, file = sys.argv[1:]; launch = types.ModuleType('launch'); \
        exec(open(program).read(), launch.__dict__); log = types.SimpleNamespace(say=lambda line: None); \
        print(launch.conda_lines(open(file).read(), 'conda.yml', log))";
    fs::write(bench.file("conda.yml"), file).unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", test]).args([bench.file("launch.py"), bench.file("conda.yml")]);
    let output = command.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "['numpy==1.26.*', 'pandas==2.2.1', 'scikit-learn>=1.3,<1.6', 'scipy==1.11.*', 'torch', 'mlflow>=2']",
        "{output:?}"
    );
}

#[test]
fn an_environment_is_made_where_it_is_asked_for() {
    let bench = Bench::new(&[("requirements.txt", "# nothing\n")]);
    let mut job = job(&[("which", "python -c 'import sys; print(sys.prefix)'")]);
    job.environments = vec!["requirements.txt".into()];
    let folder = bench.file("environment");

    let (output, found) = bench.run(&job, &["--environment", folder.to_str().unwrap()]);

    completed(keep(found));
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains(&format!("\n{}\n", folder.display())), "{log}");
    job.environments = vec!["missing.txt".into()];
    let (reason, _) = failed(keep(bench.run(&job, &["--environment", folder.to_str().unwrap()]).1));
    assert!(reason.starts_with("there is no dependency file missing.txt"), "{reason}");
}

#[test]
fn a_load_test_measures_the_image_and_names_what_is_wrong() {
    let bench = Bench::new(&[("smoke.json", "{\"data\": [[1]]}")]);
    let server = include_str!("../../../../local/src/deployments/tests/bin/azmlinfsrv");
    let bin = bench.file("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(bench.file("app/model")).unwrap();
    fs::write(bench.file("app/model/model.json"), "{}").unwrap();
    fs::write(bench.file("app/score.py"), "def init(): pass\ndef run(data): return data\n").unwrap();
    let program = bin.join("azmlinfsrv");
    fs::write(&program, server).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut job = job(&[]);
    job.load = Some(pipeline::manifest::Load { payload: "smoke.json".into(), seconds: 1, concurrency: 2 });
    job.entry = Some("score.py".into());
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    job.variables.insert("PATH".into(), path);
    let app = bench.file("app");

    let outputs = completed(keep(bench.run(&job, &["--app", app.to_str().unwrap()]).1));

    let names: Vec<_> = outputs.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["cpu_cores", "latency_ms_p50", "latency_ms_p95", "memory_mib", "requests_per_second"]);
    assert!(outputs.metrics["memory_mib"] > 1.0 && outputs.metrics["requests_per_second"] > 1.0);
    assert!(outputs.said[0].contains("2 at a time, all answered 200"), "{:?}", outputs.said);
    job.load.as_mut().unwrap().payload = "none.json".into();
    let (reason, _) = failed(keep(bench.run(&job, &["--app", app.to_str().unwrap()]).1));
    assert!(reason.contains("the payload \"none.json\" of trainyard.yml is not in the repository"), "{reason}");
}
