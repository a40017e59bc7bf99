//! Repositories on several hosts, each project's on its own, so that one app serves them all. And what the hosts have in
//! common: a project's place in them, and how a commit becomes a snapshot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::names::{CommitId, Digest, Project};
use runner::ports::{BuildLookup, Comment, CommitStatus, PortError, Result, Revision, Source, TestReport};

mod archive;
mod object;
mod places;
mod snapshot;

pub(crate) use places::{Places, checked};
pub(crate) use snapshot::{Contents, Entry, snapshot};

/// As much of a commit as a snapshot takes, unless settings say otherwise: MiB.
pub(crate) const SNAPSHOT_MIB: usize = 128;

/// Every project's repository, wherever it is.
#[derive(Debug, Default)]
pub struct Repositories {
    sources: BTreeMap<Project, Arc<dyn Source>>,
    others: Option<Arc<dyn Source>>,
}

impl Repositories {
    /// None yet. `others` has those of all projects that nobody names: the embedded source, on one machine.
    #[must_use]
    pub fn new(others: Option<Arc<dyn Source>>) -> Self {
        Self { sources: BTreeMap::new(), others }
    }

    /// And these projects' repositories at `source`.
    ///
    /// # Errors
    ///
    /// Another source has one of them already.
    pub fn with(mut self, source: Arc<dyn Source>, projects: impl IntoIterator<Item = Project>) -> Result<Self> {
        for project in projects {
            if let Some(first) = self.sources.insert(project.clone(), source.clone()) {
                let reason = format!("project {project} has a repository at {first} and one at {source}; remove one");
                return Err(PortError::permanent("settings", reason));
            }
        }
        Ok(self)
    }

    fn of(&self, project: &Project) -> Result<&dyn Source> {
        let source = self.sources.get(project).or(self.others.as_ref());
        source.map(AsRef::as_ref).ok_or_else(|| {
            let reason =
                format!("no repository is set for project {project}; add it to `repositories` of the host that has it");
            PortError::permanent("repositories", reason)
        })
    }
}

impl fmt::Display for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.sources.values().chain(&self.others).map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        f.write_str(&names.join(", "))
    }
}

#[async_trait]
impl Source for Repositories {
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId> {
        self.of(project)?.resolve(project, revision).await
    }

    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>> {
        self.of(project)?.read(project, commit, path).await
    }

    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest> {
        self.of(project)?.snapshot(project, commit).await
    }

    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        self.of(project)?.changed(project, from, to).await
    }

    async fn build(&self, project: &Project, number: u64) -> Result<BuildLookup> {
        self.of(project)?.build(project, number).await
    }

    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        self.of(project)?.set_status(project, commit, status).await
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        self.of(project)?.comment(project, pull_request, comment).await
    }

    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        self.of(project)?.publish_tests(project, commit, report).await
    }
}
