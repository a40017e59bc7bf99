//! A run: one change's trip. Its document is the truth; whatever else there is can be made again from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effect::Effect;
use crate::event::{Event, Message, StepKey, Verdict};
use crate::manifest::Manifest;
use crate::names::{
    Branch, BuildName, CommitId, DeploymentName, Digest, EnvironmentName, InfrastructureName, JobName, Project, RunId,
};
use crate::release::{Lineage, Model, Profile, Release};

/// The shape of a saved run. A change that an older reader cannot take counts it up.
pub const SCHEMA: u32 = 1;

/// One change's trip from a commit (or a model, or an image) to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`] of the binary that made it.
    pub schema: u32,
    /// Sortable, newest first.
    pub id: RunId,
    /// Counted by project, from 1.
    pub number: u64,
    /// Whose.
    pub project: Project,
    /// What started it.
    pub trigger: Trigger,
    /// The branch, where there is one.
    pub branch: Option<Branch>,
    /// The code, where there is any.
    pub commit: Option<CommitId>,
    /// The snapshot of that commit.
    pub source: Option<Digest>,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// The settings that it runs by, as they were when it started.
    pub manifest: Manifest,
    /// The steps that it takes, in order.
    pub plan: Vec<StepKey>,
    /// How each one does. A step that is not here has not begun.
    pub steps: BTreeMap<StepKey, StepRecord>,
    /// What has been found out.
    pub facts: Facts,
    /// How it ended.
    pub ended: Option<Ended>,
    /// A newer run that takes its place as soon as nothing in the world hangs on this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<RunId>,
    /// Effects that are to be performed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Messages that are to be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Letter>,
    /// Events that came before the step they are for had begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early: Vec<Message>,
    /// All that happened, in order.
    pub journal: Vec<Entry>,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trigger {
    /// A commit on a branch that is delivered.
    Push,
    /// A commit on a branch that somebody wants merged.
    PullRequest {
        /// Its number.
        number: u64,
        /// Where it wants to go; the settings come from there.
        base: Branch,
    },
    /// A person.
    Manual,
    /// Only scoring code changed: the live model in a new image.
    ScoringChange {
        /// The model that is live.
        model: Box<Model>,
    },
    /// A registered model.
    Model {
        /// Which.
        model: Box<Model>,
    },
    /// What an older run made, again, without training.
    Redeploy {
        /// The older run.
        run: RunId,
        /// Its number.
        number: u64,
        /// Its model.
        model: Box<Model>,
        /// Its image.
        image: Digest,
        /// What was measured of it.
        profile: Option<Profile>,
    },
    /// A person puts the last good release back.
    Rollback {
        /// Where.
        environment: EnvironmentName,
    },
    /// All steps are visited and nothing is done: shows that messages flow.
    Rehearsal,
    /// An image that somebody else built.
    Image {
        /// Which.
        image: Digest,
    },
    /// A tag was set.
    Tag {
        /// Its name.
        tag: String,
    },
    /// A build of an existing pipeline has checked the commit: its checks stand for ours.
    Build {
        /// What people call it.
        build: String,
    },
    /// Nobody changed the code: a schedule, new data, drift.
    Retraining {
        /// Why, in a few words.
        why: String,
    },
}

impl Trigger {
    /// What people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Push => "push".into(),
            Self::PullRequest { number, .. } => format!("pull request {number}"),
            Self::Manual => "manual start".into(),
            Self::ScoringChange { .. } => "scoring change".into(),
            Self::Model { model } => format!("model {model}"),
            Self::Image { image } => format!("image {}", image.short()),
            Self::Redeploy { number, .. } => format!("redeploy of run {number}"),
            Self::Rollback { environment } => format!("rollback of {environment}"),
            Self::Rehearsal => "rehearsal".into(),
            Self::Tag { tag } => format!("tag {tag}"),
            Self::Build { build } => format!("build {build}"),
            Self::Retraining { why } => format!("retraining: {why}"),
        }
    }
}

/// How a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Where it stands.
    pub progress: Progress,
    /// The try, from 1.
    pub attempt: u32,
    /// When the try began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it stands there.
    pub because: Vec<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Progress {
    /// Nobody asked it to begin.
    NotStarted,
    /// It is at work, or waits for somebody.
    Waiting(Wait),
    /// It did what it is for.
    Succeeded,
    /// It could not.
    Failed,
    /// There was nothing for it to do.
    Skipped,
    /// Somebody ended it.
    Canceled,
}

impl Progress {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Waiting(_) => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
        }
    }
}

/// What a step waits for. Whatever waits is woken by an event, found by a poll, and ended by a deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// What.
    pub on: On,
    /// Since when.
    pub since: Timestamp,
    /// When the sweep asks after it; None: there is nobody to ask.
    pub poll_at: Option<Timestamp>,
    /// Seconds between polls.
    pub poll_every_secs: u32,
    /// When it has had its time.
    pub deadline: Timestamp,
}

/// The thing that is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum On {
    /// The end of a job.
    Job {
        /// Which.
        job: JobName,
    },
    /// Infrastructure to be planned or applied.
    Infrastructure {
        /// Which application.
        name: InfrastructureName,
        /// The plan's operation, where one is under way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<String>,
    },
    /// An answer that comes at once.
    Answer,
    /// The end of a build.
    Build {
        /// Which.
        build: BuildName,
    },
    /// Another run to be done with an environment.
    Environment {
        /// Which.
        environment: EnvironmentName,
    },
    /// A deployment to take requests.
    Deployment {
        /// Which.
        deployment: DeploymentName,
    },
    /// The next round of a smoke test.
    Round {
        /// From 1.
        round: u32,
    },
    /// People.
    Approval {
        /// Where.
        environment: EnvironmentName,
    },
    /// A person to start the training.
    Start,
}

impl On {
    /// What people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Job { job } => format!("job {job}"),
            Self::Infrastructure { name, .. } => format!("infrastructure {name}"),
            Self::Answer => "an answer".into(),
            Self::Build { build } => format!("image build {build}"),
            Self::Environment { environment } => format!("its turn in {environment}"),
            Self::Deployment { deployment } => format!("deployment {deployment}"),
            Self::Round { round } => format!("round {round} of the smoke test"),
            Self::Approval { environment } => format!("approval for {environment}"),
            Self::Start => "a person to start the training".into(),
        }
    }
}

/// What a run has found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The challenger's numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// The training job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobName>,
    /// The training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Digest>,
    /// The model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_file: Option<Digest>,
    /// What became of the infrastructure, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub infrastructure: Vec<String>,
    /// How the challenger was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// The registered model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// What was measured of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// What the checks counted: tests, failures, findings, coverage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, f64>,
    /// The build of the code host that the run follows, where its results can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<u64>,
    /// Reports that people can open, by name: `check/unit-testresults.xml`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reports: BTreeMap<String, Digest>,
    /// What is known of each environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<EnvironmentName, Stage>,
}

/// How a challenger was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The model that served in production then; None: there was none.
    pub champion: Option<Release>,
    /// Whether the challenger may replace it.
    pub passed: bool,
    /// A sentence for each rule, with both numbers.
    pub because: Vec<String>,
}

/// What a run knows of one environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The environment is this run's to change.
    pub held: bool,
    /// What served when it became this run's.
    pub before: Option<Release>,
    /// What can be put back.
    pub last_good: Option<Release>,
    /// What this run put there.
    pub release: Option<Release>,
    /// Whether that release passed its smoke test there.
    pub tested: bool,
    /// The gate before it.
    pub approval: Option<Gate>,
}

/// A gate and its answers. It is for exactly these digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The model that was shown.
    pub model: Digest,
    /// The image that was shown.
    pub image: Digest,
    /// The settings that were shown.
    pub config: Digest,
    /// Who said what.
    pub answers: Vec<GateAnswer>,
    /// Whether it is open for the release to pass.
    pub granted: bool,
}

/// One person's answer to a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// Who.
    pub by: String,
    /// Yes or no.
    pub verdict: Verdict,
    /// In their words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The word.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// The step that ended it.
    pub step: Option<StepKey>,
    /// Why, in sentences.
    pub because: Vec<String>,
    /// The one action that would get on; None where nothing is wrong.
    pub advice: Option<String>,
}

/// How a run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It serves in the last environment.
    Released,
    /// The champion stays. Nothing is wrong.
    NotBetter,
    /// A pull request was checked.
    Checked,
    /// There was nothing to do.
    Skipped,
    /// A person said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// A newer change took its place.
    Superseded,
    /// A person ended it.
    Canceled,
    /// It failed in production, and the last good release serves again.
    RolledBack,
    /// A step could not do its work.
    Failed,
}

impl Outcome {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::NotBetter => "not_better",
            Self::Checked => "checked",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Canceled => "canceled",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        }
    }

    /// Whether all is as it should be.
    #[must_use]
    pub fn is_green(self) -> bool {
        matches!(self, Self::Released | Self::NotBetter | Self::Checked | Self::Skipped)
    }
}

/// An effect that is to be performed, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Made from the message that caused it; the answer carries it on.
    pub id: String,
    /// The step that wants it.
    pub step: StepKey,
    /// The step's try.
    pub attempt: u32,
    /// What.
    pub effect: Effect,
}

/// A message that is to be sent, and when it is to arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// None: at once.
    pub deliver_at: Option<Timestamp>,
    /// What.
    pub message: Message,
}

/// One line of the journal: an event, what was decided and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Timestamp,
    /// The message that brought the event.
    pub cause: String,
    /// The step that was told; None: the run as a whole.
    pub step: Option<StepKey>,
    /// What happened, in a few words.
    pub event: String,
    /// Where the step stands since then; None: the event changed nothing.
    pub now: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// What is to be done about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// The person behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Run {
    /// The step's record, if it has begun.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&StepRecord> {
        self.steps.get(key)
    }

    /// The step after this one in the plan.
    #[must_use]
    pub fn after(&self, key: &StepKey) -> Option<&StepKey> {
        let at = self.plan.iter().position(|planned| planned == key)?;
        self.plan.get(at + 1)
    }

    /// What is known of an environment.
    #[must_use]
    pub fn stage(&self, environment: &EnvironmentName) -> Option<&Stage> {
        self.facts.stages.get(environment)
    }

    /// The step that waits, and for what. A run waits for one thing at a time.
    #[must_use]
    pub fn waiting(&self) -> Option<(&StepKey, &StepRecord, &Wait)> {
        self.steps.iter().find_map(|(key, record)| match &record.progress {
            Progress::Waiting(wait) => Some((key, record, wait)),
            _ => None,
        })
    }

    /// Where its model comes from.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        Lineage {
            run: self.id.clone(),
            number: self.number,
            commit: self.commit.clone(),
            job: self.facts.job.clone(),
            data: self.facts.data.clone(),
            by: self.requested_by.clone(),
        }
    }

    /// Whether a message with this id has been taken already.
    #[must_use]
    pub fn has_taken(&self, message: &str) -> bool {
        self.journal.iter().rev().any(|entry| entry.cause == message)
            || self.early.iter().any(|early| early.id == message)
    }

    /// What an event is called in the journal.
    #[must_use]
    pub fn name_of(event: &Event) -> String {
        match event {
            Event::Requested => "asked to begin".into(),
            Event::JobFinished { job, result } => match result {
                crate::event::JobResult::Completed(_) => format!("job {job} completed"),
                crate::event::JobResult::Failed { .. } => format!("job {job} failed"),
                crate::event::JobResult::Canceled => format!("job {job} was canceled"),
            },
            Event::JobRefused { job, .. } => format!("job {job} was refused"),
            Event::JobRunning { job } => format!("job {job} is running"),
            Event::InfrastructurePlanning { .. } => "the infrastructure is being planned".into(),
            Event::InfrastructurePlanned { .. } => "the infrastructure is planned".into(),
            Event::InfrastructureApplied { name, .. } => format!("infrastructure {name} is applied"),
            Event::InfrastructureFailed { .. } => "the infrastructure failed".into(),
            Event::InfrastructureUntouched { .. } => "the infrastructure stays as it is".into(),
            Event::ChampionRead { champion: Some(release) } => {
                format!("the champion is {}:{}", release.model.name, release.model.version)
            }
            Event::ChampionRead { champion: None } => "there is no champion".into(),
            Event::ModelRegistered { model } => {
                format!("{}:{} is registered", model.name, model.version)
            }
            Event::Refused { what, .. } => format!("{what} was refused"),
            Event::NotTold { what, .. } => format!("could not {what}"),
            Event::ImageBuilt { digest, .. } => format!("image {} is built", digest.short()),
            Event::ImageFailed { build, .. } => format!("image build {build} failed"),
            Event::EnvironmentGranted { .. } => "the environment is ours".into(),
            Event::EnvironmentBusy { holder } => format!("the environment is held by {holder}"),
            Event::EnvironmentRefused { .. } => "the environment refused".into(),
            Event::DeploymentReady { deployment, .. } => {
                format!("deployment {deployment} is ready")
            }
            Event::DeploymentFailed { deployment, .. } => format!("deployment {deployment} failed"),
            Event::EndpointCalled { round, .. } => format!("round {round} of calls is back"),
            Event::ApprovalAnswered { verdict: Verdict::Approve, by, .. } => format!("{by} approved"),
            Event::ApprovalAnswered { verdict: Verdict::Reject, by, .. } => format!("{by} rejected"),
            Event::PollDue => "a poll was due".into(),
            Event::DeadlinePassed => "the deadline passed".into(),
            Event::CancelRequested { by, .. } => format!("{by} canceled the run"),
            Event::RetryRequested { by } => format!("{by} asked for another try"),
            Event::Superseded { number, .. } => format!("run {number} is newer"),
        }
    }
}
