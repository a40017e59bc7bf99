//! Commits: what a name means, what is in one.

use async_trait::async_trait;
use pipeline::names::{CommitId, Project};
use reqwest::header::HeaderValue;
use runner::ports::Result;
use serde::Deserialize;

use super::{AzureDevops, List, PAGE, PAGES_MAX, READ, SERVICE};
use crate::http::{Call, CallError, Kind};
use crate::repositories::{Contents, Entry, snapshot};

/// `GitRef`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ref {
    name: String,
    object_id: String,
    /// Of a tag's own object the commit that it stands for.
    #[serde(default)]
    peeled_object_id: Option<String>,
}

/// `GitCommit`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    tree_id: String,
}

/// `GitTreeRef`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tree {
    tree_entries: Vec<TreeEntry>,
}

/// `GitTreeEntryRef`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TreeEntry {
    object_id: String,
    relative_path: String,
    mode: String,
    #[serde(default)]
    size: Option<u64>,
}

/// `GitItem`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    object_id: String,
    path: String,
    git_object_type: String,
    #[serde(default)]
    is_sym_link: bool,
}

/// The contents of a commit's tree.
struct OfTree<'a> {
    host: &'a AzureDevops,
    project: &'a Project,
    tree: &'a str,
}

impl AzureDevops {
    /// The commit that a reference (`heads/main`) stands for.
    pub(super) async fn find_ref(&self, project: &Project, name: &str) -> Result<CommitId, CallError> {
        let (top, full) = (PAGE.to_string(), format!("refs/{name}"));
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = next.as_deref().map(|page| ("continuationToken", page));
            // What begins like it is found as well.
            let query: Vec<_> =
                [("filter", name), ("peelTags", "true"), ("$top", top.as_str())].into_iter().chain(page).collect();
            let answer = self.client.call(Call::get(self.repository(project, &["refs"], &query)?, &READ)).await?;
            let refs: List<Ref> = answer.json()?;
            if let Some(found) = refs.value.into_iter().find(|it| it.name == full) {
                let id = found.peeled_object_id.unwrap_or(found.object_id);
                return id.parse().map_err(|error| CallError::refused(SERVICE, format!("{full} is at {id}: {error}")));
            }
            match answer.header("x-ms-continuationtoken") {
                Some(token) if !token.is_empty() => next = Some(token.to_owned()),
                _ => break,
            }
        }
        Err(CallError::gone(SERVICE, format!("there is no {full}")))
    }

    /// The tree of a commit.
    pub(super) async fn tree_of(&self, project: &Project, commit: &CommitId) -> Result<String, CallError> {
        let url = self.repository(project, &["commits", commit.as_str()], &[])?;
        let commit: Commit = self.client.read(Call::get(url, &READ)).await?;
        Ok(commit.tree_id)
    }

    /// A file of a commit, if it has it. A folder and a link are none.
    pub(super) async fn content_at(
        &self,
        project: &Project,
        commit: &CommitId,
        path: &str,
    ) -> Result<Option<Vec<u8>>, CallError> {
        let path = format!("/{path}");
        let query = [
            ("scopePath", path.as_str()),
            ("recursionLevel", "none"),
            ("versionDescriptor.versionType", "commit"),
            ("versionDescriptor.version", commit.as_str()),
        ];
        let found = self.client.read(Call::get(self.repository(project, &["items"], &query)?, &READ)).await;
        let items: List<Item> = match found {
            Err(error) if error.kind == Kind::Gone && error.code.starts_with("GitItemNotFound") => return Ok(None),
            found => found?,
        };
        let is_file = |item: &Item| item.path == path && item.git_object_type == "blob" && !item.is_sym_link;
        let Some(item) = items.value.into_iter().find(is_file) else { return Ok(None) };
        self.client.call(self.blob(project, &item.object_id)?).await.map(|answer| Some(answer.body))
    }

    /// A commit's files as a tar.
    pub(super) async fn tar(&self, project: &Project, commit: &CommitId) -> Result<Vec<u8>> {
        let tree = self.tree_of(project, commit).await;
        let tree = self.places.there(project, format_args!("commit {commit}"), tree)?;
        let entries = self.entries(project, &tree).await.map_err(CallError::into_port)?;
        let contents = OfTree { host: self, project, tree: &tree };
        snapshot(SERVICE, commit, &tree, entries, &contents, self.snapshot_mib).await
    }

    async fn entries(&self, project: &Project, tree: &str) -> Result<Vec<Entry>, CallError> {
        let url = self.repository(project, &["trees", tree], &[("recursive", "true")])?;
        let tree: Tree = self.client.read(Call::get(url, &READ)).await?;
        let entry = |it: TreeEntry| Entry::new(it.relative_path, &it.mode, it.object_id, it.size);
        Ok(tree.tree_entries.into_iter().map(entry).collect())
    }

    fn blob(&self, project: &Project, id: &str) -> Result<Call<'static>, CallError> {
        let url = self.repository(project, &["blobs", id], &[("$format", "octetstream")])?;
        Ok(Call::get(url, &READ).with("accept", HeaderValue::from_static("application/octet-stream")))
    }
}

#[async_trait]
impl Contents for OfTree<'_> {
    async fn archive(&self, most: usize) -> Result<Vec<u8>, CallError> {
        let url = self.host.repository(self.project, &["trees", self.tree], &[("$format", "zip")])?;
        let call = Call::get(url, &READ).with("accept", HeaderValue::from_static("application/zip")).at_most(most);
        self.host.client.call(call).await.map(|answer| answer.body)
    }

    async fn content(&self, id: &str, most: usize) -> Result<Vec<u8>, CallError> {
        let call = self.host.blob(self.project, id)?.at_most(most);
        self.host.client.call(call).await.map(|answer| answer.body)
    }
}
