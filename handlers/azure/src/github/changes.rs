//! Which files differ between two commits: their trees side by side, since a comparison lists 300 files at most and
//! begins where the two parted.

use std::collections::BTreeMap;

use pipeline::names::{CommitId, Project};
use runner::ports::Result;
use serde::Deserialize;

use super::{Github, SERVICE};
use crate::http::{Call, CallError, Kind, Right};

const READ: Right = Right { action: "read the repository", scope: "repo", role: "Contents: read (repository)" };

#[derive(Deserialize)]
struct Tree {
    tree: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    sha: Option<String>,
    #[serde(default)]
    mode: Option<String>,
}

/// What each file is.
type Files = BTreeMap<String, (Option<String>, Option<String>)>;

impl Github {
    /// Paths that differ between two commits, sorted; between nothing and `to` when `from` is None or not known any more.
    ///
    /// # Errors
    ///
    /// The repository does not have `to` or is too large to be listed, GitHub does not answer, or we may not read.
    pub async fn changed(&self, project: &Project, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>> {
        self.difference(project, from, to).await.map_err(CallError::into_port)
    }

    async fn difference(
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
        let url = self.repository(project, &["git", "trees", commit.as_str()], &[("recursive", "1")])?;
        let tree: Tree = self.client.read(Call::get(url, &READ)).await?;
        if tree.truncated {
            let reason = format!("{commit} of {project} has more files than GitHub lists at once (100,000)");
            return Err(CallError::refused(SERVICE, reason));
        }
        let files = tree.tree.into_iter().filter(|entry| entry.kind != "tree");
        Ok(files.map(|entry| (entry.path, (entry.sha, entry.mode))).collect())
    }
}
