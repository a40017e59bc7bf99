//! What somebody wants a run for.

use pipeline::names::{Branch, CommitId, Digest, EnvironmentName, ModelName, Project, RunId};
use serde::{Deserialize, Serialize};

/// Somebody's wish for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Whose.
    pub project: Project,
    /// What is wanted.
    #[serde(flatten)]
    pub wish: Wish,
    /// Who wants it.
    pub by: String,
    /// What caused it, where the wish alone does not say: a delivery's id. The same cause gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Nobody waits for it: what the manifest's filters leave out is no run, not even a skipped one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_if_wanted: bool,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A branch got new commits.
    Push {
        /// Which.
        branch: Branch,
        /// Its head; None: whatever it is now.
        #[serde(default)]
        commit: Option<CommitId>,
    },
    /// A branch wants to be merged.
    PullRequest {
        /// The pull request's number.
        number: u64,
        /// The branch that wants to be merged.
        branch: Branch,
        /// Where to. The settings come from there.
        base: Branch,
    },
    /// A person starts the whole chain.
    Manual {
        /// This branch's head.
        #[serde(default)]
        branch: Option<Branch>,
        /// Or this commit.
        #[serde(default)]
        commit: Option<CommitId>,
    },
    /// A registered model is to be delivered.
    Model {
        /// Its name.
        name: ModelName,
        /// Its version.
        version: u64,
    },
    /// An image that some run built is to be delivered.
    Image {
        /// Which.
        digest: Digest,
    },
    /// What an older run made is to be delivered again, without training.
    Redeploy {
        /// Its id.
        run: RunId,
    },
    /// The last good release is to be put back.
    Rollback {
        /// Where.
        environment: EnvironmentName,
    },
    /// All steps are to be visited, and nothing done.
    Rehearsal {},
    /// A tag was set.
    Tag {
        /// Its name, without `refs/tags/`.
        tag: String,
    },
    /// A build of an existing pipeline has checked a commit of a branch.
    Build {
        /// The branch.
        branch: Branch,
        /// The commit that was built.
        commit: CommitId,
        /// What people call the build.
        build: String,
        /// Its number in the organisation: test results are published there.
        id: u64,
    },
    /// The model is to be trained again, although nobody changed the code.
    Retrain {
        /// What kind of reason there is.
        reason: RetrainReason,
        /// Why, in a few words.
        why: String,
    },
}

/// Why a model is trained again although nobody changed the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainReason {
    /// It is time.
    Schedule,
    /// There are new data.
    Data,
    /// The data are no longer what they were.
    Drift,
}

impl Wish {
    /// What people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Push { branch, .. } => format!("push to {branch}"),
            Self::PullRequest { number, .. } => format!("pull request {number}"),
            Self::Manual { .. } => "manual start".to_owned(),
            Self::Model { name, version } => format!("model {name}:{version}"),
            Self::Image { digest } => format!("image {}", digest.short()),
            Self::Redeploy { run } => format!("redeploy of {run}"),
            Self::Rollback { environment } => format!("rollback of {environment}"),
            Self::Rehearsal {} => "rehearsal".to_owned(),
            Self::Tag { tag } => format!("tag {tag}"),
            Self::Build { build, .. } => format!("build {build}"),
            Self::Retrain { why, .. } => format!("retraining: {why}"),
        }
    }

    /// What it is about. Two wishes about the same that come at the same time are one.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Retrain { reason, .. } => format!("retraining: {reason:?}"),
            other => other.describe(),
        }
    }
}
