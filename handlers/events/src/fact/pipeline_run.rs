//! Builds, runs and approvals of Azure DevOps: what classic pipelines do beside us.

use pipeline::names::CommitId;
use serde::{Deserialize, Serialize};

use super::git::{Project, Repository};
use crate::names::Reference;

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildResult {
    /// Well.
    Succeeded,
    /// With warnings, or with some of its jobs.
    PartiallySucceeded,
    /// Badly.
    Failed,
    /// Somebody stopped it.
    Canceled,
}

/// A build that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its id in the organisation.
    pub id: u64,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// How it ended.
    pub result: BuildResult,
    /// The id of what is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_id: Option<u64>,
    /// The name of what is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// What was built: a branch, a tag, the merge of a pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The commit that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The pull request that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    /// The repository, where the sender names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// The project that the build belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// Why it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_for: Option<String>,
}

impl Build {
    pub(super) fn meaning(&self) -> String {
        let project = self.project.as_ref().map_or("", |project| &project.id);
        format!("build/{project}/{}/{:?}", self.id, self.result)
    }
}

/// Where a run of Azure Pipelines is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// At it.
    InProgress,
    /// Being stopped.
    Canceling,
    /// Done.
    Completed,
}

/// A run of Azure Pipelines changed its state. Its commit is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineRun {
    /// Its id in the organisation; a build's id, too.
    pub id: u64,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    pub state: RunState,
    /// How it ended; None before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<BuildResult>,
    /// The pipeline's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_id: Option<u64>,
    /// The pipeline's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The project, where the sender names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
}

impl PipelineRun {
    pub(super) fn meaning(&self) -> String {
        let project = self.project.as_ref().map_or("", |project| &project.id);
        format!("pipeline_run/{project}/{}/{:?}/{:?}", self.id, self.state, self.result)
    }
}

/// What is waiting for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalGate {
    /// A classic release, before a stage.
    BeforeStage,
    /// A classic release, after a stage.
    AfterStage,
    /// A check on what a YAML pipeline uses.
    Check,
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nobody answered.
    Pending,
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// Somebody else is asked.
    Reassigned,
    /// Nobody is asked any more.
    Canceled,
    /// Not needed.
    Skipped,
    /// Nobody answered in time.
    TimedOut,
}

/// An approval in Azure DevOps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// What it holds up.
    pub gate: ApprovalGate,
    /// How it stands.
    pub decision: Decision,
    /// Who answered, or is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The stage of a classic release; the sender does not name a check's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The classic release's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// The project, where the sender names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
}

impl Approval {
    pub(super) fn meaning(&self) -> String {
        let project = self.project.as_ref().map_or("", |project| &project.id);
        format!("approval/{project}/{}/{:?}", self.id, self.decision)
    }
}
