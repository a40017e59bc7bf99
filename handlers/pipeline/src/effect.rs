//! What a step wants done in the world. Each effect carries a name made from the run, so that doing it twice finds
//! what the first time made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{EnvironmentEvent, StepKey};
use crate::infrastructure::InfrastructureSpec;
use crate::manifest::Load;
use crate::names::{
    BuildName, DeploymentName, Digest, EnvironmentName, InfrastructureName, JobName, ModelName, Project, RunId,
};
use crate::release::{Lineage, Model, Release};
use crate::run::Outcome;

/// Whom to tell when something ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepKey,
    /// The try.
    pub attempt: u32,
}

/// A job: commands in an environment, on a snapshot or in an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Submitting a name twice is the same as submitting it once.
    pub name: JobName,
    /// Whose.
    pub project: Project,
    /// Whom to tell when it ends.
    pub reply_to: ReplyTo,
    /// The snapshot of the commit: a tar among the artifacts. Unpacked, it is the commands' working folder, unless
    /// there is an image.
    pub source: Digest,
    /// The image whose content is the commands' working folder.
    pub image: Option<Digest>,
    /// Dependency files (paths in the snapshot) whose environments must be there; the commands run in the first.
    pub environments: Vec<String>,
    /// Run in this order, all of them even if one ends badly.
    pub commands: Vec<JobCommand>,
    /// A load test instead of commands.
    pub load: Option<Load>,
    /// The scoring script, for a load test.
    pub entry: Option<String>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The file of parameters, as a path in the snapshot.
    pub parameters: Option<String>,
    /// The data, as a path in the snapshot. Its digest is reported in the result as the file `data`.
    pub data: Option<String>,
    /// Files that must be there at the end, by their path in the folder of outputs.
    pub required: Vec<String>,
    /// Files that are kept if they are there, by their path in the working folder.
    pub reports: Vec<String>,
    /// After this long the platform may end the job.
    pub timeout_secs: u64,
}

/// One command of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCommand {
    /// What people call it: `lint`.
    pub name: String,
    /// The command line; words are split as a shell does, and there is no shell.
    pub line: String,
}

/// The build of a scoring image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildSpec {
    /// Building a name twice is the same as building it once.
    pub name: BuildName,
    /// Whose.
    pub project: Project,
    /// Whom to tell when it ends.
    pub reply_to: ReplyTo,
    /// The snapshot of the commit.
    pub source: Digest,
    /// The model.
    pub model: Model,
    /// The model file's name in the image.
    pub model_file: String,
    /// The scoring script, as a path in the snapshot.
    pub entry: String,
    /// The dependency file, as a path in the snapshot.
    pub environment: String,
    /// Files and folders of the snapshot that go into the image.
    pub include: Vec<String>,
}

/// A release put into an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentSpec {
    /// Whose.
    pub project: Project,
    /// Where.
    pub environment: EnvironmentName,
    /// Whom to tell when it is ready or has failed.
    pub reply_to: ReplyTo,
    /// What. Its `deployment` is the name: applying it twice is the same as once.
    pub release: Release,
}

/// A version for the model registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The model's name.
    pub name: ModelName,
    /// The model file, among the artifacts.
    pub digest: Digest,
    /// Where it comes from. A second registration for the same run gives the same version.
    pub lineage: Lineage,
    /// What it was measured by.
    pub metrics: BTreeMap<String, f64>,
    /// More that people look for.
    pub tags: BTreeMap<String, String>,
}

/// One request of a smoke test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The file with the body, as a path in the snapshot.
    pub payload: String,
}

/// Something to do, in the imperative. The answer is an [`Event`](crate::event::Event), at once or later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Effect {
    /// Answered later by `JobFinished`, at once by `JobRefused`.
    SubmitJob(Box<JobSpec>),
    /// Asks how a job does: `JobFinished` or `JobRunning`.
    AskJob {
        /// Which.
        job: JobName,
    },
    /// Ends a job that nobody waits for any more.
    CancelJob {
        /// Which.
        job: JobName,
    },
    /// Looks what a declaration would change, and changes nothing: `InfrastructurePlanned` or `InfrastructureFailed`, or
    /// `InfrastructurePlanning`.
    PlanInfrastructure(Box<InfrastructureSpec>),
    /// Answered by `InfrastructureApplied`, `InfrastructureFailed` or `InfrastructureUntouched`, at once or when it is asked
    /// after.
    ApplyInfrastructure(Box<InfrastructureSpec>),
    /// Asks how a plan or an application does.
    AskInfrastructure {
        /// Which. One that is not known is applied again.
        spec: Box<InfrastructureSpec>,
        /// The plan's operation; None: the application.
        plan: Option<String>,
    },
    /// Ends an application that nobody waits for any more.
    CancelInfrastructure {
        /// Which.
        name: InfrastructureName,
    },
    /// Looks up what serves: `ChampionRead`.
    ReadChampion {
        /// Where.
        environment: EnvironmentName,
    },
    /// Answered by `ModelRegistered` or `Refused`.
    RegisterModel(Box<Registration>),
    /// Puts tags on a model version.
    TagModel {
        /// The model.
        name: ModelName,
        /// The version.
        version: u64,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// Answered at once or later by `ImageBuilt` or `ImageFailed`.
    BuildImage(Box<BuildSpec>),
    /// Asks how a build does.
    AskImage {
        /// Which.
        build: BuildName,
    },
    /// Tells an environment something; `Acquire` is answered by `EnvironmentGranted`, `EnvironmentBusy` or
    /// `EnvironmentRefused`.
    TellEnvironment {
        /// Which.
        environment: EnvironmentName,
        /// What.
        event: EnvironmentEvent,
    },
    /// Answered at once or later by `DeploymentReady` or `DeploymentFailed`.
    Deploy(Box<DeploymentSpec>),
    /// Asks how a deployment does.
    AskDeployment {
        /// Where.
        environment: EnvironmentName,
        /// Which.
        deployment: DeploymentName,
    },
    /// Takes a deployment out of service.
    RemoveDeployment {
        /// Where.
        environment: EnvironmentName,
        /// Which.
        deployment: DeploymentName,
    },
    /// Sends payloads to what serves in an environment: `EndpointCalled`.
    CallEndpoint {
        /// Where.
        environment: EnvironmentName,
        /// The deployment that must answer, and no other.
        deployment: DeploymentName,
        /// Which round, from 1.
        round: u32,
        /// The requests.
        calls: Vec<Call>,
    },
    /// Tells the people who look at the commit how its run does.
    SetStatus {
        /// Whether the change is fine; None: under way.
        good: Option<bool>,
        /// How the run ended, where it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
        /// One sentence.
        description: String,
    },
    /// Publishes what the checks found, test by test, where people look for it.
    PublishTests {
        /// One word; with the run it tells reports apart.
        name: String,
        /// JUnit and Cobertura files among the artifacts, by their names.
        files: BTreeMap<String, Digest>,
    },
    /// Tells the people who look at a pull request what became of it, in the one comment that its runs share.
    Comment {
        /// The pull request's number.
        pull_request: u64,
        /// The text, with nothing in it that was not escaped.
        markdown: String,
    },
}

impl Effect {
    /// What people call it, in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::SubmitJob(job) => format!("submit job {}", job.name),
            Self::AskJob { job } => format!("ask after job {job}"),
            Self::CancelJob { job } => format!("cancel job {job}"),
            Self::PlanInfrastructure(_) => "look what the infrastructure would change".into(),
            Self::ApplyInfrastructure(spec) => format!("apply the infrastructure as {}", spec.name),
            Self::AskInfrastructure { plan: Some(_), .. } => "ask after the plan of the infrastructure".into(),
            Self::AskInfrastructure { spec, plan: None } => format!("ask after infrastructure {}", spec.name),
            Self::CancelInfrastructure { name } => format!("cancel infrastructure {name}"),
            Self::ReadChampion { environment } => format!("look up the champion in {environment}"),
            Self::RegisterModel(model) => format!("register a version of {}", model.name),
            Self::TagModel { name, version, .. } => format!("tag {name}:{version}"),
            Self::BuildImage(build) => format!("build image {}", build.name),
            Self::AskImage { build } => format!("ask after build {build}"),
            Self::TellEnvironment { environment, event } => match event {
                EnvironmentEvent::Acquire { .. } => format!("ask for {environment}"),
                EnvironmentEvent::Deployed { .. } => format!("record the release in {environment}"),
                EnvironmentEvent::Proven => format!("record the release in {environment} as good"),
                EnvironmentEvent::Failed { .. } => {
                    format!("record the release in {environment} as failed")
                }
                EnvironmentEvent::Leave => format!("leave {environment}"),
            },
            Self::Deploy(spec) => {
                format!("deploy {} to {}", spec.release.deployment, spec.environment)
            }
            Self::AskDeployment { deployment, .. } => format!("ask after deployment {deployment}"),
            Self::RemoveDeployment { deployment, .. } => format!("remove deployment {deployment}"),
            Self::CallEndpoint { environment, round, .. } => format!("call {environment}, round {round}"),
            Self::SetStatus { .. } => "set the commit's status".into(),
            Self::PublishTests { .. } => "publish the test results".into(),
            Self::Comment { pull_request, .. } => format!("comment on pull request {pull_request}"),
        }
    }

    /// Whether it begins something that goes on by itself, whose end may be told before this is back. It is performed only
    /// after it is on record, so that whoever ends the run meanwhile ends it too. The others are over when they are back:
    /// an environment that was granted to a run which has ended meanwhile is freed by the sweep.
    #[must_use]
    pub fn goes_on_by_itself(&self) -> bool {
        matches!(self, Self::SubmitJob(_) | Self::BuildImage(_) | Self::Deploy(_))
    }

    /// Whether it only tells people something. Such an effect is performed after the others, and that it could not be
    /// done never changes how a run goes on.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        matches!(self, Self::SetStatus { .. } | Self::PublishTests { .. } | Self::Comment { .. })
    }
}
