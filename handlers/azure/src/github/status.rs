//! Statuses of commits: check runs, or commit statuses.

use pipeline::names::{CommitId, Project};
use reqwest::Method;
use runner::ports::{CommitStatus, Result, StatusState};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Github, PAGE};
use crate::http::{Call, CallError, Right};
use crate::text::first;

/// Characters of a commit status's description that GitHub takes.
const DESCRIPTION_MAX: usize = 140;

const STATUSES: Right =
    Right { action: "set a status on a commit", scope: "repo:status", role: "Commit statuses: write (repository)" };
const CHECKS: Right = Right {
    action: "set a check on a commit",
    scope: "of a GitHub App's installation",
    role: "Checks: write (GitHub App)",
};

#[derive(Deserialize)]
struct CheckRuns {
    check_runs: Vec<CheckRun>,
}

/// A check run, as far as we read it.
#[derive(Deserialize)]
struct CheckRun {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
}

impl Github {
    pub(super) async fn set_commit_status(
        &self,
        project: &Project,
        commit: &CommitId,
        status: &CommitStatus,
    ) -> Result<(), CallError> {
        let mut body = json!({
            "state": match status.state {
                StatusState::Pending => "pending",
                // There is no word for what does not apply; the description says it.
                StatusState::Succeeded | StatusState::NotApplicable => "success",
                StatusState::Failed => "failure",
                StatusState::Error => "error",
            },
            "context": status.context,
            "description": first(&status.description, DESCRIPTION_MAX),
        });
        if let Some(link) = self.places.link(&status.run) {
            body["target_url"] = link.as_str().into();
        }
        let url = self.repository(project, &["statuses", commit.as_str()], &[])?;
        self.client.call(Call::send(Method::POST, url, body, &STATUSES)).await.map(|_| ())
    }

    pub(super) async fn set_check_run(
        &self,
        project: &Project,
        commit: &CommitId,
        status: &CommitStatus,
    ) -> Result<(), CallError> {
        // By it the check of this run is found again; a second one of the same name would stand beside it.
        let ours = format!("{}:{}", status.run, status.context);
        let (name, per_page) = (status.context.as_str(), PAGE.to_string());
        let query = [("check_name", name), ("filter", "all"), ("per_page", &per_page)];
        let url = self.repository(project, &["commits", commit.as_str(), "check-runs"], &query)?;
        let there: CheckRuns = self.client.read(Call::get(url, &CHECKS)).await?;
        let there = there.check_runs.into_iter().find(|run| run.external_id.as_deref() == Some(&ours));

        let mut body = check(status);
        if let Some(link) = self.places.link(&status.run) {
            body["details_url"] = link.as_str().into();
        }
        let now = self.client.now().to_string();
        if status.state != StatusState::Pending {
            body["completed_at"] = now.clone().into();
        }
        let (method, url) = match there {
            Some(run) => (Method::PATCH, self.repository(project, &["check-runs", &run.id.to_string()], &[])?),
            None => {
                body["name"] = name.into();
                body["head_sha"] = commit.as_str().into();
                body["external_id"] = ours.into();
                body["started_at"] = now.into();
                (Method::POST, self.repository(project, &["check-runs"], &[])?)
            }
        };
        self.client.call(Call::send(method, url, body, &CHECKS).once()).await.map(|_| ())
    }
}

/// What a check run says.
fn check(status: &CommitStatus) -> Value {
    let output = json!({"title": first(&status.description, DESCRIPTION_MAX), "summary": status.description});
    let conclusion = match status.state {
        StatusState::Pending => return json!({"status": "in_progress", "output": output}),
        StatusState::Succeeded => "success",
        // A run that broke or was ended is no good news about the change either.
        StatusState::Failed | StatusState::Error => "failure",
        StatusState::NotApplicable => "skipped",
    };
    json!({"status": "completed", "conclusion": conclusion, "output": output})
}
