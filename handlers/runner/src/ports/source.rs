//! Model repositories.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::names::{Branch, CommitId, Digest, Project};
use serde::{Deserialize, Serialize};

use super::Result;

/// What is looked for in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// The head of a branch.
    Branch(Branch),
    /// A commit.
    Commit(CommitId),
}

/// How a commit does, for the people who look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// What it is about: `trainyard/check`. A second status with the same name takes the first one's place.
    pub context: String,
    /// The word.
    pub state: StatusState,
    /// One sentence.
    pub description: String,
}

/// A status in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusState {
    /// Under way.
    Pending,
    /// All is well.
    Succeeded,
    /// Something in the change is not.
    Failed,
}

/// Where model repositories are.
#[async_trait]
pub trait Source: Debug + Display + Send + Sync {
    /// The commit that a revision means now.
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId>;

    /// One file of a commit, if it has it.
    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>>;

    /// Keeps a tar of the commit's files among the artifacts and answers its digest. The same commit gives the same
    /// digest; the working tree does not matter.
    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest>;

    /// Paths that differ between two commits, sorted; between nothing and `to` when `from` is None. A `from` that the
    /// repository does not know any more (a forced push) counts as None.
    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>>;

    /// Tells people how a commit does. Telling the same twice is harmless.
    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()>;
}
