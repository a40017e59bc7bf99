//! `pull_request`. A merge is one that was `closed` with `merged`; the push to the branch comes by itself.

use super::{Hook, branch_named, unknown_event};
use crate::draft::{Draft, person};
use crate::fact::{Fact, PullRequest, PullRequestAction, PullRequestState};
use crate::member::Object;
use crate::reading::Refusal;

pub(super) fn read(hook: &Hook<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let event = &hook.event;
    let request = event.object("pull_request")?;
    let merged = request.maybe_flag("merged")?.unwrap_or(false);
    let action = match hook.action.as_deref().ok_or_else(|| event.missing("action"))? {
        "opened" => PullRequestAction::Opened,
        "reopened" => PullRequestAction::Reopened,
        "synchronize" => PullRequestAction::HeadMoved,
        "edited" => PullRequestAction::Updated,
        "ready_for_review" => PullRequestAction::ReadyForReview,
        "converted_to_draft" => PullRequestAction::ConvertedToDraft,
        "closed" if merged => PullRequestAction::Merged,
        "closed" => PullRequestAction::Closed,
        // Labels, reviewers, comments: nothing that a delivery depends on.
        other => return Err(unknown_event(&format!("pull_request.{other}"))),
    };
    let open = request.choice("state", &[("open", true), ("closed", false)])?;
    let state = match (open, merged) {
        (true, _) => PullRequestState::Open,
        (false, true) => PullRequestState::Merged,
        (false, false) => PullRequestState::Closed,
    };
    let (head, base) = (request.object("head")?, request.object("base")?);
    let branch = |side: &Object<'_>| branch_named(side, "ref", side.text("ref")?);
    Ok(Fact::PullRequestChanged(PullRequest {
        repository: hook.repository()?,
        number: event.number("number")?,
        action,
        state,
        head: Some(head.maybe_commit("sha")?.ok_or_else(|| head.missing("sha"))?),
        previous_head: if action == PullRequestAction::HeadMoved { event.maybe_commit("before")? } else { None },
        source: branch(&head)?,
        target: branch(&base)?,
        merge_commit: request.maybe_commit("merge_commit_sha")?,
        merge_status: None,
        draft: request.maybe_flag("draft")?.unwrap_or(false),
        from_fork: is_from_fork(&head, &base)?,
        title: draft.note(&request, "title")?,
        opened_by: person(request.maybe_object("user")?)?,
    }))
}

/// Another repository's code is somebody else's, and so is that of a repository that is gone.
fn is_from_fork(head: &Object<'_>, base: &Object<'_>) -> Result<bool, Refusal> {
    let home = base.object("repo")?.number("id")?;
    match head.maybe_object("repo")? {
        Some(repository) => Ok(repository.number("id")? != home),
        None => Ok(true),
    }
}
