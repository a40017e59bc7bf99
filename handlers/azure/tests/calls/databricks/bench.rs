//! A workspace with a cluster and a model in a volume, and jobs for it.

use std::sync::Arc;

use azure::{
    Credential, DatabricksCluster, DatabricksGit, DatabricksJobs, DatabricksSettings, DatabricksTraining,
    PersonalAccessToken,
};
use pipeline::effect::{JobCommand, JobSpec, ReplyTo};
use pipeline::event::{JobResult, Step, StepKey};
use pipeline::names::Digest;
use runner::memory::{Machine, TestClock};
use runner::ports::{JobPlatform as _, JobStatus, Result};
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::fake::databricks::Plan;
use crate::support::{commit, project, run};
use crate::weather;

pub const HOST: &str = "adb-1234567890123456.7.azuredatabricks.net";
pub const NOTEBOOK: &str = "notebooks/train";
pub const MODEL: &str = "/Volumes/main/ml/trainyard/model.pkl";

/// A workspace with a cluster and a model in a volume.
#[derive(Debug)]
pub struct Bench {
    pub fake: Fake,
    pub clock: TestClock,
    pub machine: Machine,
    pub settings: DatabricksSettings,
    pub jobs: DatabricksJobs,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut DatabricksTraining)) -> Self {
        let machine = Machine::new();
        let clock = machine.clock.clone();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        let mut training = DatabricksTraining {
            git: Some(DatabricksGit { url: "https://github.com/contoso/diabetes".into(), provider: "gitHub".into() }),
            notebook: Some(NOTEBOOK.into()),
            cluster: DatabricksCluster::Existing("0101-120000-abcdefgh".into()),
            libraries: Vec::new(),
            outputs: None,
            model_path: None,
            experiments: Vec::new(),
        };
        change(&mut training);
        {
            let databricks = &mut fake.world().databricks;
            databricks.clusters.insert("0101-120000-abcdefgh".into());
            databricks.files.insert(MODEL.into(), b"the model".to_vec());
            databricks.plans.insert(NOTEBOOK.into(), plan());
        }
        let settings = DatabricksSettings {
            workspace: fake.host(HOST),
            projects: [(project(), training)].into(),
            timeout_secs: 3,
        };
        let credential = PersonalAccessToken::of_github("ann", "databricks-secret").unwrap();
        let jobs = workspace(settings.clone(), Arc::new(credential), &machine).unwrap();
        Self { fake, clock, machine, settings, jobs }
    }

    pub fn plan(&self, change: impl FnOnce(&mut Plan)) {
        let mut plan = plan();
        change(&mut plan);
        self.fake.world().databricks.plans.insert(NOTEBOOK.into(), plan);
    }

    /// Submits a job, lets an hour pass, and answers how it ended.
    pub async fn end(&self, job: &JobSpec) -> JobResult {
        self.jobs.submit(job).await.unwrap();
        self.clock.advance_secs(3600);
        match self.jobs.status(&job.name).await.unwrap() {
            JobStatus::Finished { result } => result,
            status => panic!("{status:?}"),
        }
    }

    pub async fn failure(&self, job: &JobSpec) -> String {
        match self.end(job).await {
            JobResult::Failed { reason, .. } => reason,
            result => panic!("{result:?}"),
        }
    }

    /// What Databricks was last asked to run.
    pub fn submitted(&self) -> Value {
        self.fake.world().databricks.runs.values().last().unwrap().asked.clone()
    }
}

pub fn workspace(
    settings: DatabricksSettings,
    credential: Arc<dyn Credential>,
    machine: &Machine,
) -> Result<DatabricksJobs> {
    let clock = Arc::new(machine.clock.clone());
    DatabricksJobs::new(settings, credential, clock, machine.store.clone(), machine.artifacts.clone())
}

/// A minute for the cluster, ten for the training.
pub fn plan() -> Plan {
    let exit = json!({"metrics": {"mse": 0.4, "r2": 0.35}, "model_path": MODEL}).to_string();
    Plan { pending_secs: 60, running_secs: 600, terminating_secs: 20, exit, ..Plan::default() }
}

pub fn job(name: &str) -> JobSpec {
    JobSpec {
        name: name.parse().unwrap(),
        project: project(),
        reply_to: ReplyTo { run: run(1), step: StepKey::of(Step::Train), attempt: 1 },
        source: Digest::of(b"snapshot"),
        image: None,
        environments: vec!["requirements.txt".into()],
        commands: vec![JobCommand { name: "train".into(), line: "python training/train.py --alpha 0.4".into() }],
        load: None,
        entry: None,
        variables: [("TRAINYARD_COMMIT".to_owned(), commit().to_string()), ("TRAINYARD_RUN".into(), "r1".into())]
            .into(),
        parameters: None,
        data: None,
        required: vec!["metrics.json".into(), "model.pkl".into()],
        reports: Vec::new(),
        timeout_secs: 7200,
    }
}

pub fn snapshot() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("parameters.json", r#"{"training": {"alpha": 0.4, "kind": "ridge"}, "scoring": {}}"#),
        ("data/diabetes.csv", "age,target\n1,2\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        Self::new().await
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let runs: Vec<_> = world.databricks.runs.values().map(|run| (&run.asked, run.canceled_at.is_some())).collect();
        let document = self.machine.store.look("databricks-runs/train-7");
        let mut record: Value = document.map_or(Value::Null, |it| serde_json::from_slice(&it.body).unwrap());
        record["submitted_at"] = Value::Null;
        format!("{runs:#?} {record:#}")
    }
}
