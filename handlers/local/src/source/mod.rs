//! Model repositories as git repositories on this machine. What counts is what is committed; no git program is needed.
//!
//! ```text
//! sources/<project>                               where a project's repository is
//! statuses/<project>/<commit>/<context>           how a commit does
//! comments/<project>/<pull request>               what a pull request was told
//! test-reports/<project>/<commit>/<run>/<name>    what a commit's checks found
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::names::{CommitId, Digest, Project};
use runner::ports::{
    Artifacts, BuildLookup, Comment, CommitStatus, Expect, PortError, Result, Revision, Source, Store, TestReport,
};
use serde::{Deserialize, Serialize};

mod commit;
mod error;
mod repository;
mod snapshot;
mod telling;
#[cfg(test)]
mod tests;

pub use commit::{commit_all, init_repository};
pub use error::SourceError;

use repository::Repository;

const BACKEND: &str = "local source";

/// Where a project's repository is.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    path: PathBuf,
}

/// Repositories on this machine, working trees or bare ones.
#[derive(Debug, Clone)]
pub struct LocalSource {
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
}

impl LocalSource {
    /// Keeps what it knows in the store, and snapshots among the artifacts.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, artifacts: Arc<dyn Artifacts>) -> Self {
        Self { store, artifacts }
    }

    /// Says where a project's repository is; a second time moves it.
    ///
    /// # Errors
    ///
    /// There is no repository, or the store fails.
    pub async fn register(&self, project: &Project, path: &Path) -> Result<()> {
        let not_there =
            |error: std::io::Error| SourceError::NotARepository { path: path.to_owned(), why: error.to_string() };
        let path = path.canonicalize().map_err(not_there)?;
        let place = open(path.clone(), move |_| Ok(Place { path })).await?;
        let body = serde_json::to_vec(&place).map_err(|e| PortError::permanent(BACKEND, e))?;
        let key = format!("sources/{project}");
        self.store.put(&key, body, Expect::Anything).await?;
        Ok(())
    }

    /// Where a project's repository is.
    ///
    /// # Errors
    ///
    /// Nobody registered it, or the store fails.
    pub async fn path(&self, project: &Project) -> Result<PathBuf> {
        let key = format!("sources/{project}");
        let Some(document) = self.store.get(&key).await? else {
            let project = project.clone();
            return Err(SourceError::UnknownProject { project }.into());
        };
        let place: Place = serde_json::from_slice(&document.body)
            .map_err(|error| PortError::permanent(BACKEND, format!("{key}: {error}")))?;
        Ok(place.path)
    }

    async fn read_from<T: Send + 'static>(
        &self,
        project: &Project,
        read: impl FnOnce(&Repository) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T> {
        let path = self.path(project).await?;
        open(path, read).await
    }
}

/// Opens a repository on a thread where reading may take its time. Opened anew each time: it changes under our feet.
async fn open<T: Send + 'static>(
    path: PathBuf,
    read: impl FnOnce(&Repository) -> Result<T, SourceError> + Send + 'static,
) -> Result<T> {
    let reading = tokio::task::spawn_blocking(move || read(&Repository::open(&path)?));
    let read = reading.await.map_err(|error| PortError::transient(BACKEND, error))?;
    Ok(read?)
}

impl fmt::Display for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("git repositories on this machine")
    }
}

#[async_trait]
impl Source for LocalSource {
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId> {
        let revision = revision.clone();
        self.read_from(project, move |repository| match revision {
            Revision::Branch(branch) => repository.head_of(&branch),
            Revision::Commit(commit) => repository.check(&commit).map(|()| commit),
            Revision::Tag(tag) => repository.commit_of_tag(&tag),
        })
        .await
    }

    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>> {
        let (commit, path) = (commit.clone(), path.to_owned());
        self.read_from(project, move |repository| repository.read(&commit, &path)).await
    }

    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest> {
        let commit = commit.clone();
        let tar = self.read_from(project, move |repository| snapshot::tar(repository, &commit)).await?;
        self.artifacts.put(tar).await
    }

    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        let (from, to) = (from.cloned(), to.clone());
        self.read_from(project, move |repository| repository.changed(from.as_ref(), &to)).await
    }

    async fn build(&self, _: &Project, _: u64) -> Result<BuildLookup> {
        Ok(BuildLookup::NotKept)
    }

    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        self.put_status(project, commit, status).await
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        self.put_comment(project, pull_request, comment).await
    }

    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        self.put_tests(project, commit, report).await
    }
}
