//! What events say, in our words: a push is a push, whoever hosts the repository.

mod artifact;
mod git;
mod job;
mod pipeline_run;

use serde::{Deserialize, Serialize};

pub use artifact::{Availability, BlobChange, ChartChange, ImageChange, ResourceHealth};
pub use git::{
    Change, CheckAsk, CheckRequest, Host, MergeStatus, Project, PullRequest, PullRequestAction, PullRequestState, Push,
    PushAnnouncement, RefUpdate, Repository,
};
pub use job::{
    DatabricksRun, DatabricksState, Drift, Job, JobStatus, ModelAlias, ModelDeployment, ModelRegistry, ModelTag,
    RegisteredModel,
};
pub use pipeline_run::{Approval, ApprovalGate, Build, BuildResult, Decision, PipelineRun, RunState};

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// Refs of a repository moved.
    Pushed(Push),
    /// Refs of a repository moved; which, the sender did not say.
    PushAnnounced(PushAnnouncement),
    /// Something about a pull request changed.
    PullRequestChanged(PullRequest),
    /// A person wants a check of a commit again, or pressed one of its buttons.
    CheckRequested(CheckRequest),
    /// A build of Azure Pipelines ended.
    BuildCompleted(Build),
    /// A run of Azure Pipelines began, is being canceled or ended.
    PipelineRunChanged(PipelineRun),
    /// An approval in Azure DevOps was asked for or answered.
    ApprovalChanged(Approval),
    /// A job of Azure Machine Learning changed its status, or completed.
    JobChanged(Job),
    /// A version came into a model registry.
    ModelRegistered(RegisteredModel),
    /// An alias of a model names another version, or none.
    ModelAliased(ModelAlias),
    /// A tag of a model's version was set or taken off.
    ModelTagged(ModelTag),
    /// Models were deployed to a service.
    ModelDeployed(ModelDeployment),
    /// Data are no longer what they were.
    DataDrifted(Drift),
    /// An image was pushed.
    ImagePushed(ImageChange),
    /// An image was pushed and is in quarantine.
    ImageQuarantined(ImageChange),
    /// An image was deleted.
    ImageDeleted(ImageChange),
    /// A Helm chart was pushed.
    ChartPushed(ChartChange),
    /// A Helm chart was deleted.
    ChartDeleted(ChartChange),
    /// A blob was written, or created empty.
    BlobCreated(BlobChange),
    /// A blob was deleted.
    BlobDeleted(BlobChange),
    /// A run of a Databricks job started, ended or takes long.
    DatabricksRunChanged(DatabricksRun),
    /// A resource became available, or is not any longer.
    AvailabilityChanged(ResourceHealth),
    /// Event Grid asks whether we want its events. See [`crate::event_grid::handshake`].
    SubscriptionValidation {
        /// To be sent back.
        code: String,
    },
    /// Nobody sends us events of this subscription any more.
    SubscriptionDeleted {
        /// Which.
        subscription: crate::names::ArmId,
    },
    /// Somebody set up a web hook and wants to know whether it works.
    Pinged {
        /// The hook's number.
        hook: Option<u64>,
    },
}

impl Fact {
    /// A key of what is said, rather than of who said it when: two events of the same meaning have the same key,
    /// although their ids differ. None where an event's id is all there is.
    #[must_use]
    pub fn meaning(&self) -> Option<String> {
        match self {
            Self::Pushed(push) => push.meaning(),
            Self::PushAnnounced(push) => push.meaning(),
            Self::PullRequestChanged(pull_request) => Some(pull_request.meaning()),
            Self::BuildCompleted(build) => Some(build.meaning()),
            Self::PipelineRunChanged(run) => Some(run.meaning()),
            Self::ApprovalChanged(approval) => Some(approval.meaning()),
            Self::JobChanged(job) => Some(job.meaning()),
            Self::ModelRegistered(model) => Some(model.meaning()),
            Self::DatabricksRunChanged(run) => Some(run.meaning()),
            _ => None,
        }
    }
}
