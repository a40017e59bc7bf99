//! Statuses of commits, and of a pull request's iteration.
//!
//! A status on the pull request itself would stay green when somebody pushes again, so it is set on the iteration whose
//! head was looked at. Only the newest status of a context is shown: telling it twice changes nothing.

use pipeline::names::{CommitId, Project};
use reqwest::Method;
use runner::ports::{CommitStatus, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::debug;

use super::words::{StatusContext, state};
use super::{AzureDevops, List, READ};
use crate::http::{Call, CallError, Right};
use crate::text::first;

/// Characters of a description that people see at once.
const DESCRIPTION_MAX: usize = 400;

const ON_COMMIT: Right =
    Right { action: "set a status on a commit", scope: "vso.code_status", role: "Contribute (repository)" };
const ON_PULL_REQUEST: Right = Right {
    action: "set a status on a pull request",
    scope: "vso.code_status",
    role: "Contribute to pull requests (repository)",
};

/// `GitStatus` and `GitPullRequestStatus`, as far as we write them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<String>,
    context: StatusContext,
}

/// `GitPullRequestIteration`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Iteration {
    id: u64,
    source_ref_commit: Option<Commit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    commit_id: String,
}

impl AzureDevops {
    pub(super) async fn set_on_commit(
        &self,
        project: &Project,
        commit: &CommitId,
        status: &CommitStatus,
    ) -> Result<(), CallError> {
        let url = self.repository(project, &["commits", commit.as_str(), "statuses"], &[])?;
        self.client.call(Call::send(Method::POST, url, self.body_of(status), &ON_COMMIT)).await.map(|_| ())
    }

    pub(super) async fn set_on_pull_request(
        &self,
        project: &Project,
        number: u64,
        commit: &CommitId,
        status: &CommitStatus,
    ) -> Result<(), CallError> {
        let number = number.to_string();
        let Some(iteration) = self.iteration(project, &number, commit).await? else {
            debug!("Pull request {number} of {project} has no iteration with {commit} any more");
            return Ok(());
        };
        let below = ["pullRequests", &number, "iterations", &iteration.to_string(), "statuses"];
        let url = self.repository(project, &below, &[])?;
        self.client.call(Call::send(Method::POST, url, self.body_of(status), &ON_PULL_REQUEST)).await.map(|_| ())
    }

    fn body_of(&self, status: &CommitStatus) -> Value {
        let body = Status {
            state: state(status.state),
            description: first(&status.description, DESCRIPTION_MAX),
            target_url: self.places.link(&status.run).map(Into::into),
            context: StatusContext::of(&status.context),
        };
        serde_json::to_value(body).expect("a status is plain data")
    }

    /// The last iteration with this head.
    async fn iteration(
        &self,
        project: &Project,
        pull_request: &str,
        head: &CommitId,
    ) -> Result<Option<u64>, CallError> {
        let url = self.repository(project, &["pullRequests", pull_request, "iterations"], &[])?;
        let iterations: List<Iteration> = self.client.read(Call::get(url, &READ)).await?;
        let is_of = |iteration: &Iteration| {
            iteration
                .source_ref_commit
                .as_ref()
                .is_some_and(|commit| commit.commit_id.eq_ignore_ascii_case(head.as_str()))
        };
        Ok(iterations.value.iter().filter(|iteration| is_of(iteration)).map(|iteration| iteration.id).max())
    }
}
