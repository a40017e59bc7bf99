//! Training on Azure Databricks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use azure::{Credential, DatabricksCluster, DatabricksTraining, Token};
use pipeline::effect::{JobCommand, JobSpec};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::{Digest, JobName};
use runner::conformance::jobs::{self, Example};
use runner::ports::{Artifacts as _, JobPlatform as _, JobStatus, PortError, Result, Store as _};
use serde_json::{Value, json};

use crate::fake::databricks::{End, Plan};
use crate::support::{commit, project};
use crate::weather::{self, Named};

mod bench;

use bench::{Bench, MODEL, NOTEBOOK, job, snapshot, workspace};

#[tokio::test]
async fn it_keeps_the_promises_of_job_platforms() {
    let bench = Bench::with(|training| training.notebook = None).await;
    let endless = Plan { running_secs: 1 << 40, ..Plan::default() };
    bench.fake.world().databricks.plans.insert("endless.py".into(), endless);
    let of = |name: JobName, line: &str| JobSpec {
        name,
        commands: vec![JobCommand { name: "train".into(), line: line.into() }],
        required: Vec::new(),
        ..job("any")
    };
    let (quick, endless) = (|name| of(name, "python quick.py"), |name| of(name, "python endless.py"));
    jobs::all(&Example { jobs: &bench.jobs, quick: &quick, endless: &endless }).await;
}

#[tokio::test]
async fn a_notebook_of_the_repository_runs_at_the_commit_with_its_parameters() {
    let bench = Bench::new().await;
    let source = bench.machine.artifacts.keep(snapshot());
    let spec = JobSpec {
        source,
        parameters: Some("parameters.json".into()),
        data: Some("data/diabetes.csv".into()),
        ..job("train-diabetes-7")
    };

    let result = bench.end(&spec).await;

    let submitted = bench.submitted();
    assert_eq!(submitted["run_name"], "train-diabetes-7");
    assert_eq!(submitted["idempotency_token"].as_str().unwrap().len(), 64);
    assert_eq!(submitted["timeout_seconds"], 7200);
    let git = json!({
        "git_url": "https://github.com/contoso/diabetes", "git_provider": "gitHub", "git_commit": commit(),
    });
    assert_eq!(submitted["git_source"], git);
    let notebook = json!({
        "notebook_path": NOTEBOOK, "source": "GIT",
        "base_parameters": {
            "alpha": "0.4", "kind": "ridge", "TRAINYARD_COMMIT": commit(), "TRAINYARD_RUN": "r1",
            "TRAINYARD_PARAMETERS": "parameters.json", "TRAINYARD_DATA": "data/diabetes.csv",
        },
    });
    assert_eq!(submitted["tasks"][0]["notebook_task"], notebook);
    let JobResult::Completed(JobOutputs { metrics, files, .. }) = result else { panic!("{result:?}") };
    assert_eq!(metrics, [("mse".to_owned(), 0.4), ("r2".into(), 0.35)].into());
    assert_eq!(files["model.pkl"], Digest::of(b"the model"));
    assert_eq!(files["data"], Digest::of(b"age,target\n1,2\n"));
    assert_eq!(bench.machine.artifacts.get(&files["metrics.json"]).await.unwrap(), br#"{"mse":0.4,"r2":0.35}"#);
}

#[tokio::test]
async fn a_python_file_runs_with_its_arguments_and_leaves_its_files_in_a_folder_of_its_own() {
    let bench = Bench::with(|training| {
        training.notebook = None;
        training.outputs = Some("/Volumes/main/ml/trainyard/".into());
        let cluster = json!({"spark_version": "15.4.x-scala2.12", "num_workers": 1, "spark_env_vars": {"A": "b"}});
        training.cluster = DatabricksCluster::New(cluster.as_object().unwrap().clone());
        training.libraries = vec![json!({"pypi": {"package": "scikit-learn==1.5.0"}})];
    })
    .await;
    {
        let files = &mut bench.fake.world().databricks.files;
        let folder = "/Volumes/main/ml/trainyard/train-7";
        files.insert(format!("{folder}/metrics.json"), br#"{"mse": 0.3}"#.to_vec());
        files.insert(format!("{folder}/model.pkl"), vec![7; (16 << 20) + 5]);
    }

    let result = bench.end(&job("train-7")).await;

    let task = bench.submitted()["tasks"][0].clone();
    let file = json!({"python_file": "training/train.py", "source": "GIT", "parameters": ["--alpha", "0.4"]});
    assert_eq!(task["spark_python_task"], file);
    assert_eq!(task["libraries"], json!([{"pypi": {"package": "scikit-learn==1.5.0"}}]));
    let environment = &task["new_cluster"]["spark_env_vars"];
    assert_eq!(environment["A"], "b");
    assert_eq!(environment["TRAINYARD_OUTPUTS"], "/Volumes/main/ml/trainyard/train-7");
    let JobResult::Completed(JobOutputs { metrics, files, .. }) = result else { panic!("{result:?}") };
    assert_eq!(metrics, [("mse".to_owned(), 0.3)].into());
    assert_eq!(files["model.pkl"], Digest::of(&vec![7; (16 << 20) + 5]), "read in pieces");
}

#[tokio::test]
async fn an_unchanged_notebook_of_the_workspace_is_read_by_settings_alone() {
    let bench = Bench::with(|training| {
        training.git = None;
        training.notebook = Some("/Shared/train_model".into());
        training.model_path = Some("dbfs:/mnt/lake/model.pkl".into());
        training.experiments = vec!["12".into()];
    })
    .await;
    bench.fake.world().databricks.files.insert("/mnt/lake/model.pkl".into(), vec![9; (2 << 20) + 1]);
    let logged = |id: &str, run: &str, mse: Value| {
        json!({
            "info": {"run_id": id, "experiment_id": "12", "status": "FINISHED"},
            "data": {
                "metrics": [{"key": "mse", "value": mse, "timestamp": 1, "step": 0}, {"key": "r2", "value": "NaN"}],
                "tags": [{"key": "mlflow.databricks.jobRunID", "value": run}],
            },
        })
    };
    bench.fake.world().databricks.logged = vec![logged("a", "1001", json!(0.25)), logged("b", "77", json!(9.0))];

    let result = bench.end(&job("train-7")).await;

    let JobResult::Completed(JobOutputs { metrics, files, said }) = result else { panic!("{result:?}") };
    assert_eq!(metrics, [("mse".to_owned(), 0.25)].into());
    assert_eq!(files["model.pkl"], Digest::of(&vec![9; (2 << 20) + 1]));
    assert!(said.iter().any(|said| said.contains("`r2` is \"NaN\"")), "{said:?}");
}

#[tokio::test]
async fn a_notebook_may_name_its_run_of_mlflow() {
    let bench = Bench::new().await;
    let run = json!({"info": {"run_id": "a"}, "data": {"metrics": [{"key": "mse", "value": 0.2}]}});
    bench.fake.world().databricks.logged = vec![run];
    bench.plan(|plan| plan.exit = json!({"mlflow_run_id": "a", "model_path": MODEL}).to_string());
    let result = bench.end(&job("train-7")).await;
    assert!(matches!(&result, JobResult::Completed(outputs) if outputs.metrics["mse"] == 0.2), "{result:?}");

    bench.plan(|plan| plan.exit = json!({"mlflow_run_id": "b", "model_path": MODEL}).to_string());
    assert!(bench.failure(&job("train-8")).await.contains("MLflow has no run \"b\""));
}

#[tokio::test]
async fn a_run_goes_through_its_states_and_is_the_same_however_often_it_is_submitted() {
    let bench = Bench::new().await;
    let spec = job("train-7");
    for _ in 0..3 {
        bench.jobs.submit(&spec).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
        bench.clock.advance_secs(60);
    }
    // As after a crash before the run was written down.
    bench.machine.store.delete("databricks-runs/train-7").await.unwrap();
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
    bench.jobs.submit(&spec).await.unwrap();
    bench.clock.advance_secs(600);

    let status = bench.jobs.status(&spec.name).await.unwrap();

    assert!(matches!(&status, JobStatus::Finished { result: JobResult::Completed(_) }), "{status:?}");
    assert_eq!(bench.fake.world().databricks.runs.len(), 1);
    let asked = bench.fake.count();
    bench.clock.advance_secs(100 * 24 * 3600);
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), status, "it stays as it was told");
    assert_eq!(bench.fake.count(), asked, "nobody needs to be asked");
}

#[tokio::test]
async fn a_run_that_was_removed_before_anybody_asked_is_unknown() {
    let bench = Bench::new().await;
    let spec = job("train-7");
    bench.jobs.submit(&spec).await.unwrap();
    bench.clock.advance_secs(61 * 24 * 3600);

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
    bench.jobs.cancel(&spec.name).await.unwrap();
    let log = bench.jobs.logs(&spec.name, 7).await.unwrap();
    assert_eq!((log.text.as_str(), log.next, log.ended), ("", 7, true));
}

#[tokio::test]
async fn a_run_that_is_not_known_everywhere_yet_is_waited_for() {
    let bench = Bench::new().await;
    let spec = job("train-7");
    bench.jobs.submit(&spec).await.unwrap();
    bench.fake.world().databricks.runs.clear();

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    bench.clock.advance_secs(60);
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
}

#[tokio::test]
async fn a_canceled_run_takes_its_time_to_end() {
    let bench = Bench::new().await;
    let spec = job("train-7");
    bench.jobs.submit(&spec).await.unwrap();
    bench.clock.advance_secs(120);

    bench.jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    bench.clock.advance_secs(20);
    let canceled = JobStatus::Finished { result: JobResult::Canceled };
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), canceled);
}

#[tokio::test]
async fn whose_fault_it_was_is_said_and_the_log_has_the_rest() {
    let bench = Bench::new().await;
    bench.plan(|plan| plan.end = End::Raised("ValueError: could not convert string to float".into()));
    let raised = bench.failure(&job("train-1")).await;
    assert!(raised.contains("RUN_EXECUTION_ERROR"), "{raised}");
    assert!(raised.contains("the code or the settings are at fault: ValueError: could not convert"), "{raised}");
    let log = bench.jobs.logs(&"train-1".parse().unwrap(), 0).await.unwrap();
    assert!(log.ended && log.text.contains("at cell 3") && !log.text.contains('\u{1b}'), "{log:?}");

    bench.plan(|plan| plan.end = End::Terminated("CLOUD_FAILURE", "CLOUD_FAILURE", "No more Standard_DS3_v2."));
    let cloud = bench.failure(&job("train-2")).await;
    assert!(cloud.contains("No more Standard_DS3_v2; the cloud is at fault and not the code: try the step"), "{cloud}");

    bench.plan(|plan| plan.end = End::TimedOut);
    assert!(bench.failure(&job("train-3")).await.contains("Run timed out"));
}

#[tokio::test]
async fn a_run_that_leaves_too_little_has_failed() {
    let bench = Bench::new().await;
    for (nth, (exit, wanted)) in [
        ("", "let the notebook exit with {\"metrics\": {..}}"),
        ("done", "let the notebook exit with {\"metrics\": {..}}"),
        (r#"{"mse": 0.4}"#, "model.pkl is missing: let the notebook exit with {\"model_path\": \"..\"}"),
        (r#"{"metrics": {"mse": "NaN"}, "model_path": "/tmp/m"}"#, "the metric `mse` is \"NaN\""),
        (r#"{"metrics": {"mse": 1}, "model_path": "/tmp/m"}"#, "model.pkl: \"/tmp/m\" is neither in a volume"),
        (r#"{"metrics": {"mse": 1}, "model_path": "dbfs:/m"}"#, "model.pkl: there is no file \"dbfs:/m\""),
    ]
    .into_iter()
    .enumerate()
    {
        bench.plan(|plan| plan.exit = exit.into());
        let reason = bench.failure(&job(&format!("train-{nth}"))).await;
        assert!(reason.contains(wanted), "{exit}: {reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_trained_here_is_refused_with_what_to_do() {
    let bench = Bench::with(|training| training.notebook = None).await;
    let refused = async |change: &dyn Fn(&mut JobSpec)| {
        let mut spec = job("train-7");
        change(&mut spec);
        match bench.jobs.submit(&spec).await.unwrap_err() {
            PortError::Permanent { reason, .. } => reason,
            error => panic!("{error}"),
        }
    };
    let check = refused(&|job| job.reply_to.step = StepKey::of(Step::Check)).await;
    assert!(check.contains("Databricks only trains; set another job platform"), "{check}");
    let other = refused(&|job| job.project = "other".parse().unwrap()).await;
    assert!(other.contains("add it to `projects` of Databricks"), "{other}");
    let shell = refused(&|job| job.commands[0].line = "make train".into()).await;
    assert!(shell.contains("is not of the form `python FILE.py ARGUMENTS...`"), "{shell}");
    let nothing = refused(&|job| job.variables.clear()).await;
    assert!(nothing.contains("is of no commit"), "{nothing}");
    assert_eq!(bench.fake.count(), 0);

    bench.fake.world().databricks.clusters.clear();
    let cluster = refused(&|_| {}).await;
    assert!(cluster.contains("could not submit a run: 400, Cluster 0101-120000-abcdefgh does not exist"), "{cluster}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_said_before_any_run() {
    let bench = Bench::new().await;
    let check = |change: &dyn Fn(&mut DatabricksTraining), wanted: &str| {
        let mut settings = bench.settings.clone();
        change(settings.projects.get_mut(&project()).unwrap());
        let error = workspace(settings, Arc::new(azure::Anybody), &bench.machine).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    check(&|it| (it.git, it.notebook) = (None, None), "set `git`, or a `notebook` of the workspace");
    check(&|it| it.notebook = Some("/Shared/a".into()), "does not begin with `/`");
    check(&|it| it.git = None, "is a path in the workspace and begins with `/`");
    check(&|it| it.cluster = DatabricksCluster::New(serde_json::Map::new()), "no `spark_version`");
    check(&|it| it.outputs = Some("dbfs:/out".into()), "begins with `/Volumes/`");
}

/// Gives another token each time.
#[derive(Debug, Default)]
struct Renewed(AtomicUsize);

#[async_trait::async_trait]
impl Credential for Renewed {
    async fn token(&self) -> Result<Token> {
        let secret = format!("secret-{}", self.0.fetch_add(1, Ordering::Relaxed));
        Token::bearer(&secret, Some("2026-01-01T01:00:00Z".parse().unwrap()))
    }

    fn identity(&self) -> String {
        "the app".into()
    }
}

#[tokio::test]
async fn a_token_that_expired_before_its_time_is_renewed_once() {
    let bench = Bench::new().await;
    let jobs = workspace(bench.settings.clone(), Arc::new(Renewed::default()), &bench.machine).unwrap();
    jobs.submit(&job("train-7")).await.unwrap();
    bench.fake.world().databricks.stale.insert("Bearer secret-0".into());

    assert_eq!(jobs.status(&job("train-7").name).await.unwrap(), JobStatus::Running);

    let seen: Vec<_> = bench.fake.world().seen.iter().map(|seen| seen.authorization.clone()).collect();
    assert_eq!(seen, ["Bearer secret-0", "Bearer secret-0", "Bearer secret-1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault() {
    let calls: [Named<Bench>; 4] = [
        ("submit", |bench| Box::pin(async { bench.jobs.submit(&job("train-7")).await })),
        ("status", |bench| {
            Box::pin(async {
                bench.jobs.submit(&job("train-7")).await?;
                bench.clock.advance_secs(3600);
                bench.jobs.status(&job("train-7").name).await.map(|_| ())
            })
        }),
        ("cancel", |bench| {
            Box::pin(async {
                bench.jobs.submit(&job("train-7")).await?;
                bench.jobs.cancel(&job("train-7").name).await
            })
        }),
        ("logs", |bench| {
            Box::pin(async {
                bench.jobs.submit(&job("train-7")).await?;
                bench.clock.advance_secs(3600);
                bench.jobs.logs(&job("train-7").name, 0).await.map(|_| ())
            })
        }),
    ];
    let pairs = weather::every_call_meets_every_fault(&calls).await;
    assert!(pairs > 100, "only {pairs} pairs");
}
