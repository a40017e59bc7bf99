//! Model repositories.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::names::{Branch, CommitId, Digest, Project, RunId};
use serde::{Deserialize, Serialize};

use super::Result;
use crate::reports::{Coverage, TestCase};

/// What is looked for in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// The head of a branch.
    Branch(Branch),
    /// A commit.
    Commit(CommitId),
    /// The commit that a tag names, also through a tag's own object.
    Tag(String),
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
    /// The run that says so. A backend links to it, below the address that it knows for its pages.
    pub run: RunId,
    /// The pull request that the commit is the head of, where the run is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
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
    /// Nobody knows whether the change is fine: its run was ended before it could tell.
    Error,
    /// There was nothing to do for this change.
    NotApplicable,
}

/// What a pull request is told about its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The run. A comment of a newer one takes this one's place, and an older one's does not.
    pub run: RunId,
    /// The text, with nothing in it that was not escaped.
    pub markdown: String,
}

/// What the checks of a commit found, test by test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// One word; with the run it tells reports apart: `check`, and `check-2` for a second try.
    pub name: String,
    /// The run.
    pub run: RunId,
    /// The branch, where there is one.
    pub branch: Option<Branch>,
    /// The build of the code host that the run follows, where there is one.
    pub build: Option<u64>,
    /// In the order of the reports.
    pub cases: Vec<TestCase>,
    /// How much of the code the tests reach, where that was counted.
    pub coverage: Option<Coverage>,
}

/// A build of an existing pipeline, as its code host knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// What was built; None where that is no commit of the project's repository.
    pub commit: Option<CommitId>,
    /// The branch that it was built for; None for a tag or a pull request.
    pub branch: Option<Branch>,
    /// How it went.
    pub result: BuildResult,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's number.
    pub pipeline_number: u64,
}

/// How a build went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildResult {
    /// It has not ended.
    Running,
    /// Well.
    Succeeded,
    /// Otherwise: it failed, altogether or in part, or was canceled.
    Failed,
}

/// What a source knows of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildLookup {
    /// All of this.
    Found(Build),
    /// There is no such build of the project's repository.
    Absent,
    /// Where this repository is nobody keeps builds, so that nobody can be asked.
    NotKept,
}

/// Where model repositories are.
#[async_trait]
pub trait Source: Debug + Display + Send + Sync {
    /// The commit that a revision means now.
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId>;

    /// One file of a commit, if it has it.
    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>>;

    /// Keeps a tar of the commit's files among the artifacts and answers its digest. The same commit gives the same
    /// digest wherever it comes from; the working tree does not matter. What has no place in a
    /// [`Snapshot`](crate::snapshot::Snapshot) is a `Permanent` error.
    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest>;

    /// Paths that differ between two commits, sorted; between nothing and `to` when `from` is None. A `from` that the
    /// repository does not know any more (a forced push) counts as None.
    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>>;

    /// A build by its number, so that an event about one is not taken at its word.
    async fn build(&self, project: &Project, number: u64) -> Result<BuildLookup>;

    /// Tells people how a commit does. Telling the same twice is harmless.
    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()>;

    /// Leaves a comment on a pull request: one a project, in which the newest run has the last word. Telling the same
    /// twice is harmless.
    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()>;

    /// Publishes what the checks of a commit found. The same report twice is harmless, and a code host that has no place
    /// for it answers `Ok`.
    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()>;
}
