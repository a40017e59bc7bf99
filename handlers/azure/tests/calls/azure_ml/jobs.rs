//! How jobs are submitted and how they end.

use std::collections::BTreeMap;

use pipeline::event::JobResult;
use pipeline::names::Digest;
use runner::ports::{JobPlatform as _, JobStatus, PortError};
use serde_json::json;

use super::{Bench, cluster, completed, failed, left};
use crate::fake::Fault;
use crate::fake::azure_ml::{ACCOUNT, CONTAINER, JobEnd, Pace, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_really_runs_and_leaves_its_files_and_metrics() {
    let bench = Bench::running().await;
    let script = "import os, json\nout = os.environ['TRAINYARD_OUTPUTS']\nopen(out + '/model.pkl', 'w').write('a model')\n\
        json.dump({'mse': 2.5}, open(out + '/metrics.json', 'w'))\nprint('trained on', open(os.environ['TRAINYARD_DATA']).read())\n";
    let files =
        [("train.py", script), ("data/a.csv", "1,2,3"), ("report.xml", r#"<testsuite tests="3" failures="0"/>"#)];
    let mut spec = bench.spec("r1-train-1", &[("train", "python3 train.py")], &files).await;
    spec.data = Some("data/a.csv".into());
    spec.required = vec!["metrics.json".into(), "model.pkl".into()];
    spec.reports = vec!["report.xml".into()];

    let outputs = completed(bench.run(&spec).await);

    assert_eq!((outputs.metrics["mse"], outputs.metrics["tests"]), (2.5, 3.0));
    assert_eq!(bench.artifacts.get(&outputs.files["model.pkl"]).await.unwrap(), b"a model");
    assert_eq!(outputs.files["data"], Digest::of(b"1,2,3"));
    assert_eq!(outputs.said, ["train: ended well", "report.xml: 3 passed"]);
    let log = bench.aml.logs(&spec.name, 0).await.unwrap();
    assert!(log.text.contains("\ntrained on 1,2,3\n") && log.ended, "{log:?}");

    let red = bench.spec("r1-check-1", &[("lint", "sh -c 'echo a.py:1: unused; exit 1'")], &files).await;
    assert!(failed(bench.run(&red).await).ends_with("ended with exit code 1: a.py:1: unused"));
}

#[tokio::test]
async fn a_job_is_asked_for_as_the_service_wants_it() {
    let bench = Bench::new().await;
    let mut spec =
        bench.spec("r1-train-1", &[("train", "python train.py")], &[("requirements.txt", "numpy==2.2.6\n")]).await;
    spec.environments = vec!["requirements.txt".into()];

    bench.aml.submit(&spec).await.unwrap();

    let properties = &bench.sent("PUT", "/jobs/r1-train-1")["properties"];
    assert_eq!(properties["jobType"], "Command");
    assert_eq!(
        properties["command"],
        "python launch.py --job-variable TRAINYARD_JOB --source source.tar --result ${{outputs.result}} --mlflow"
    );
    assert_eq!(properties["experimentName"], "diabetes");
    assert_eq!(properties["computeId"], id("computes/cpu").as_str());
    let uri = "azureml://datastores/workspaceblobstore/paths/trainyard/r1-train-1/";
    let output = json!({"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": uri});
    assert_eq!(properties["outputs"]["result"], output);
    assert_eq!(properties["limits"], json!({"jobLimitsType": "Command", "timeout": "PT1500S"}));
    let tags = json!({"project": "diabetes", "run": "r1", "step": "train", "number": "7", "commit": "aaaa"});
    assert_eq!(properties["tags"], tags, "and no branch, for it is empty");
    let world = bench.fake.world();
    let conda = world.azure_ml.assets.iter().find(|(name, _)| name.starts_with("environments/")).unwrap().1;
    assert!(conda["condaFile"].as_str().unwrap().contains("- python=3.12\n- pip\n- pip:\n  - \"numpy==2.2.6\"\n"));
}

#[tokio::test]
async fn what_is_there_is_not_made_again() {
    let bench = Bench::new().await;
    let mut spec = bench.spec("r1-train-1", &[("train", "true")], &[("conda.yml", "dependencies:\n- numpy\n")]).await;
    spec.environments = vec!["conda.yml".into()];
    bench.aml.submit(&spec).await.unwrap();
    bench.aml.submit(&spec).await.unwrap();
    assert_eq!(
        (bench.count("PUT", "/jobs/"), bench.count("GET", "/jobs/")),
        (1, 2),
        "the second time it is only found"
    );

    spec.name = "r2-train-1".parse().unwrap();
    bench.aml.submit(&spec).await.unwrap();

    assert_eq!(bench.count("PUT", "/codes/"), 1, "the same commit is the same code");
    assert_eq!(bench.count("PUT", "/environments/"), 1, "the same dependencies are the same environment");
    assert_eq!(bench.count("PUT", "/jobs/"), 2);
    let upload: Vec<String> = bench.fake.asked().into_iter().filter(|asked| asked.contains("blob.core")).collect();
    let upload: Vec<_> = upload.iter().filter(|asked| !asked.contains("submitted")).collect();
    assert_eq!(upload.len(), 2, "{upload:?}");
    assert!(upload[1].ends_with("/source.tar"), "{upload:?}");
}

#[tokio::test]
async fn two_submits_at_the_same_time_are_one_job() {
    let bench = Bench::new().await;
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    let (one, two) = tokio::join!(bench.aml.submit(&spec), bench.aml.submit(&spec));
    one.unwrap();
    two.unwrap();
    assert_eq!(bench.fake.world().azure_ml.jobs.len(), 1);
}

#[tokio::test]
async fn a_job_goes_through_its_states_by_the_clock() {
    let bench = Bench::new().await;
    let pace = Pace { starting: 10, preparing: 20, queued: 30, finalizing: 5, canceling: 15 };
    bench.fake.world().azure_ml.pace = pace;
    bench.jobs_end(JobEnd { secs: Some(60), ..left(&[("model.pkl", "a model")], &[("mse", 2.5)]) });
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.aml.submit(&spec).await.unwrap();
    for _ in 0..8 {
        assert_eq!(bench.aml.status(&spec.name).await.unwrap(), JobStatus::Running);
        bench.clock.advance_secs(15);
    }
    bench.clock.advance_secs(15);
    assert_eq!(completed(bench.result(&spec.name).await).metrics["mse"], 2.5);

    let late = bench.spec("r2-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.aml.submit(&late).await.unwrap();
    bench.aml.cancel(&late.name).await.unwrap();
    bench.aml.cancel(&late.name).await.unwrap();
    assert_eq!(bench.aml.status(&late.name).await.unwrap(), JobStatus::Running, "it is not ended yet");
    bench.clock.advance_secs(15);
    assert_eq!(bench.result(&late.name).await, JobResult::Canceled);
    assert_eq!(bench.count("POST", "/cancel"), 1);
}

#[tokio::test]
async fn why_a_job_failed_is_said_in_the_service_s_words_where_ours_are_missing() {
    let bench = Bench::new().await;
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.jobs_end(JobEnd::bad("Environment build failed:\n  ResolvePackageNotFound: numpi"));
    let reason = failed(bench.run(&spec).await);
    assert!(
        reason.starts_with(
            "job r1-train-1 failed: Environment build failed: ResolvePackageNotFound: numpi; see https://"
        ),
        "{reason}"
    );

    let spec = bench.spec("r2-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.jobs_end(JobEnd::good());
    let reason = failed(bench.run(&spec).await);
    assert!(reason.contains("completed and left no result at azureml://datastores/"), "{reason}");

    let spec = bench.spec("r3-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.jobs_end(left(&[("model.pkl", "a model")], &[]));
    bench.aml.submit(&spec).await.unwrap();
    bench.aml.status(&spec.name).await.unwrap();
    bench.fake.world().blob.put(ACCOUNT, CONTAINER, "trainyard/r3-train-1/files/model.pkl", "another");
    let reason = failed(bench.result(&spec.name).await);
    assert!(reason.contains("is not what was written"), "{reason}");
}

#[tokio::test]
async fn metrics_that_were_logged_to_mlflow_are_found_there() {
    let bench = Bench::new().await;
    let result = json!({"outcome": "completed", "files": {}, "said": [], "metrics": {}, "lacks_metrics": true});
    let mut end = JobEnd {
        files: BTreeMap::from([("result.json".to_owned(), result.to_string().into_bytes())]),
        metrics: BTreeMap::from([
            ("mse".to_owned(), json!(2.5)),
            ("r2".to_owned(), json!("NaN")),
            ("n".to_owned(), json!("3")),
        ]),
        ..JobEnd::good()
    };
    bench.jobs_end(end.clone());
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;

    let metrics = completed(bench.run(&spec).await).metrics;

    assert_eq!(metrics, BTreeMap::from([("mse".to_owned(), 2.5), ("n".to_owned(), 3.0)]));
    assert!(
        bench.fake.asked().last().unwrap().contains("/mlflow/v2.0/subscriptions/"),
        "{:?}",
        bench.fake.asked().last()
    );
    end.metrics.clear();
    bench.jobs_end(end);
    let spec = bench.spec("r2-train-1", &[("train", "true")], &[("a", "a")]).await;
    assert!(failed(bench.run(&spec).await).contains("or log its metrics to MLflow"));
}

#[tokio::test]
async fn the_cluster_is_made_where_settings_say_so_and_waited_for() {
    let bench = Bench::with(|settings| settings.compute.create = Some(cluster())).await;
    bench.fake.world().azure_ml.computes.clear();
    bench.fake.world().azure_ml.compute_secs = 60;
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;

    for _ in 0..2 {
        let error = bench.aml.submit(&spec).await.unwrap_err();
        assert!(
            matches!(&error, PortError::Transient { reason, .. } if reason.contains("cpu is being made")),
            "{error}"
        );
    }
    bench.clock.advance_secs(60);
    bench.aml.submit(&spec).await.unwrap();

    assert_eq!(bench.count("PUT", "/computes/"), 1);
    let asked = bench.sent("PUT", "/computes/cpu");
    let scale = json!({"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT300S"});
    assert_eq!(
        (&asked["location"], &asked["properties"]["properties"]["scaleSettings"]),
        (&json!("westeurope"), &scale)
    );
    bench.fake.world().azure_ml.computes.get_mut("cpu").unwrap().failure = Some("no quota for DSv2".into());
    let other = bench.spec("r2-train-1", &[("train", "true")], &[("a", "a")]).await;
    let error = bench.aml.submit(&other).await.unwrap_err();
    assert!(error.to_string().contains("cpu could not be made (Failed): no quota for DSv2"), "{error}");
}

#[tokio::test]
async fn what_the_service_will_not_take_is_refused_for_good() {
    let bench = Bench::new().await;
    bench.fake.world().azure_ml.computes.clear();
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    let error = bench.aml.submit(&spec).await.unwrap_err();
    assert!(
        matches!(&error, PortError::Permanent { reason, .. } if reason.contains("Unknown compute target")),
        "{error}"
    );
    bench.clock.advance_secs(600);
    assert_eq!(bench.aml.status(&spec.name).await.unwrap(), JobStatus::Unknown);

    let mut no_source = spec.clone();
    no_source.source = Digest::of(b"never put");
    assert!(matches!(bench.aml.submit(&no_source).await.unwrap_err(), PortError::Permanent { .. }));
    let mut settings = super::settings(&bench.fake);
    settings.compute.name = "a/b".into();
    let somebody = || std::sync::Arc::new(super::Somebody);
    let clock = std::sync::Arc::new(bench.clock.clone());
    let error = azure::AzureMl::new(settings, somebody(), somebody(), bench.artifacts.clone(), clock).unwrap_err();
    assert!(error.to_string().contains("`compute.name`"), "{error}");
}

#[tokio::test]
async fn a_job_that_is_not_shown_yet_is_not_taken_for_lost() {
    let bench = Bench::new().await;
    bench.fake.world().azure_ml.lag_secs = 60;
    bench.jobs_end(JobEnd::endless());
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.aml.submit(&spec).await.unwrap();

    assert_eq!(bench.aml.status(&spec.name).await.unwrap(), JobStatus::Running);
    assert!(!bench.aml.logs(&spec.name, 0).await.unwrap().ended);
    let error = bench.aml.cancel(&spec.name).await.unwrap_err();
    assert!(matches!(&error, PortError::Transient { reason, .. } if reason.contains("not there yet")), "{error}");
    bench.aml.submit(&spec).await.unwrap();

    bench.clock.advance_secs(60);
    bench.aml.cancel(&spec.name).await.unwrap();
    assert_eq!(bench.result(&spec.name).await, JobResult::Canceled);
    bench.fake.world().azure_ml.jobs.clear();
    bench.clock.advance_secs(600);
    assert_eq!(bench.aml.status(&spec.name).await.unwrap(), JobStatus::Unknown, "somebody has deleted it");
}

#[tokio::test]
async fn what_was_made_just_now_and_is_not_seen_yet_is_worth_another_try() {
    let bench = Bench::new().await;
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    let count = async |bench: &Bench| {
        bench.aml.submit(&spec).await.unwrap();
        bench.fake.count()
    };
    let last = count(&bench).await;
    for is_fresh in [true, false] {
        let bench = Bench::new().await;
        bench.artifacts.put(super::tar_of(&[("a", "a")])).await.unwrap();
        let mut last = last;
        if !is_fresh {
            let before = count(&bench).await;
            bench.fake.world().azure_ml.jobs.clear();
            bench.aml.submit(&spec).await.unwrap();
            last = bench.fake.count() - before;
            bench.fake.world().azure_ml.jobs.clear();
        }
        bench.fake.spoil(last, Fault::Status(404));
        let error = bench.aml.submit(&spec).await.unwrap_err();
        assert_eq!(matches!(error, PortError::Transient { .. }), is_fresh, "{error}");
    }
}

#[tokio::test]
async fn who_lacks_a_right_is_told_which_and_where() {
    let bench = Bench::new().await;
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.fake.spoil(1, Fault::Status(403));

    let error = bench.aml.submit(&spec).await.unwrap_err().to_string();

    for wanted in ["the managed identity trains may not read the workspace", "AzureML Data Scientist on the workspace"]
    {
        assert!(error.contains(wanted), "{error}");
    }
    assert!(!error.contains("secret") && !format!("{:?}", bench.aml).contains("secret"), "{error}");
}
