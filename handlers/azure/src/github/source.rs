//! GitHub as a source.

use async_trait::async_trait;
use pipeline::names::{CommitId, Digest, Project};
use runner::ports::{BuildLookup, Comment, CommitStatus, Result, Revision, Source, TestReport};
use tracing::debug;

use super::{Github, Shown};
use crate::http::quietly;

#[async_trait]
impl Source for Github {
    async fn resolve(&self, project: &Project, revision: &Revision) -> Result<CommitId> {
        match revision {
            Revision::Branch(branch) => {
                let head = self.find_ref(project, &format!("heads/{branch}")).await;
                self.places.there(project, format_args!("branch {branch}"), head)
            }
            Revision::Tag(tag) => {
                let commit = self.find_ref(project, &format!("tags/{tag}")).await;
                self.places.there(project, format_args!("tag {tag}"), commit)
            }
            Revision::Commit(commit) => {
                let found = self.tree_of(project, commit).await;
                self.places.there(project, format_args!("commit {commit}"), found)?;
                Ok(commit.clone())
            }
        }
    }

    async fn read(&self, project: &Project, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>> {
        let content = self.content_at(project, commit, path).await;
        self.places.there(project, format_args!("commit {commit}"), content)
    }

    async fn snapshot(&self, project: &Project, commit: &CommitId) -> Result<Digest> {
        self.artifacts.put(self.tar(project, commit).await?).await
    }

    async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        let paths = self.differing(project, from, to).await;
        self.places.there(project, format_args!("commit {to}"), paths)
    }

    /// Pipelines of Azure DevOps that build what is on GitHub are not to be asked here.
    async fn build(&self, _: &Project, _: u64) -> Result<BuildLookup> {
        Ok(BuildLookup::Absent)
    }

    /// A pull request shows what its head has, so its number is not needed here.
    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        quietly(match self.shown {
            Shown::CommitStatus => self.set_commit_status(project, commit, status).await,
            Shown::CheckRun => self.set_check_run(project, commit, status).await,
        })
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        quietly(self.try_to_comment(project, &pull_request.to_string(), comment).await)
    }

    /// GitHub has no place for test results; the check and the comment tell what there is to tell.
    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        debug!(run.id = %report.run, "GitHub has no place for the {} tests of {project} {commit}", report.cases.len());
        Ok(())
    }
}
