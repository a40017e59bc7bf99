//! Training by what is in a workspace already: published pipelines and batch endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure::{
    BatchData, BatchEndpointSettings, BatchEndpointTraining, BatchInput, BatchOutput, ExistingTraining,
    PersonalAccessToken, PublishedPipeline, PublishedPipelineSettings, PublishedPipelineTraining, TrainingResult,
};
use pipeline::effect::{JobSpec, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::{Digest, JobName};
use runner::conformance::jobs::{self, Example};
use runner::memory::{Machine, TestClock};
use runner::ports::{JobPlatform as _, JobStatus, PortError};
use serde_json::{Value, json};

use crate::azure_ml::Somebody;
use crate::fake::azure_ml::{self, ACCOUNT, BatchEndpoint, JobEnd, Pipeline, TRACKING, batch_host};
use crate::fake::{Fake, Seen};
use crate::support::{commit, project};

mod batch;
mod every_fault;
mod fakes;
mod published;

pub const PIPELINE: &str = "6d2f9c81-0b5e-4a47-b3d0-1e8f7c6a5b49";
pub const ENDPOINT: &str = "0c6d3f7e-6a1b-4f6e-9d60-52d7d1a7c0de";
pub const FOLDER: &str = "azureml://datastores/workspaceblobstore/paths/trainyard/{job}";
pub const JOB: &str = "train-diabetes-7";

/// A workspace in this process with something that trains, and our way to it.
#[derive(Debug)]
pub struct Bench {
    pub fake: Fake,
    pub clock: TestClock,
    pub machine: Machine,
    pub jobs: ExistingTraining,
}

impl Bench {
    async fn of(make: impl FnOnce(&Fake, &Machine) -> ExistingTraining) -> Self {
        let machine = Machine::new();
        let clock = machine.clock.clone();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        {
            let aml = &mut fake.world().azure_ml;
            let parameters = BTreeMap::from([("alpha".to_owned(), "0.1".to_owned())]);
            aml.pipelines.insert(PIPELINE.into(), Pipeline { parameters, is_disabled: false });
            aml.pipeline_endpoints.insert(ENDPOINT.into(), PIPELINE.into());
            let endpoint = BatchEndpoint {
                deployments: vec!["blue".into(), "green".into()],
                default: Some("blue".into()),
                ..BatchEndpoint::default()
            };
            aml.batch_endpoints.insert("retrain".into(), endpoint);
        }
        let jobs = make(&fake, &machine);
        Self { fake, clock, machine, jobs }
    }

    pub async fn published(change: impl FnOnce(&mut PublishedPipelineTraining)) -> Self {
        Self::of(|fake, machine| {
            let settings = published(fake, change);
            let ports = (machine.store.clone() as _, machine.artifacts.clone() as _);
            let (us, clock) = (Arc::new(Somebody), Arc::new(machine.clock.clone()));
            ExistingTraining::published_pipeline(settings, us.clone(), us, clock, ports).unwrap()
        })
        .await
    }

    pub async fn batch(change: impl FnOnce(&mut BatchEndpointTraining)) -> Self {
        Self::of(|fake, machine| {
            let settings = batch(fake, change);
            let ports = (machine.store.clone() as _, machine.artifacts.clone() as _);
            let (us, clock) = (Arc::new(Somebody), Arc::new(machine.clock.clone()));
            let endpoints = Arc::new(PersonalAccessToken::of_github("ann", "endpoints-secret").unwrap());
            ExistingTraining::batch_endpoint(settings, (us.clone(), endpoints), us, clock, ports).unwrap()
        })
        .await
    }

    /// What becomes of all runs.
    pub fn runs_end(&self, end: JobEnd) {
        self.fake.world().azure_ml.on_job = Some(Box::new(move |_| end.clone()));
    }

    /// Submits a job and answers how it is then.
    pub async fn end(&self, job: &JobSpec) -> JobResult {
        self.jobs.submit(job).await.unwrap();
        self.result(&job.name).await
    }

    pub async fn result(&self, job: &JobName) -> JobResult {
        match self.jobs.status(job).await.unwrap() {
            JobStatus::Finished { result } => result,
            status => panic!("{status:?}"),
        }
    }

    pub async fn completed(&self, job: &JobSpec) -> JobOutputs {
        match self.end(job).await {
            JobResult::Completed(outputs) => outputs,
            result => panic!("{result:?}"),
        }
    }

    pub async fn failure(&self, job: &JobSpec) -> String {
        match self.end(job).await {
            JobResult::Failed { reason, .. } => reason,
            result => panic!("{result:?}"),
        }
    }

    pub async fn refusal(&self, job: &JobSpec) -> String {
        match self.jobs.submit(job).await.unwrap_err() {
            PortError::Permanent { reason, .. } => reason,
            error => panic!("{error}"),
        }
    }

    /// The last request to an address with this in it.
    pub fn sent(&self, word: &str) -> Seen {
        let world = self.fake.world();
        world.seen.iter().rev().find(|seen| seen.path.contains(word)).unwrap_or_else(|| panic!("no {word}")).clone()
    }

    /// How many runs the service has.
    pub fn runs(&self) -> usize {
        self.fake.world().azure_ml.jobs.len()
    }

    /// Our document about a job, without what differs from one time to the next.
    pub fn record(&self) -> Value {
        let document = self.machine.store.look(&format!("azure-ml-runs/{JOB}"));
        let mut record: Value = document.map_or(Value::Null, |it| serde_json::from_slice(&it.body).unwrap());
        record["asked_at"] = Value::Null;
        record
    }
}

pub fn published(fake: &Fake, change: impl FnOnce(&mut PublishedPipelineTraining)) -> PublishedPipelineSettings {
    let parameters = [("build", "{project}-{number}"), ("commit", "{commit}"), ("kind", "{branch}")];
    let mut training = PublishedPipelineTraining {
        pipeline: PublishedPipeline::Published(PIPELINE.into()),
        experiment: None,
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        result: TrainingResult { folder: Some(FOLDER.into()), ..TrainingResult::default() },
    };
    change(&mut training);
    PublishedPipelineSettings {
        subscription: azure_ml::SUBSCRIPTION.into(),
        resource_group: azure_ml::RESOURCE_GROUP.into(),
        workspace: azure_ml::WORKSPACE.into(),
        projects: [(project(), training)].into(),
        base: fake.host("management.azure.com"),
        tracking: Some(fake.host(TRACKING)),
        storage: Some(fake.host(&format!("{ACCOUNT}.blob.core.windows.net"))),
        studio: "https://ml.azure.com".into(),
        timeout_secs: 3,
    }
}

pub fn batch(fake: &Fake, change: impl FnOnce(&mut BatchEndpointTraining)) -> BatchEndpointSettings {
    let input = |kind, uri: Option<&str>, value| BatchInput { kind, uri: uri.map(str::to_owned), value };
    let data = "azureml://datastores/workspaceblobstore/paths/data/diabetes.csv";
    let mut training = BatchEndpointTraining {
        endpoint: "retrain".into(),
        deployment: Some("green".into()),
        experiment: None,
        inputs: [
            ("data".to_owned(), input(BatchData::UriFile, Some(data), None)),
            ("commit".into(), input(BatchData::Literal, None, Some(json!("{commit}")))),
            ("alpha".into(), input(BatchData::Literal, None, Some(json!(0.5)))),
            ("kind".into(), input(BatchData::Literal, None, Some(json!("{branch}")))),
        ]
        .into(),
        outputs: [("model".to_owned(), BatchOutput { kind: BatchData::UriFolder, uri: FOLDER.into() })].into(),
        result: TrainingResult::default(),
        address: Some(fake.host(&format!("{}/jobs", batch_host("retrain")))),
    };
    change(&mut training);
    BatchEndpointSettings {
        subscription: azure_ml::SUBSCRIPTION.into(),
        resource_group: azure_ml::RESOURCE_GROUP.into(),
        workspace: azure_ml::WORKSPACE.into(),
        projects: [(project(), training)].into(),
        base: fake.host("management.azure.com"),
        tracking: Some(fake.host(TRACKING)),
        storage: Some(fake.host(&format!("{ACCOUNT}.blob.core.windows.net"))),
        studio: "https://ml.azure.com".into(),
        timeout_secs: 3,
    }
}

pub fn job(name: &str) -> JobSpec {
    let commit = commit().to_string();
    let variables =
        [("TRAINYARD_RUN_NUMBER", "7"), ("TRAINYARD_COMMIT", commit.as_str()), ("TRAINYARD_BRANCH", "main")];
    JobSpec {
        name: name.parse().unwrap(),
        project: project(),
        reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Train), attempt: 1 },
        source: Digest::of(b"snapshot"),
        image: None,
        environments: Vec::new(),
        commands: Vec::new(),
        load: None,
        entry: None,
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        parameters: None,
        data: None,
        required: vec!["metrics.json".into(), "model.pkl".into()],
        reports: Vec::new(),
        timeout_secs: 7200,
    }
}

/// A training that leaves these files in a job's folder and logs these metrics.
pub fn left(job: &str, files: &[(&str, &str)], metrics: &[(&str, f64)]) -> JobEnd {
    let file = |(name, text): &(&str, &str)| (format!("trainyard/{job}/{name}"), text.as_bytes().to_vec());
    JobEnd {
        left: files.iter().map(file).collect(),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
        log: "submitting the graph\nthe run is done\n".into(),
        ..JobEnd::good()
    }
}

/// All promises of job platforms. The branch says which jobs never end.
async fn promises(bench: &Bench) {
    bench.fake.world().azure_ml.on_job = Some(Box::new(|order| match order.given["kind"].as_str() {
        "endless" => JobEnd::endless(),
        _ => JobEnd { log: "one\ntwo\n".into(), ..JobEnd::good() },
    }));
    let quick = |name| JobSpec { name, required: Vec::new(), ..job("template") };
    let endless = |name| {
        let mut spec = quick(name);
        spec.variables.insert("TRAINYARD_BRANCH".into(), "endless".into());
        spec
    };
    jobs::all(&Example { jobs: &bench.jobs, quick: &quick, endless: &endless }).await;
}
