//! Repositories, pushes and pull requests.

use pipeline::names::CommitId;
use serde::{Deserialize, Serialize};

use crate::names::Reference;

/// Who hosts a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Azure Repos.
    AzureDevops,
    /// GitHub.
    Github,
}

/// A project of Azure DevOps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id, which stays when it is renamed.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Who hosts it.
    pub host: Host,
    /// Its id, which stays when it is renamed, and which no other repository can have.
    pub id: String,
    /// Its name, for people: `owner/name` on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// The organisation that the project belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The branch that is there when nobody asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<Reference>,
    /// The number that a GitHub App needs to ask for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<u64>,
}

/// One ref that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefUpdate {
    /// Which.
    pub reference: Reference,
    /// Where it was; None when it is new.
    pub before: Option<CommitId>,
    /// Where it is; None when it is gone. An annotated tag is at a tag's object, not at a commit.
    pub after: Option<CommitId>,
}

/// What became of a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It moved.
    Moved,
    /// It is gone.
    Deleted,
}

impl RefUpdate {
    /// What became of it.
    #[must_use]
    pub fn change(&self) -> Change {
        match (&self.before, &self.after) {
            (_, None) => Change::Deleted,
            (None, Some(_)) => Change::Created,
            (Some(_), Some(_)) => Change::Moved,
        }
    }
}

/// Refs of a repository moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Where.
    pub repository: Repository,
    /// Which refs: at least one, at most [`Push::MOST_UPDATES`].
    pub updates: Vec<RefUpdate>,
    /// Whether all refs that moved are among the updates.
    pub complete: bool,
    /// The host's number for it; GitHub has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<u64>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_by: Option<String>,
    /// How many commits came with it, as far as the host tells.
    pub commits: u64,
    /// What the last commit says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether history was rewritten; None when the host does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<bool>,
    /// The files that changed, sorted; None when the host does not say, or not for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_paths: Option<Vec<String>>,
}

impl Push {
    /// One push may set so many refs in motion. Branches come first, the default branch before all.
    pub const MOST_UPDATES: usize = 100;

    pub(super) fn meaning(&self) -> Option<String> {
        push_meaning(&self.repository, self.push).or_else(|| {
            let [RefUpdate { reference, after, .. }] = self.updates.as_slice() else { return None };
            let after = after.as_ref().map_or("", CommitId::as_str);
            Some(format!("push/{}/{reference}/{after}", self.repository.id))
        })
    }
}

/// Refs moved, and the sender kept back which. The host knows, by the push's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnnouncement {
    /// Where, if the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// The host's number for it.
    pub push: u64,
}

impl PushAnnouncement {
    pub(super) fn meaning(&self) -> Option<String> {
        push_meaning(self.repository.as_ref()?, Some(self.push))
    }
}

fn push_meaning(repository: &Repository, push: Option<u64>) -> Option<String> {
    Some(format!("push/{}/{}", repository.id, push?))
}

/// What happened to a pull request, as far as its host tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestAction {
    /// It is new.
    Opened,
    /// It was closed and is open again.
    Reopened,
    /// Its head is another commit.
    HeadMoved,
    /// A push, a vote, a reviewer, another text: the host does not say. The head tells whether it was a push.
    Updated,
    /// It is no draft any more.
    ReadyForReview,
    /// It is a draft again.
    ConvertedToDraft,
    /// The host tried whether it could be merged. It is not.
    MergeAttempted,
    /// It is merged.
    Merged,
    /// It is closed and was not merged.
    Closed,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    /// Open.
    Open,
    /// Merged.
    Merged,
    /// Closed, not merged.
    Closed,
}

/// How the host's try to merge went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeStatus {
    /// Not tried.
    NotSet,
    /// About to be tried.
    Queued,
    /// Somebody has to resolve conflicts.
    Conflicts,
    /// It could be merged.
    Succeeded,
    /// A policy is against it.
    RejectedByPolicy,
    /// Neither.
    Failure,
}

/// A pull request as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Where it wants to be merged.
    pub repository: Repository,
    /// Its number there.
    pub number: u64,
    /// What happened.
    pub action: PullRequestAction,
    /// Whether it is open.
    pub state: PullRequestState,
    /// The commit that wants to be merged. None when the host has not looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CommitId>,
    /// The head before, where the host says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_head: Option<CommitId>,
    /// The branch that wants to be merged.
    pub source: Reference,
    /// The branch that it wants to be merged into.
    pub target: Reference,
    /// The merge, or the host's try of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<CommitId>,
    /// How the host's try to merge went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_status: Option<MergeStatus>,
    /// Not meant to be merged yet.
    pub draft: bool,
    /// The branch is in another repository: somebody else's code.
    pub from_fork: bool,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<String>,
}

impl PullRequest {
    /// What a check of it would depend on: a vote changes nothing of this, and neither does the host's trying to merge.
    pub(super) fn meaning(&self) -> String {
        let Self { repository, number, state, head, merge_commit, target, draft, .. } = self;
        let id = |commit: &Option<CommitId>| commit.as_ref().map_or_else(String::new, ToString::to_string);
        let merged = if *state == PullRequestState::Merged { id(merge_commit) } else { String::new() };
        let draft = if *draft { "draft" } else { "ready" };
        format!("pull_request/{}/{number}/{target}/{state:?}/{draft}/{}/{merged}", repository.id, id(head))
    }
}

/// A person wants something of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    /// Where.
    pub repository: Repository,
    /// What is wanted.
    pub ask: CheckAsk,
    /// The commit that was checked.
    pub head: CommitId,
    /// The check's number; None when all checks of the commit are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<u64>,
    /// The check's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What whoever made the check calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The pull requests that the commit is the head of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_requests: Vec<u64>,
    /// Who wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What is wanted of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckAsk {
    /// To be done again.
    Again,
    /// What one of its buttons stands for.
    Button(String),
}
