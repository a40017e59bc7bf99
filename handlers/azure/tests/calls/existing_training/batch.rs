//! Batch endpoints.

use azure::{BatchData, BatchEndpointTraining, ExistingTraining, PersonalAccessToken};
use pipeline::event::JobResult;
use pipeline::names::Digest;
use runner::ports::{JobPlatform as _, JobStatus, Store as _};
use serde_json::json;

use super::{Bench, JOB, job, left, promises};
use crate::azure_ml::Somebody;
use crate::fake::Fault;
use crate::fake::azure_ml::{self, JobEnd};
use crate::support::commit;

#[tokio::test]
async fn batch_endpoints_keep_the_promises_of_job_platforms() {
    promises(&Bench::batch(|_| {}).await).await;
}

#[tokio::test]
async fn an_endpoint_is_invoked_in_its_own_dialect_and_its_model_comes_back() {
    let bench = Bench::batch(|_| {}).await;
    bench.runs_end(left(JOB, &[("model.pkl", "a model")], &[("mse", 2.5)]));

    let outputs = bench.completed(&job(JOB)).await;

    assert_eq!(outputs.metrics, [("mse".to_owned(), 2.5)].into());
    assert_eq!(outputs.files["model.pkl"], Digest::of(b"a model"));
    let asked = bench.sent("retrain.westeurope.inference.ml.azure.com/jobs");
    let data = "azureml://datastores/workspaceblobstore/paths/data/diabetes.csv";
    let wanted = json!({"properties": {
        "inputData": {
            "data": {"jobInputType": "UriFile", "uri": data},
            "commit": {"jobInputType": "Literal", "value": commit()},
            "alpha": {"jobInputType": "Literal", "value": 0.5},
            "kind": {"jobInputType": "Literal", "value": "main"},
        },
        "outputData": {"model": {
            "jobOutputType": "UriFolder", "uri": format!("azureml://datastores/workspaceblobstore/paths/trainyard/{JOB}"),
        }},
        "properties": {"experimentName": "diabetes"},
    }});
    assert_eq!(asked.body, wanted);
    assert_eq!(asked.headers["azureml-model-deployment"], "green");
    assert_eq!(asked.authorization, "Bearer endpoints-secret", "of another audience than Azure Resource Manager");
    let repeat = asked.headers["repeatability_request-id"].to_str().unwrap();
    assert_eq!(repeat.len(), 36);
    assert_eq!((&repeat[14..15], &repeat[19..20]), ("8", "8"), "{repeat}");
}

#[tokio::test]
async fn single_files_and_steps_are_found_where_outputs_and_settings_say() {
    let bench = Bench::batch(|training| {
        let output = training.outputs.get_mut("model").unwrap();
        output.kind = BatchData::UriFile;
        output.uri += "/model.pkl";
        training.deployment = None;
        training.result.step = Some("train".into());
    })
    .await;
    let step = azure_ml::Step {
        name: "train".into(),
        metrics: [("mse".to_owned(), json!(1.5))].into(),
        log: "trained\n".into(),
        ..azure_ml::Step::default()
    };
    bench.runs_end(JobEnd { steps: vec![step], ..left(JOB, &[("model.pkl", "a model")], &[]) });

    let outputs = bench.completed(&job(JOB)).await;

    assert_eq!((outputs.metrics["mse"], outputs.files["model.pkl"].clone()), (1.5, Digest::of(b"a model")));
    assert!(bench.jobs.logs(&job(JOB).name, 0).await.unwrap().text.contains("\ntrained\nit ended well\n"));
    let world = bench.fake.world();
    let run = world.azure_ml.jobs.values().next().unwrap();
    assert_eq!(run.properties["tags"]["azureml.deploymentname"], "blue", "the endpoint's default");
}

#[tokio::test]
async fn a_repeat_is_the_same_job() {
    let bench = Bench::batch(|_| {}).await;
    bench.runs_end(JobEnd::endless());
    let spec = job(JOB);
    bench.fake.spoil(1, Fault::LostReply);
    bench.jobs.submit(&spec).await.unwrap();
    assert_eq!(bench.runs(), 1, "the call itself tries again");

    // As after a crash before the run was written down.
    bench.machine.store.delete(&format!("azure-ml-runs/{JOB}")).await.unwrap();
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Unknown);
    bench.jobs.submit(&spec).await.unwrap();
    assert_eq!(bench.runs(), 1);

    let mut other = spec.clone();
    other.reply_to.run = "r2".parse().unwrap();
    other.name = "train-diabetes-8".parse().unwrap();
    bench.jobs.submit(&other).await.unwrap();
    assert_eq!(bench.runs(), 2);
    bench.jobs.cancel(&spec.name).await.unwrap();
    assert_eq!(bench.result(&spec.name).await, JobResult::Canceled);
    assert_eq!(bench.jobs.status(&other.name).await.unwrap(), JobStatus::Running);
}

#[tokio::test]
async fn a_job_that_is_not_shown_yet_is_waited_for() {
    let bench = Bench::batch(|_| {}).await;
    bench.fake.world().azure_ml.lag_secs = 60;
    bench.runs_end(JobEnd::endless());
    let spec = job(JOB);
    bench.jobs.submit(&spec).await.unwrap();
    assert_eq!(bench.jobs.status(&spec.name).await.unwrap(), JobStatus::Running);
    assert!(bench.jobs.cancel(&spec.name).await.unwrap_err().to_string().contains("it is not there yet"));
    bench.clock.advance_secs(60);
    bench.jobs.cancel(&spec.name).await.unwrap();
    assert_eq!(bench.result(&spec.name).await, JobResult::Canceled);
}

#[tokio::test]
async fn why_a_job_failed_is_said_in_the_service_s_words() {
    let bench = Bench::batch(|_| {}).await;
    bench.runs_end(JobEnd::bad("The data has no column Y"));
    let reason = bench.failure(&job(JOB)).await;
    assert!(reason.starts_with("run pipelinejob-"), "{reason}");
    assert!(reason.contains("trains failed: The data has no column Y; see https://ml.azure.com/runs/pipe"), "{reason}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_invoked_is_named() {
    let bench = Bench::batch(|training| training.deployment = Some("red".into())).await;
    assert!(bench.refusal(&job(JOB)).await.contains("invoke a batch endpoint: 404, There is no such deployment"));

    let bench = Bench::batch(|training| (training.address, training.endpoint) = (None, "other".into())).await;
    assert!(bench.refusal(&job(JOB)).await.contains("Azure ML workspace trains has no batch endpoint other"));

    let bench = Bench::batch(|training| training.address = None).await;
    let reason = bench.refusal(&job(JOB)).await;
    assert!(reason.contains("batch endpoint retrain names no address that can be called; set `address`"), "{reason}");
    assert!(!bench.fake.asked().iter().any(|asked| asked.starts_with("POST")), "no token goes to a stranger");
}

#[tokio::test]
async fn settings_that_cannot_work_are_said_before_any_run() {
    let bench = Bench::batch(|_| {}).await;
    let check = |change: &dyn Fn(&mut BatchEndpointTraining), wanted: &str| {
        let settings = super::batch(&bench.fake, change);
        let (us, clock) = (std::sync::Arc::new(Somebody), std::sync::Arc::new(bench.clock.clone()));
        let ports = (bench.machine.store.clone() as _, bench.machine.artifacts.clone() as _);
        let them = std::sync::Arc::new(PersonalAccessToken::of_github("ann", "t").unwrap());
        let made = ExistingTraining::batch_endpoint(settings, (us.clone(), them), us, clock, ports);
        let error = made.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    check(&|it| it.inputs.get_mut("data").unwrap().uri = None, "the input data has a `value` if it is a Literal");
    check(&|it| it.inputs.get_mut("alpha").unwrap().value = None, "the input alpha has a `value`");
    check(&|it| it.inputs.get_mut("alpha").unwrap().value = Some(json!("{build}")), "nobody fills in {build}");
    check(&|it| it.outputs.get_mut("model").unwrap().kind = BatchData::Literal, "cannot be a Literal");
    check(&|it| it.outputs.get_mut("model").unwrap().uri = "https://a/b".into(), "nothing says where the model is");
    check(&|it| it.outputs.get_mut("model").unwrap().kind = BatchData::MLFlowModel, "nothing says where the model is");
    check(&|it| it.address = Some("retrain".into()), "`address` is \"retrain\"");
    let text = r#"{"type": "uri_folder", "uri": "azureml://datastores/d/paths/p"}"#;
    let error = serde_json::from_str::<azure::BatchOutput>(text).unwrap_err().to_string();
    assert!(error.contains("unknown variant `uri_folder`") && error.contains("`UriFolder`"), "{error}");
}
