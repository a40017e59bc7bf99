//! `push`: one ref moved.

use std::collections::BTreeSet;

use super::Hook;
use crate::draft::{Draft, person};
use crate::fact::{Change, Fact, Push, RefUpdate};
use crate::member::Object;
use crate::reading::Refusal;
use crate::ref_updates::{ref_update, remark_on_name};
use crate::text;

/// GitHub lists so many commits of a push, and then stops without saying so.
const MOST_COMMITS: usize = 2_048;
/// Whoever asks which files changed is not helped by more than these.
const MOST_PATHS: usize = 3_000;

pub(super) fn read(hook: &Hook<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    let event = &hook.event;
    let repository = hook.repository()?;
    let update = ref_update(event, ["ref", "before", "after"])?;
    remark_on_name(&update, draft);
    let forced = event.maybe_flag("forced")?;
    let commits = event.maybe_list("commits")?.unwrap_or_default();
    Ok(Fact::Pushed(Push {
        changed_paths: changed_paths(event, &update, forced)?,
        repository,
        complete: true,
        push: None,
        pushed_by: match person(event.maybe_object("pusher")?)? {
            None => hook.sender()?,
            found => found,
        },
        commits: commits.len() as u64,
        message: match event.maybe_object("head_commit")? {
            Some(commit) => draft.note(&commit, "message")?,
            None => None,
        },
        forced,
        updates: vec![update],
    }))
}

/// The files that changed, if the list of commits tells all: it begins after `before`, ends with `after`, and was not
/// cut. Rewritten history also takes away what is in no list. A file whose name is not a path counts as not told.
fn changed_paths(event: &Object<'_>, update: &RefUpdate, forced: Option<bool>) -> Result<Option<Vec<String>>, Refusal> {
    let commits = event.maybe_list("commits")?.unwrap_or_default();
    if update.change() != Change::Moved || forced != Some(false) || commits.is_empty() || commits.len() >= MOST_COMMITS
    {
        return Ok(None);
    }
    let mut paths = BTreeSet::new();
    let mut last = None;
    for (index, value) in commits.iter().enumerate() {
        let commit = event.item("commits", index, value)?;
        last = commit.maybe_commit("id")?;
        for kind in ["added", "removed", "modified"] {
            let Some(files) = commit.maybe_list(kind)? else { return Ok(None) };
            for file in files {
                let Some(path) = file.as_str().filter(|path| is_path(path)) else { return Ok(None) };
                paths.insert(path.to_owned());
            }
        }
        if paths.len() > MOST_PATHS {
            return Ok(None);
        }
    }
    Ok((last == update.after).then(|| paths.into_iter().collect()))
}

fn is_path(path: &str) -> bool {
    path.len() <= 4_096
        && !path.contains(text::misleads)
        && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}
