//! The one comment of a project on a pull request: a thread of its own, found again by a property and by a mark in its
//! text that nobody sees.
//!
//! The thread is closed: an active one would keep a pull request from being completed where a policy asks for answers.

use pipeline::names::{Project, RunId};
use reqwest::Method;
use runner::ports::{Comment, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{AzureDevops, List};
use crate::http::{Call, CallError, Right};
use crate::mark::Mark;

/// The property of a thread that says whose it is.
const PROPERTY: &str = "trainyard.project";

const THREADS: Right = Right {
    action: "comment on a pull request",
    scope: "vso.threads_full",
    role: "Contribute to pull requests (repository)",
};

/// `GitPullRequestCommentThread`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thread {
    id: u64,
    #[serde(default)]
    comments: Option<Vec<Said>>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
    #[serde(default)]
    is_deleted: bool,
}

/// `Comment`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    id: u64,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    is_deleted: bool,
}

/// Our comment as it is.
struct Found {
    thread: u64,
    comment: u64,
    content: String,
    run: Option<RunId>,
}

impl AzureDevops {
    /// Leaves the comment, or puts it in the place of an older run's.
    pub(super) async fn try_to_comment(
        &self,
        project: &Project,
        pull_request: &str,
        comment: &Comment,
    ) -> Result<(), CallError> {
        let content = Mark::of(project).text(comment, self.places.link(&comment.run));
        let threads = ["pullRequests", pull_request, "threads"];
        let found = self.find(project, &threads).await?;
        let Some(found) = found else {
            let body = json!({
                "comments": [{"parentCommentId": 0, "content": content, "commentType": "text"}],
                "status": "closed",
                "properties": {PROPERTY: project},
            });
            let url = self.repository(project, &threads, &[])?;
            return self.client.call(Call::send(Method::POST, url, body, &THREADS).once()).await.map(|_| ());
        };
        // Ids sort newest first.
        if found.content == content || found.run.is_some_and(|run| run < comment.run) {
            return Ok(());
        }
        let (thread, number) = (found.thread.to_string(), found.comment.to_string());
        let url = self.repository(project, &[&threads[..], &[&thread, "comments", &number]].concat(), &[])?;
        let body = json!({"content": content});
        self.client.call(Call::send(Method::PATCH, url, body, &THREADS)).await.map(|_| ())
    }

    async fn find(&self, project: &Project, threads: &[&str]) -> Result<Option<Found>, CallError> {
        let url = self.repository(project, threads, &[])?;
        let list: List<Thread> = self.client.read(Call::get(url, &THREADS)).await?;
        let mark = Mark::of(project);
        let ours = |thread: Thread| {
            let property = thread.properties.as_ref().and_then(|properties| properties.get(PROPERTY));
            let is_named = property.and_then(text).is_some_and(|name| name == project.as_str());
            let first = thread.comments.unwrap_or_default().into_iter().find(|said| !said.is_deleted)?;
            let content = first.content.unwrap_or_default();
            let run = mark.find(&content);
            let is_ours = !thread.is_deleted && (is_named || run.is_some());
            is_ours.then_some(Found { thread: thread.id, comment: first.id, content, run })
        };
        Ok(list.value.into_iter().filter_map(ours).min_by_key(|found| found.thread))
    }
}

/// A property's text; the service gives it back with its type.
fn text(property: &Value) -> Option<&str> {
    property.as_str().or_else(|| property["$value"].as_str())
}
