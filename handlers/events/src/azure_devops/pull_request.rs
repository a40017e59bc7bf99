//! `git.pullrequest.created`, `.updated` and `.merged`.
//!
//! `.merged` means that a merge was attempted, and comes for open pull requests, too: a pull request is merged when its
//! status says so. `.updated` does not say what changed; whether it was a push, the head tells.

use super::Hook;
use crate::code::Code;
use crate::draft::{Draft, person};
use crate::fact::{Fact, MergeStatus, PullRequest, PullRequestAction, PullRequestState};
use crate::member::Object;
use crate::reading::Refusal;

const STATES: &[(&str, PullRequestState)] = &[
    ("active", PullRequestState::Open),
    ("completed", PullRequestState::Merged),
    ("abandoned", PullRequestState::Closed),
];

const MERGES: &[(&str, MergeStatus)] = &[
    ("notSet", MergeStatus::NotSet),
    ("queued", MergeStatus::Queued),
    ("conflicts", MergeStatus::Conflicts),
    ("succeeded", MergeStatus::Succeeded),
    ("rejectedByPolicy", MergeStatus::RejectedByPolicy),
    ("failure", MergeStatus::Failure),
];

pub(super) fn read(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let repository = hook.repository(&resource.object("repository")?)?;
    let state = resource.choice("status", STATES)?;
    let action = match (state, hook.kind.as_str()) {
        (PullRequestState::Merged, _) => PullRequestAction::Merged,
        (PullRequestState::Closed, _) => PullRequestAction::Closed,
        (PullRequestState::Open, "git.pullrequest.created") => PullRequestAction::Opened,
        (PullRequestState::Open, "git.pullrequest.merged") => PullRequestAction::MergeAttempted,
        (PullRequestState::Open, _) => PullRequestAction::Updated,
    };
    let commit = |name: &str| match resource.maybe_object(name)? {
        Some(commit) => commit.maybe_commit("commitId"),
        None => Ok(None),
    };
    Ok(Fact::PullRequestChanged(PullRequest {
        repository,
        number: resource.number("pullRequestId")?,
        action,
        state,
        head: commit("lastMergeSourceCommit")?,
        previous_head: None,
        source: resource.parsed("sourceRefName", Code::RefInvalid)?,
        target: resource.parsed("targetRefName", Code::RefInvalid)?,
        merge_commit: commit("lastMergeCommit")?,
        merge_status: resource.maybe_choice("mergeStatus", MERGES)?,
        draft: resource.maybe_flag("isDraft")?.unwrap_or(false),
        from_fork: resource.maybe("forkSource")?.is_some(),
        title: draft.note(resource, "title")?,
        opened_by: person(resource.maybe_object("createdBy")?)?,
    }))
}
