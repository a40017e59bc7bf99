//! Which files differ between two commits: their trees side by side, since a comparison lists 300 files at most and
//! begins where the two parted.

use std::collections::BTreeMap;

use pipeline::names::{CommitId, Project};
use runner::ports::Result;

use super::Github;
use crate::http::{CallError, Kind};

/// What each file is: its content and its mode.
type Files = BTreeMap<String, (String, String)>;

impl Github {
    /// Paths that differ between two commits, sorted; between nothing and `to` when `from` is None or not known any more.
    pub(super) async fn differing(
        &self,
        project: &Project,
        from: Option<&CommitId>,
        to: &CommitId,
    ) -> Result<Vec<String>, CallError> {
        let new = self.files(project, to).await?;
        let old = match from {
            Some(from) => match self.files(project, from).await {
                Err(error) if error.kind == Kind::Gone => Files::new(),
                files => files?,
            },
            None => Files::new(),
        };
        let mut paths: Vec<_> = old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)).collect();
        paths.sort();
        paths.dedup();
        Ok(paths.into_iter().cloned().collect())
    }

    async fn files(&self, project: &Project, commit: &CommitId) -> Result<Files, CallError> {
        let tree = self.tree(project, commit.as_str(), true).await?;
        let files = tree.into_iter().filter(|entry| entry.kind != "tree");
        Ok(files.map(|entry| (entry.path, (entry.sha, entry.mode))).collect())
    }
}
