//! Published pipelines.

use azure::{ExistingTraining, PublishedPipeline, PublishedPipelineTraining};
use pipeline::event::{JobResult, Step, StepKey};
use pipeline::names::Digest;
use runner::ports::{Artifacts as _, JobPlatform as _, JobStatus, PortError};
use serde_json::{Value, json};

use super::{Bench, ENDPOINT, JOB, PIPELINE, job, left, promises};
use crate::azure_ml::Somebody;
use crate::fake::Fault;
use crate::fake::azure_ml::{self, JobEnd, Pace};
use crate::support::commit;

#[tokio::test]
async fn published_pipelines_keep_the_promises_of_job_platforms() {
    promises(&Bench::published(|_| {}).await).await;
}

#[tokio::test]
async fn a_pipeline_is_given_its_parameters_and_its_model_comes_back() {
    let bench = Bench::published(|_| {}).await;
    bench.runs_end(left(JOB, &[("model.pkl", "a model"), ("metrics.json", r#"{"mse": 2.5}"#)], &[("mse", 9.0)]));

    let outputs = bench.completed(&job(JOB)).await;

    assert_eq!(outputs.metrics, [("mse".to_owned(), 2.5)].into(), "the file goes before what was logged");
    assert_eq!(outputs.files["model.pkl"], Digest::of(b"a model"));
    assert_eq!(bench.machine.artifacts.get(&outputs.files["metrics.json"]).await.unwrap(), br#"{"mse": 2.5}"#);
    assert!(outputs.said[0].ends_with(" of published pipelines of Azure ML workspace trains"), "{:?}", outputs.said);
    let asked = bench.sent("PipelineSubmit").body;
    assert!(bench.sent("PipelineSubmit").path.ends_with(&format!("/PipelineRuns/PipelineSubmit/{PIPELINE}")));
    assert_eq!(asked["ExperimentName"], "diabetes");
    let assignments = json!({"build": "diabetes-7", "commit": commit(), "kind": "main"});
    assert_eq!(asked["ParameterAssignments"], assignments);
    let tags = json!({
        "trainyardJob": JOB, "project": "diabetes", "run": "r1", "step": "train", "number": "7",
        "commit": commit(), "branch": "main",
    });
    assert_eq!(asked["tags"], tags);
}

#[tokio::test]
async fn a_pipeline_is_started_behind_its_endpoint_in_an_experiment_of_its_own() {
    let bench = Bench::published(|training| {
        training.pipeline = PublishedPipeline::Endpoint(ENDPOINT.into());
        training.experiment = Some("retraining".into());
    })
    .await;
    bench.runs_end(left(JOB, &[("model.pkl", "a model")], &[("mse", 2.5), ("r2", 0.5)]));

    let outputs = bench.completed(&job(JOB)).await;

    assert_eq!(outputs.metrics, [("mse".to_owned(), 2.5), ("r2".into(), 0.5)].into(), "as logged to MLflow");
    let written = bench.machine.artifacts.get(&outputs.files["metrics.json"]).await.unwrap();
    assert_eq!(written, br#"{"mse":2.5,"r2":0.5}"#);
    assert_eq!(bench.sent("PipelineEndpointSubmit/Id/").body["ExperimentName"], "retraining");
}

#[tokio::test]
async fn what_a_step_has_logged_and_uploaded_is_found() {
    let bench = Bench::published(|training| {
        training.result.step = Some("Train Model".into());
        training.result.folder = None;
        let place = "azureml://jobs/{step}/outputs/artifacts/paths/outputs/diabetes.pkl";
        training.result.files = [("model.pkl".to_owned(), place.to_owned())].into();
    })
    .await;
    // One step a page.
    bench.fake.world().azure_ml.page = 1;
    let step = |name: &str, mse: f64| azure_ml::Step {
        name: name.into(),
        metrics: [("mse".to_owned(), json!(mse))].into(),
        log: format!("{name} says so\n"),
        artifacts: [("outputs/diabetes.pkl".to_owned(), name.as_bytes().to_vec())].into(),
    };
    let steps = vec![step("Evaluate Model", 9.0), step("Train Model", 2.5), step("Register Model", 8.0)];
    bench.runs_end(JobEnd { steps, ..left(JOB, &[], &[("mse", 7.0)]) });

    let outputs = bench.completed(&job(JOB)).await;

    assert_eq!(outputs.metrics["mse"], 2.5);
    assert_eq!(outputs.files["model.pkl"], Digest::of(b"Train Model"));
    let log = bench.jobs.logs(&job(JOB).name, 0).await.unwrap();
    assert!(log.text.contains("submitting the graph\n") && log.text.contains("\nTrain Model says so\n"), "{log:?}");
    assert!(!log.text.contains("Evaluate"), "{log:?}");

    bench.runs_end(JobEnd { steps: vec![step("Other", 1.0)], ..left(JOB, &[], &[]) });
    let reason = bench.failure(&job("train-diabetes-8")).await;
    assert!(reason.starts_with("the run has no step \"Train Model\"; see https://ml.azure.com/runs/"), "{reason}");
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_run() {
    let bench = Bench::published(|_| {}).await;
    bench.fake.world().azure_ml.lag_secs = 30;
    bench.runs_end(JobEnd::endless());
    let spec = job(JOB);
    // After the question where the region is, and the one for runs with our tags.
    bench.fake.spoil(3, Fault::LostReply);
    assert!(matches!(bench.jobs.submit(&spec).await.unwrap_err(), PortError::Transient { .. }));
    assert_eq!(bench.runs(), 1);

    // It is not seen yet, and it may be there.
    let error = bench.jobs.submit(&spec).await.unwrap_err();
    assert!(matches!(&error, PortError::Transient { reason, .. } if reason.contains("may still appear")), "{error}");
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    let error = bench.jobs.cancel(&spec.name).await.unwrap_err();
    assert!(matches!(&error, PortError::Transient { reason, .. } if reason.contains("not there yet")), "{error}");
    assert!(!bench.jobs.logs(&spec.name, 0).await.unwrap().ended);

    bench.clock.advance_secs(30);
    bench.jobs.submit(&spec).await.unwrap();
    bench.jobs.submit(&spec).await.unwrap();
    assert_eq!(bench.runs(), 1, "it is found by its tags");
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    bench.jobs.cancel(&spec.name).await.unwrap();
    assert_eq!(bench.result(&spec.name).await, JobResult::Canceled);
}

#[tokio::test]
async fn what_was_never_taken_is_asked_for_again_when_that_is_sure() {
    let bench = Bench::published(|_| {}).await;
    bench.runs_end(JobEnd::endless());
    let spec = job(JOB);
    // The experiment is there, without a run of ours.
    bench.jobs.submit(&job("train-diabetes-6")).await.unwrap();
    bench.fake.spoil(2, Fault::Cut);
    assert!(matches!(bench.jobs.submit(&spec).await.unwrap_err(), PortError::Transient { .. }));
    bench.clock.advance_secs(119);
    assert!(matches!(bench.jobs.submit(&spec).await.unwrap_err(), PortError::Transient { .. }));
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);

    bench.clock.advance_secs(1);
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
    bench.jobs.submit(&spec).await.unwrap();

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn what_was_refused_for_certain_may_be_asked_for_at_once() {
    let bench = Bench::published(|_| {}).await;
    bench.fake.world().azure_ml.pipelines.get_mut(PIPELINE).unwrap().is_disabled = true;
    let reason = bench.refusal(&job(JOB)).await;
    assert!(
        reason.contains(&format!("could not start a published pipeline: 404, Pipeline {PIPELINE} not")),
        "{reason}"
    );
    assert_eq!(bench.jobs.status(&job(JOB).name).await.unwrap(), JobStatus::Unknown);

    bench.fake.world().azure_ml.pipelines.get_mut(PIPELINE).unwrap().is_disabled = false;
    bench.jobs.submit(&job(JOB)).await.unwrap();

    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn a_run_goes_through_its_states_and_stays_as_it_was_told() {
    let bench = Bench::published(|_| {}).await;
    bench.fake.world().azure_ml.pace = Pace { starting: 10, preparing: 20, queued: 30, finalizing: 5, canceling: 15 };
    let end = left(JOB, &[("model.pkl", "a model")], &[("mse", 2.5)]);
    bench.runs_end(JobEnd { secs: Some(60), ..end });
    let spec = job(JOB);
    bench.jobs.submit(&spec).await.unwrap();
    for _ in 0..8 {
        assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
        let log = bench.jobs.logs(&spec.name, 0).await.unwrap();
        assert!(log.text.contains(": https://ml.azure.com/runs/") && !log.ended, "{log:?}");
        bench.clock.advance_secs(15);
    }
    bench.clock.advance_secs(15);
    let status = bench.jobs.status(&spec.name).await.unwrap();
    assert!(matches!(&status, JobStatus::Finished { result: JobResult::Completed(_) }), "{status:?}");
    let log = bench.jobs.logs(&spec.name, 0).await.unwrap();
    assert!(log.text.ends_with("the run is done\nit ended well\n") && log.ended, "{log:?}");

    let asked = bench.fake.count();
    bench.fake.world().azure_ml.jobs.clear();
    bench.clock.advance_secs(24 * 3600);
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), status);
    assert_eq!(bench.fake.count(), asked, "nobody needs to be asked");
}

#[tokio::test]
async fn a_canceled_run_takes_its_time_to_end() {
    let bench = Bench::published(|_| {}).await;
    bench.fake.world().azure_ml.pace.canceling = 20;
    bench.runs_end(JobEnd::endless());
    let spec = job(JOB);
    bench.jobs.submit(&spec).await.unwrap();

    bench.jobs.cancel(&spec.name).await.unwrap();
    bench.jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    bench.clock.advance_secs(20);
    assert_eq!(bench.result(&spec.name).await, JobResult::Canceled);
    assert!(bench.sent("/Execution").method == "DELETE");
}

#[tokio::test]
async fn a_run_that_somebody_has_removed_is_unknown() {
    let bench = Bench::published(|_| {}).await;
    let spec = job(JOB);
    bench.jobs.submit(&spec).await.unwrap();
    bench.fake.world().azure_ml.jobs.clear();
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running, "not known everywhere yet");

    bench.clock.advance_secs(120);

    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
    bench.jobs.cancel(&spec.name).await.unwrap();
    assert!(bench.jobs.logs(&spec.name, 0).await.unwrap().ended);
}

#[tokio::test]
async fn why_a_run_did_not_do_is_said_with_where_to_look() {
    let bench = Bench::published(|_| {}).await;
    bench.runs_end(JobEnd::bad("Pipeline has failed child jobs.\n For more details look at step Train Model"));
    let reason = bench.failure(&job("train-diabetes-1")).await;
    assert!(
        reason.contains("trains failed: Pipeline has failed child jobs. For more details look at step"),
        "{reason}"
    );
    assert!(
        reason.contains("; see https://ml.azure.com/runs/") && reason.contains("?wsid=/subscriptions/"),
        "{reason}"
    );

    let name = "train-diabetes-2";
    bench.runs_end(left(name, &[], &[("mse", 2.5)]));
    let reason = bench.failure(&job(name)).await;
    let place = "azureml://datastores/workspaceblobstore/paths/trainyard/train-diabetes-2/model.pkl";
    assert!(reason.starts_with(&format!("model.pkl is missing; it was looked for at {place}")), "{reason}");

    let name = "train-diabetes-3";
    bench.runs_end(left(name, &[("model.pkl", "a model")], &[]));
    assert!(bench.failure(&job(name)).await.contains("the run has left no metrics: let it write metrics.json"));

    let name = "train-diabetes-4";
    bench.runs_end(left(name, &[("model.pkl", "a model"), ("metrics.json", r#"{"mse": "NaN"}"#)], &[]));
    assert!(bench.failure(&job(name)).await.contains("the metric `mse` is \"NaN\""));
}

#[tokio::test]
async fn what_cannot_be_trained_here_is_refused_with_what_to_do() {
    let bench = Bench::published(|_| {}).await;
    let mut check = job(JOB);
    check.reply_to.step = StepKey::of(Step::Check);
    assert!(bench.refusal(&check).await.contains("published pipelines only train; set another job platform"));
    let mut other = job(JOB);
    other.project = "other".parse().unwrap();
    assert!(bench.refusal(&other).await.contains("add it to `projects` of published pipelines"));
    let mut no_commit = job(JOB);
    no_commit.variables.clear();
    let reason = bench.refusal(&no_commit).await;
    assert!(reason.contains("asks for the") && reason.contains("job train-diabetes-7 has none"), "{reason}");
    assert_eq!(bench.fake.count(), 0);

    bench.fake.spoil(3, Fault::Status(403));
    let reason = bench.refusal(&job(JOB)).await;
    assert!(reason.contains("the managed identity trains may not start a published pipeline"), "{reason}");
    assert!(reason.contains("AzureML Data Scientist on the workspace") && !reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_said_before_any_run() {
    let bench = Bench::published(|_| {}).await;
    let check = |change: &dyn Fn(&mut PublishedPipelineTraining), wanted: &str| {
        let settings = super::published(&bench.fake, change);
        let (us, clock) = (std::sync::Arc::new(Somebody), std::sync::Arc::new(bench.clock.clone()));
        let ports = (bench.machine.store.clone() as _, bench.machine.artifacts.clone() as _);
        let made = ExistingTraining::published_pipeline(settings, us.clone(), us, clock, ports);
        let error = made.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    check(&|it| it.pipeline = PublishedPipeline::Published("training-pipeline".into()), "`pipeline` is an id such as");
    check(&|it| drop(it.parameters.insert("a".into(), "{build}".into())), "nobody fills in {build}");
    check(&|it| drop(it.parameters.insert("a".into(), "{id}".into())), "nobody fills in {id}");
    check(&|it| it.result.folder = None, "set `folder` or `files`");
    check(&|it| it.result.folder = Some("https://a.b/c".into()), "is neither azureml://datastores/NAME/paths/PATH nor");
    let step = "azureml://jobs/{step}/outputs/artifacts/paths/outputs";
    check(&|it| it.result.folder = Some(step.into()), "no `step` is set");
    let text = r#"{"subscription": "s", "resource_group": "g", "workspace": "w", "projects": {"diabetes": {"pipeline":
        {"published": "6d2f9c81-0b5e-4a47-b3d0-1e8f7c6a5b49"}, "result": {"folder": "azureml://datastores/d/paths/p"}}}}"#;
    let read: azure::PublishedPipelineSettings = serde_json::from_str(text).unwrap();
    assert_eq!((read.studio.as_str(), read.timeout_secs), ("https://ml.azure.com", 30));
    let more: Value = serde_json::from_str(&text.replace("\"workspace\"", "\"compute\": 1, \"workspace\"")).unwrap();
    assert!(serde_json::from_value::<azure::PublishedPipelineSettings>(more).is_err());
}
