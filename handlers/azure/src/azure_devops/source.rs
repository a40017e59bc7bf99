//! The organisation as a source.

use async_trait::async_trait;
use pipeline::names::{CommitId, Digest, Project};
use runner::ports::{BuildLookup, Comment, CommitStatus, Result, Revision, Source, TestReport};

use super::AzureDevops;
use crate::http::{CallError, quietly};

#[async_trait]
impl Source for AzureDevops {
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
                let tree = self.tree_of(project, commit).await;
                self.places.there(project, format_args!("commit {commit}"), tree)?;
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
        Ok(self.places.there(project, format_args!("commit {to}"), paths)?.into_iter().collect())
    }

    async fn build(&self, project: &Project, number: u64) -> Result<BuildLookup> {
        self.find_build(project, number).await.map_err(CallError::into_port)
    }

    async fn set_status(&self, project: &Project, commit: &CommitId, status: &CommitStatus) -> Result<()> {
        quietly(self.set_on_commit(project, commit, status).await)?;
        match status.pull_request {
            Some(number) => quietly(self.set_on_pull_request(project, number, commit, status).await),
            None => Ok(()),
        }
    }

    async fn comment(&self, project: &Project, pull_request: u64, comment: &Comment) -> Result<()> {
        quietly(self.try_to_comment(project, &pull_request.to_string(), comment).await)
    }

    async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        quietly(self.try_to_publish(project, commit, report).await)
    }
}
