//! The one comment of a project on a pull request, found again by a mark in its text that nobody sees.

use pipeline::names::{Project, RunId};
use reqwest::Method;
use runner::ports::{Comment, Result};
use serde::Deserialize;
use serde_json::json;

use super::{Github, PAGE, PAGES_MAX, Shown};
use crate::http::{Call, CallError, Right};
use crate::mark::Mark;

const COMMENTS: Right =
    Right { action: "comment on a pull request", scope: "repo", role: "Pull requests: write (repository)" };

/// An issue's comment, as far as we read it.
#[derive(Deserialize)]
struct Said {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "type")]
    kind: String,
}

impl Github {
    /// Leaves the comment, or puts it in the place of an older run's.
    pub(super) async fn try_to_comment(
        &self,
        project: &Project,
        pull_request: &str,
        comment: &Comment,
    ) -> Result<(), CallError> {
        let body = Mark::of(project).text(comment, self.places.link(&comment.run));
        let (method, url) = match self.find(project, pull_request).await? {
            // Ids sort newest first.
            Some((said, run)) if said.body.as_deref() == Some(&body) || run < comment.run => return Ok(()),
            Some((said, _)) => {
                (Method::PATCH, self.repository(project, &["issues", "comments", &said.id.to_string()], &[])?)
            }
            None => (Method::POST, self.repository(project, &["issues", pull_request, "comments"], &[])?),
        };
        self.client.call(Call::send(method, url, json!({"body": body}), &COMMENTS).once()).await.map(|_| ())
    }

    async fn find(&self, project: &Project, pull_request: &str) -> Result<Option<(Said, RunId)>, CallError> {
        let mark = Mark::of(project);
        for page in 1..=PAGES_MAX {
            let (page, per_page) = (page.to_string(), PAGE.to_string());
            let query = [("per_page", per_page.as_str()), ("page", &page)];
            let url = self.repository(project, &["issues", pull_request, "comments"], &query)?;
            let said: Vec<Said> = self.client.read(Call::get(url, &COMMENTS)).await?;
            let is_last = said.len() < PAGE;
            let found = said.into_iter().filter(|said| self.may_be_ours(said)).find_map(|said| {
                let run = mark.find(said.body.as_deref()?)?;
                Some((said, run))
            });
            if found.is_some() || is_last {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// An App speaks as a bot. A person who copies the mark keeps a comment of their own, and the words in it.
    fn may_be_ours(&self, said: &Said) -> bool {
        let is_bot = said.user.as_ref().is_some_and(|user| user.kind == "Bot");
        self.shown == Shown::CommitStatus || is_bot
    }
}
