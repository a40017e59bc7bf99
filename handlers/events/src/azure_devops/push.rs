//! `git.push`: refs moved.

use super::Hook;
use crate::code::Code;
use crate::draft::{Draft, person};
use crate::fact::{Fact, Host, Push, PushAnnouncement, Repository};
use crate::member::Object;
use crate::reading::Refusal;
use crate::ref_updates::{RefUpdates, ref_update};

pub(super) fn read(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Option<Fact>, Refusal> {
    // A subscription that sends `minimal` details leaves out what moved, and where.
    let Some(list) = resource.maybe_list("refUpdates")? else { return announced(hook, resource, draft).map(Some) };
    let repository = hook.repository(&resource.object("repository")?)?;
    let mut updates = RefUpdates::default();
    for (index, value) in list.iter().enumerate() {
        let update = resource.item("refUpdates", index, value);
        updates.take(update.and_then(|update| ref_update(&update, ["name", "oldObjectId", "newObjectId"])), value);
    }
    let (updates, complete) = updates.settle(repository.default_branch.as_ref(), draft);
    if updates.is_empty() {
        return if list.is_empty() { Err(resource.missing("refUpdates[0]")) } else { Ok(None) };
    }
    // There is no list when the push brings no new commit: a tag, a new branch, a deleted one.
    let commits = resource.maybe_list("commits")?.unwrap_or_default();
    let mut message = None;
    for (index, value) in commits.iter().enumerate() {
        let commit = resource.item("commits", index, value)?;
        let id = commit.maybe_text("commitId")?;
        if id.is_some() && updates.iter().any(|update| update.after.as_ref().map(|after| after.as_str()) == id) {
            message = draft.note(&commit, "comment")?;
            break;
        }
    }
    Ok(Some(Fact::Pushed(Push {
        repository,
        updates,
        complete,
        push: resource.maybe_number("pushId")?,
        pushed_by: person(resource.maybe_object("pushedBy")?)?,
        commits: commits.len() as u64,
        message,
        forced: None,
        changed_paths: None,
    })))
}

fn announced(hook: &Hook<'_>, resource: &Object<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let push = resource.number("pushId")?;
    draft.remark(Code::EventIncomplete, "the subscription does not send what moved");
    let repository = match resource.maybe_object("repository")? {
        Some(repository) => Some(hook.repository(&repository)?),
        None => resource.maybe_text("url")?.and_then(repository_of).map(|id| Repository {
            host: Host::AzureDevops,
            id,
            name: None,
            project: hook.project.clone().map(|id| crate::fact::Project { id, name: None }),
            organization: hook.organization.clone(),
            default_branch: None,
            installation: None,
        }),
    };
    Ok(Fact::PushAnnounced(PushAnnouncement { repository, push }))
}

/// The repository's id in a push's address, `…/git/repositories/{id}/pushes/{push}`. The address is not called.
fn repository_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("/_apis/git/repositories/")?;
    let (id, _) = rest.split_once("/pushes/")?;
    let shape =
        |index: usize, c: char| if matches!(index, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() };
    let is_guid = id.len() == 36 && id.char_indices().all(|(index, c)| shape(index, c));
    is_guid.then(|| id.to_ascii_lowercase())
}
