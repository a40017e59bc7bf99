//! What happened, and to which step of which run it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::infrastructure::Change;
use crate::names::{
    BuildName, DeploymentName, Digest, EnvironmentName, InfrastructureName, JobName, ModelName, Project, RunId,
};
use crate::release::{Model, Release};

/// One kind of work in a run. The word is also the step's folder, function, queue and `step.name` in the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Lint, unit tests, data tests, coverage.
    Check,
    /// Infrastructure, compute, environments and data as declared.
    Provision,
    /// One training job.
    Train,
    /// Challenger against champion.
    Evaluate,
    /// A model version with its lineage.
    Register,
    /// The scoring image.
    Package,
    /// The repository's tests inside the scoring image.
    TestImage,
    /// Latency, CPU and memory under load.
    Profile,
    /// A release put into an environment.
    Deploy,
    /// Does it answer, and rightly?
    SmokeTest,
    /// A person's answer before an environment.
    Approve,
    /// The last good release put back.
    Rollback,
}

impl Step {
    /// All steps, in the order of a delivery.
    pub const ALL: [Self; 12] = [
        Self::Check,
        Self::Provision,
        Self::Train,
        Self::Evaluate,
        Self::Register,
        Self::Package,
        Self::TestImage,
        Self::Profile,
        Self::Deploy,
        Self::SmokeTest,
        Self::Approve,
        Self::Rollback,
    ];

    /// The step's one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Provision => "provision",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Register => "register",
            Self::Package => "package",
            Self::TestImage => "test_image",
            Self::Profile => "profile",
            Self::Deploy => "deploy",
            Self::SmokeTest => "smoke_test",
            Self::Approve => "approve",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A step of a run: `train`, `deploy:qa`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey {
    /// Which kind of work.
    pub step: Step,
    /// Where; only for the steps of a stage.
    pub environment: Option<EnvironmentName>,
}

impl StepKey {
    /// A step that belongs to no environment.
    #[must_use]
    pub fn of(step: Step) -> Self {
        Self { step, environment: None }
    }

    /// A step of an environment's stage.
    #[must_use]
    pub fn at(step: Step, environment: &EnvironmentName) -> Self {
        Self { step, environment: Some(environment.clone()) }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.environment {
            Some(environment) => write!(f, "{}:{environment}", self.step),
            None => write!(f, "{}", self.step),
        }
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for StepKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for StepKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (step, environment) = match text.split_once(':') {
            Some((step, environment)) => (step, Some(environment)),
            None => (text, None),
        };
        let step = Step::ALL.into_iter().find(|known| known.name() == step).ok_or_else(|| {
            let names = Step::ALL.map(Step::name).join(", ");
            format!("there is no step {step:?}; the steps are {names}")
        })?;
        let environment = environment.map(str::parse).transpose().map_err(|error| format!("{error}"))?;
        Ok(Self { step, environment })
    }
}

/// An event on its way to one step of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Made from what caused it: the same cause sends the same id, and a bus drops the second.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// The step that is told.
    pub step: StepKey,
    /// The try that is meant; news of an older try changes nothing.
    pub attempt: u32,
    /// What happened.
    pub event: Event,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum JobResult {
    /// All commands ended well, and what was asked for is there.
    Completed(JobOutputs),
    /// A command ended badly, or an output is missing. What there is, is kept.
    Failed {
        /// A sentence for people: which command, how it ended, the last line it said.
        reason: String,
        /// What there is all the same, such as the report of red tests.
        outputs: JobOutputs,
    },
    /// Somebody canceled it.
    Canceled,
}

/// What a job left behind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobOutputs {
    /// Named numbers from `metrics.json`, a coverage report, a test report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Kept files by their name in the job's outputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// Sentences about each command: `pytest: 14 passed`, `ruff: 2 findings`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

/// What a release answered to one payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Answer {
    /// It answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// The body, at most 64 KiB of it.
        body: String,
    },
    /// Nobody answered: refused, reset, timed out. Worth another try.
    Unreachable {
        /// What was seen.
        reason: String,
    },
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Approve,
    /// Stop here.
    Reject,
}

/// Something that happened. Events are in the past tense; what is to be done about them is a step's to decide.
#[expect(clippy::large_enum_variant, reason = "a few are alive at a time, and a box would be in every pattern")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The step before asks this one to begin.
    Requested,

    /// A job of ours ended.
    JobFinished {
        /// Which.
        job: JobName,
        /// How.
        result: JobResult,
    },
    /// The job platform will not take the job.
    JobRefused {
        /// Which.
        job: JobName,
        /// Why.
        reason: String,
    },
    /// Somebody asked how the job does: it is still at it.
    JobRunning {
        /// Which.
        job: JobName,
    },

    /// Somebody asked what the infrastructure would change: it takes its time.
    InfrastructurePlanning {
        /// What to ask with.
        operation: String,
    },
    /// It is known what the infrastructure would change.
    InfrastructurePlanned {
        /// To each resource.
        changes: Vec<Change>,
    },
    /// What is declared is there.
    InfrastructureApplied {
        /// Which application.
        name: InfrastructureName,
        /// What it says of itself.
        outputs: BTreeMap<String, String>,
    },
    /// What is declared cannot be, or could not be made.
    InfrastructureFailed {
        /// Why.
        reason: String,
    },
    /// There is nothing to plan or to apply.
    InfrastructureUntouched {
        /// Why not.
        reason: String,
    },

    /// The model that serves in production was looked up.
    ChampionRead {
        /// None when nothing is deployed.
        champion: Option<Release>,
    },
    /// A version exists in the model registry.
    ModelRegistered {
        /// Which.
        model: Model,
    },
    /// Something that is wanted of the outside world was refused for good.
    Refused {
        /// What was to be done.
        what: String,
        /// Why not.
        reason: String,
    },

    /// People could not be told something. The run goes on as if they had been.
    NotTold {
        /// What was to be done.
        what: String,
        /// Why not.
        reason: String,
    },

    /// The image is there.
    ImageBuilt {
        /// Which build.
        build: BuildName,
        /// The image.
        digest: Digest,
    },
    /// The image could not be built.
    ImageFailed {
        /// Which build.
        build: BuildName,
        /// Why.
        reason: String,
    },

    /// The environment is this run's to change.
    EnvironmentGranted {
        /// What serves there now.
        current: Option<Release>,
        /// What could be put back.
        last_good: Option<Release>,
    },
    /// Another run changes the environment; this one is in its queue.
    EnvironmentBusy {
        /// Who has it.
        holder: RunId,
    },
    /// The environment will not take this run's release.
    EnvironmentRefused {
        /// Why.
        reason: String,
        /// A newer run is already there.
        superseded: bool,
    },

    /// A deployment takes requests.
    DeploymentReady {
        /// Which.
        deployment: DeploymentName,
        /// Where it is called.
        endpoint: String,
    },
    /// A deployment did not get healthy, or died.
    DeploymentFailed {
        /// Which.
        deployment: DeploymentName,
        /// Why.
        reason: String,
    },
    /// A smoke test's payloads were sent.
    EndpointCalled {
        /// Which round of calls this was, from 1.
        round: u32,
        /// One for each payload, in order.
        answers: Vec<Answer>,
    },

    /// A person answered a gate.
    ApprovalAnswered {
        /// Yes or no.
        verdict: Verdict,
        /// Who.
        by: String,
        /// In their words.
        reason: Option<String>,
    },

    /// A wait's poll is due.
    PollDue,
    /// A wait has had its time.
    DeadlinePassed,

    /// A person ends the run.
    CancelRequested {
        /// Who.
        by: String,
        /// In their words.
        reason: Option<String>,
    },
    /// A person wants the failed step tried again.
    RetryRequested {
        /// Who.
        by: String,
    },
    /// A newer change of the same branch is on its way.
    Superseded {
        /// The newer run.
        by: RunId,
        /// Its number.
        number: u64,
    },
}

/// What an environment is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EnvironmentEvent {
    /// A run wants to change the environment.
    Acquire {
        /// The run's number: an older run never overwrites a newer one's release.
        number: u64,
        /// The image that it brings; None for a rollback.
        image: Option<Digest>,
        /// A person asked for exactly this release: an image in quarantine may come back, an older run may pass.
        explicit: bool,
        /// Whom to tell when it is granted later.
        reply_to: (StepKey, u32),
    },
    /// The run's release takes the traffic, unproven.
    Deployed {
        /// What.
        release: Box<Release>,
    },
    /// The run's release passed its smoke test; the run is done here.
    Proven,
    /// The run's release failed; it may never come back by itself.
    Failed {
        /// Whether anything serves again.
        rolled_back_to: Option<Box<Release>>,
    },
    /// The run leaves, having changed nothing since it was granted.
    Leave,
}

/// The name and version of a model, as text: `name:version`.
#[must_use]
pub fn model_reference(name: &ModelName, version: u64) -> String {
    format!("{name}:{version}")
}

/// Where an environment's document lives.
#[must_use]
pub fn environment_key(project: &Project, environment: &EnvironmentName) -> String {
    format!("environments/{project}/{environment}")
}
