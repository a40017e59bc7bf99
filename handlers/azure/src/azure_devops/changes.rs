//! Which files differ between two commits.

use std::collections::BTreeSet;

use pipeline::names::{CommitId, Project};
use runner::ports::Result;
use serde::Deserialize;

use super::{AzureDevops, List, READ, SERVICE};
use crate::http::{Call, CallError, Kind};

/// Changes that are asked for at once.
const CHANGES: usize = 1000;
/// Pages after which a change is called too large.
const PAGES_MAX: usize = 100;

/// `GitCommitDiffs`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Diff {
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    all_changes_included: bool,
}

/// `GitChange`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    item: Item,
    /// Where a renamed file was before; the two members are of two kinds of answers.
    #[serde(default)]
    original_path: Option<String>,
    #[serde(default)]
    source_server_item: Option<String>,
}

/// `GitItem`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    is_folder: bool,
}

impl AzureDevops {
    /// Paths that differ between two commits; between nothing and `to` when `from` is None or not known any more.
    pub(super) async fn differing(
        &self,
        project: &Project,
        from: Option<&CommitId>,
        to: &CommitId,
    ) -> Result<BTreeSet<String>, CallError> {
        match from {
            Some(from) => match self.difference(project, from, to).await {
                Err(error) if error.kind == Kind::Gone => self.all(project, to).await,
                difference => difference,
            },
            None => self.all(project, to).await,
        }
    }

    async fn difference(
        &self,
        project: &Project,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<BTreeSet<String>, CallError> {
        let mut paths = BTreeSet::new();
        for page in 0..PAGES_MAX {
            let (skip, top) = ((page * CHANGES).to_string(), CHANGES.to_string());
            let query = [
                // Between the two as they are, not since where they parted.
                ("diffCommonCommit", "false"),
                ("baseVersion", from.as_str()),
                ("baseVersionType", "commit"),
                ("targetVersion", to.as_str()),
                ("targetVersionType", "commit"),
                ("$top", &top),
                ("$skip", &skip),
            ];
            let url = self.repository(project, &["diffs", "commits"], &query)?;
            let diff: Diff = self.client.read(Call::get(url, &READ)).await?;
            let is_last = diff.all_changes_included || diff.changes.len() < CHANGES;
            for Change { item, original_path, source_server_item } in diff.changes {
                if !item.is_folder {
                    let all = [item.path, original_path, source_server_item];
                    paths.extend(all.into_iter().flatten().filter_map(relative));
                }
            }
            if is_last {
                return Ok(paths);
            }
        }
        let reason = format!("{from} and {to} differ in more than {} files", CHANGES * PAGES_MAX);
        Err(CallError::refused(SERVICE, reason))
    }

    async fn all(&self, project: &Project, commit: &CommitId) -> Result<BTreeSet<String>, CallError> {
        let query = [
            ("recursionLevel", "full"),
            ("versionDescriptor.versionType", "commit"),
            ("versionDescriptor.version", commit.as_str()),
        ];
        let url = self.repository(project, &["items"], &query)?;
        let items: List<Item> = self.client.read(Call::get(url, &READ)).await?;
        let files = items.value.into_iter().filter(|item| !item.is_folder);
        Ok(files.filter_map(|item| item.path.and_then(relative)).collect())
    }
}

/// A path below the repository's root.
fn relative(path: String) -> Option<String> {
    let path = path.trim_start_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}
