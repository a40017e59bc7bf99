//! Jobs and models of an Azure ML workspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure::{AzureMl, AzureMlCluster, AzureMlCompute, AzureMlSettings};
use pipeline::effect::{JobCommand, JobSpec, Registration, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::{Digest, JobName};
use pipeline::release::Lineage;
use runner::memory::{Machine, TestClock};
use runner::ports::{Artifacts, Clock, JobPlatform as _, JobStatus, SystemClock};

use crate::fake::azure_ml::{self, ACCOUNT, JobEnd, TRACKING};
use crate::fake::{self, Fake};

mod environments;
mod every_fault;
mod fakes;
mod jobs;
mod logs;
mod models;
mod promises;

/// A workspace in this process, and our way to it.
pub struct Bench {
    pub fake: Fake,
    pub clock: TestClock,
    pub artifacts: Arc<dyn Artifacts>,
    pub aml: AzureMl,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.aml)
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings, by a clock that the test turns.
    pub async fn with(change: impl FnOnce(&mut AzureMlSettings)) -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        Self::of(fake, clock.clone(), Arc::new(clock), change)
    }

    /// By the clock of the machine, in which jobs really run.
    pub async fn running() -> Self {
        let fake = Fake::start().await;
        fake.world().azure_ml.on_job = Some(Box::new(azure_ml::run_with_python));
        Self::of(fake, TestClock::default(), Arc::new(SystemClock), |settings| settings.timeout_secs = 60)
    }

    fn of(fake: Fake, clock: TestClock, time: Arc<dyn Clock>, change: impl FnOnce(&mut AzureMlSettings)) -> Self {
        let artifacts = Machine::new().ports().artifacts;
        fake.world().azure_ml.computes.insert("cpu".into(), azure_ml::Compute::ready());
        let mut settings = settings(&fake);
        change(&mut settings);
        let (management, storage) = (Arc::new(Somebody), Arc::new(Somebody));
        let aml = AzureMl::new(settings, management, storage, artifacts.clone(), time).unwrap();
        Self { fake, clock, artifacts, aml }
    }

    /// What becomes of all jobs.
    pub fn jobs_end(&self, end: JobEnd) {
        self.fake.world().azure_ml.on_job = Some(Box::new(move |_| end.clone()));
    }

    /// Submits a job and answers how it is then.
    pub async fn run(&self, spec: &JobSpec) -> JobResult {
        self.aml.submit(spec).await.unwrap();
        self.result(&spec.name).await
    }

    pub async fn result(&self, name: &JobName) -> JobResult {
        match self.aml.status(name).await.unwrap() {
            JobStatus::Finished { result } => result,
            other => panic!("the job should have ended: {other:?}"),
        }
    }

    /// The body that something was last asked for with.
    pub fn sent(&self, method: &str, path: &str) -> serde_json::Value {
        let world = self.fake.world();
        let is_it = |seen: &&fake::Seen| seen.method == method && seen.path.split('?').next().unwrap().ends_with(path);
        world.seen.iter().rev().find(is_it).unwrap_or_else(|| panic!("no {method} {path}")).body.clone()
    }

    /// How often something was asked.
    pub fn count(&self, method: &str, word: &str) -> usize {
        self.fake.asked().iter().filter(|asked| asked.starts_with(method) && asked.contains(word)).count()
    }

    /// A job with a snapshot of these files.
    pub async fn spec(&self, name: &str, commands: &[(&str, &str)], files: &[(&str, &str)]) -> JobSpec {
        spec(name, self.artifacts.put(tar_of(files)).await.unwrap(), commands)
    }
}

pub fn settings(fake: &Fake) -> AzureMlSettings {
    AzureMlSettings {
        subscription: azure_ml::SUBSCRIPTION.into(),
        resource_group: azure_ml::RESOURCE_GROUP.into(),
        workspace: azure_ml::WORKSPACE.into(),
        compute: AzureMlCompute { name: "cpu".into(), create: None },
        datastore: None,
        image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest".into(),
        python: "3.12".into(),
        images: Some("contoso.azurecr.io/diabetes".into()),
        app: "/app".into(),
        base: fake.host("management.azure.com"),
        tracking: Some(fake.host(TRACKING)),
        storage: Some(fake.host(&format!("{ACCOUNT}.blob.core.windows.net"))),
        timeout_secs: 3,
    }
}

pub fn cluster() -> AzureMlCluster {
    AzureMlCluster { size: "Standard_DS3_v2".into(), nodes: 4, idle_secs: 300 }
}

/// Whom the workspace knows.
#[derive(Debug)]
pub struct Somebody;

#[async_trait::async_trait]
impl azure::Credential for Somebody {
    async fn token(&self) -> runner::ports::Result<azure::Token> {
        let expires_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
        azure::Token::bearer("management-secret", Some(expires_at))
    }

    fn identity(&self) -> String {
        "the managed identity trains".into()
    }
}

pub fn spec(name: &str, source: Digest, commands: &[(&str, &str)]) -> JobSpec {
    let command = |(name, line): &(&str, &str)| JobCommand { name: (*name).into(), line: (*line).into() };
    let variables = [("TRAINYARD_RUN_NUMBER", "7"), ("TRAINYARD_COMMIT", "aaaa"), ("TRAINYARD_BRANCH", "")];
    JobSpec {
        name: name.parse().unwrap(),
        project: "diabetes".parse().unwrap(),
        reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Train), attempt: 1 },
        source,
        image: None,
        environments: Vec::new(),
        commands: commands.iter().map(command).collect(),
        load: None,
        entry: None,
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        parameters: None,
        data: None,
        required: Vec::new(),
        reports: Vec::new(),
        timeout_secs: 600,
    }
}

pub fn registration(job: Option<&str>, digest: &Digest) -> Registration {
    Registration {
        name: "diabetes_model".parse().unwrap(),
        digest: digest.clone(),
        lineage: Lineage {
            run: "r1".parse().unwrap(),
            number: 7,
            commit: Some("a".repeat(40).parse().unwrap()),
            job: job.map(|job| job.parse().unwrap()),
            data: None,
            by: "ann".into(),
        },
        metrics: BTreeMap::from([("mse".into(), 0.1 + 0.2)]),
        tags: BTreeMap::from([("mse".into(), "0.3".into())]),
    }
}

/// What the launcher leaves of a job that has ended well: these files and metrics.
pub fn left(files: &[(&str, &str)], metrics: &[(&str, f64)]) -> JobEnd {
    let outputs = JobOutputs {
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        files: files.iter().map(|(name, text)| ((*name).to_owned(), Digest::of(text.as_bytes()))).collect(),
        said: vec!["train: ended well".into()],
    };
    let result = serde_json::to_vec(&JobResult::Completed(outputs)).unwrap();
    let mut left = BTreeMap::from([("result.json".to_owned(), result), ("log.txt".to_owned(), b"one\ntwo\n".to_vec())]);
    left.extend(files.iter().map(|(name, text)| (format!("files/{name}"), text.as_bytes().to_vec())));
    JobEnd { files: left, log: "one\ntwo\n".into(), ..JobEnd::good() }
}

pub fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[track_caller]
pub fn completed(result: JobResult) -> JobOutputs {
    match result {
        JobResult::Completed(outputs) => outputs,
        other => panic!("the job should have completed: {other:?}"),
    }
}

#[track_caller]
pub fn failed(result: JobResult) -> String {
    match result {
        JobResult::Failed { reason, .. } => reason,
        other => panic!("the job should have failed: {other:?}"),
    }
}
