//! What people are told about commits and pull requests: documents, since nobody looks on as on a code host.

use pipeline::names::{CommitId, Project};
use runner::ports::{Comment, CommitStatus, Document, Expect, PortError, Result, TestReport};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BACKEND, LocalSource};

/// As many statuses or reports as a commit is asked for.
const TOLD: usize = 100;
/// How often a comment is written again after somebody else was faster.
const CONFLICTS: u32 = 20;

impl LocalSource {
    /// How a commit does, by context.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub async fn statuses(&self, project: &Project, commit: &CommitId) -> Result<Vec<CommitStatus>> {
        self.all_below(&format!("statuses/{project}/{commit}/")).await
    }

    /// What a pull request was told.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub async fn comment_on(&self, project: &Project, pull_request: u64) -> Result<Option<Comment>> {
        let key = format!("comments/{project}/{pull_request}");
        let document = self.store.get(&key).await?;
        document.map(|document| parse(&key, &document)).transpose()
    }

    /// What the checks of a commit found, newest run first.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub async fn reports(&self, project: &Project, commit: &CommitId) -> Result<Vec<TestReport>> {
        self.all_below(&format!("test-reports/{project}/{commit}/")).await
    }

    pub(super) async fn put_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        let key = format!("statuses/{project}/{commit}/{}", status.context);
        self.store.put(&key, body(status)?, Expect::Anything).await?;
        Ok(())
    }

    pub(super) async fn put_comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        let key = format!("comments/{project}/{pull_request}");
        for _ in 0..CONFLICTS {
            let expect = match self.store.get(&key).await? {
                Some(document) => {
                    let there: Comment = parse(&key, &document)?;
                    // Ids sort newest first.
                    if there.run < comment.run {
                        return Ok(());
                    }
                    Expect::Version(document.version)
                }
                None => Expect::Absent,
            };
            match self.store.put(&key, body(comment)?, expect).await {
                Err(PortError::Conflict { .. }) => tokio::task::yield_now().await,
                put => return put.map(|_| ()),
            }
        }
        Err(PortError::transient(BACKEND, format!("{key} is too busy; it is tried again")))
    }

    pub(super) async fn put_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        let key = format!("test-reports/{project}/{commit}/{}/{}", report.run, report.name);
        self.store.put(&key, body(report)?, Expect::Anything).await?;
        Ok(())
    }

    async fn all_below<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>> {
        let mut found = Vec::new();
        for key in self.store.list(prefix, None, TOLD).await? {
            if let Some(document) = self.store.get(&key).await? {
                found.push(parse(&key, &document)?);
            }
        }
        Ok(found)
    }
}

fn body(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| PortError::permanent(BACKEND, error))
}

fn parse<T: DeserializeOwned>(key: &str, document: &Document) -> Result<T> {
    serde_json::from_slice(&document.body).map_err(|error| PortError::permanent(BACKEND, format!("{key}: {error}")))
}
