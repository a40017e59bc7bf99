//! Commits: what a name means, what is in one.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::names::{CommitId, Project};
use reqwest::Url;
use reqwest::header::LOCATION;
use runner::ports::Result;
use serde::Deserialize;

use super::{Github, READ, SERVICE};
use crate::http::{Call, CallError, Kind};
use crate::repositories::{Contents, Entry, snapshot};

/// Tags of tags that are followed.
const TAGS_MAX: usize = 5;

/// A reference, and a tag's own object, as far as we read them.
#[derive(Deserialize)]
struct Pointer {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

/// A commit, as far as we read it.
#[derive(Deserialize)]
struct Commit {
    tree: Root,
}

#[derive(Deserialize)]
struct Root {
    sha: String,
}

#[derive(Deserialize)]
struct Tree {
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

/// An entry of a tree, as far as we read it.
#[derive(Deserialize)]
pub(super) struct TreeEntry {
    pub path: String,
    pub mode: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub sha: String,
    #[serde(default)]
    pub size: Option<u64>,
}

/// A blob, as far as we read it.
#[derive(Deserialize)]
struct Blob {
    content: String,
    encoding: String,
}

/// The contents of a commit.
struct OfCommit<'a> {
    host: &'a Github,
    project: &'a Project,
    commit: &'a CommitId,
}

impl Github {
    /// The commit that a reference (`heads/main`) stands for.
    pub(super) async fn find_ref(&self, project: &Project, name: &str) -> Result<CommitId, CallError> {
        let below: Vec<_> = ["git", "ref"].into_iter().chain(name.split('/')).collect();
        let mut url = self.repository(project, &below, &[])?;
        for _ in 0..TAGS_MAX {
            let Pointer { object } = self.client.read(Call::get(url, &READ)).await?;
            url = match object.kind.as_str() {
                "tag" => self.repository(project, &["git", "tags", &object.sha], &[])?,
                "commit" => {
                    let of = |error| CallError::refused(SERVICE, format!("{name} is at {}: {error}", object.sha));
                    return object.sha.parse().map_err(of);
                }
                other => return Err(CallError::refused(SERVICE, format!("{name} is a {other} and no commit"))),
            };
        }
        Err(CallError::refused(SERVICE, format!("{name} is a tag of a tag of a tag, and so on")))
    }

    /// The tree of a commit. One of a fork is found as well: GitHub keeps them together.
    pub(super) async fn tree_of(&self, project: &Project, commit: &CommitId) -> Result<String, CallError> {
        let url = self.repository(project, &["git", "commits", commit.as_str()], &[])?;
        let commit: Commit = self.client.read(Call::get(url, &READ)).await?;
        Ok(commit.tree.sha)
    }

    /// What is in a tree, or in a commit's; with all that is below it or without.
    pub(super) async fn tree(&self, project: &Project, id: &str, whole: bool) -> Result<Vec<TreeEntry>, CallError> {
        let query: &[_] = if whole { &[("recursive", "1")] } else { &[] };
        let url = self.repository(project, &["git", "trees", id], query)?;
        let tree: Tree = self.client.read(Call::get(url, &READ)).await?;
        if tree.truncated {
            let reason = format!("{id} of {project} has more files than GitHub lists at once (100,000)");
            return Err(CallError::refused(SERVICE, reason));
        }
        Ok(tree.tree)
    }

    /// A file of a commit, if it has it. A folder and a link are none.
    pub(super) async fn content_at(
        &self,
        project: &Project,
        commit: &CommitId,
        path: &str,
    ) -> Result<Option<Vec<u8>>, CallError> {
        // Not by the path at once: there, a link is what it leads to.
        let mut folder = commit.to_string();
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let tree = self.tree(project, &folder, false).await?;
            let Some(entry) = tree.into_iter().find(|entry| entry.path == name) else { return Ok(None) };
            match (entry.kind.as_str(), names.peek()) {
                ("tree", Some(_)) => folder = entry.sha,
                ("blob", None) if entry.mode != "120000" => {
                    return self.blob(Call::get(self.blob_address(project, &entry.sha)?, &READ)).await.map(Some);
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// A commit's files as a tar.
    pub(super) async fn tar(&self, project: &Project, commit: &CommitId) -> Result<Vec<u8>> {
        let tree = self.tree_of(project, commit).await;
        let tree = self.places.there(project, format_args!("commit {commit}"), tree)?;
        let listed = self.tree(project, &tree, true).await.map_err(CallError::into_port)?;
        let entry = |it: TreeEntry| Entry::new(it.path, &it.mode, it.sha, it.size);
        let entries = listed.into_iter().map(entry).collect();
        let contents = OfCommit { host: self, project, commit };
        snapshot(SERVICE, commit, &tree, entries, &contents, self.snapshot_mib).await
    }

    fn blob_address(&self, project: &Project, id: &str) -> Result<Url, CallError> {
        self.repository(project, &["git", "blobs", id], &[])
    }

    async fn blob(&self, call: Call<'_>) -> Result<Vec<u8>, CallError> {
        let blob: Blob = self.client.read(call).await?;
        let lines: String = blob.content.split_ascii_whitespace().collect();
        match (blob.encoding.as_str(), BASE64.decode(lines)) {
            ("base64", Ok(content)) => Ok(content),
            (encoding, _) => {
                let reason = format!("the answer cannot be read: a content in {encoding:?}");
                Err(CallError::unavailable(SERVICE, reason))
            }
        }
    }

    /// Whether a download is where GitHub keeps them. Nobody else is asked for anything.
    fn is_archive(&self, url: &Url) -> bool {
        url.origin() == self.archives.origin() && url.path().starts_with(self.archives.path())
    }
}

#[async_trait]
impl Contents for OfCommit<'_> {
    async fn archive(&self, most: usize) -> Result<Vec<u8>, CallError> {
        let Self { host, project, commit } = self;
        let url = host.repository(project, &["zipball", commit.as_str()], &[])?;
        let answer = host.client.call(Call::get(url, &READ).leading_on()).await?;
        let leads = answer.header(LOCATION.as_str()).and_then(|address| Url::parse(address).ok());
        let Some(leads) = leads else {
            return Err(CallError::unavailable(SERVICE, "the answer cannot be read: it leads to no archive".into()));
        };
        if !host.is_archive(&leads) {
            let place = leads.origin().ascii_serialization();
            let reason = format!(
                "the archive of {commit} is at {place}, which is not {}; set `archives` to the host that keeps them",
                host.archives
            );
            return Err(CallError::refused(SERVICE, reason));
        }
        let download = host.downloads.call(Call::get(leads, &READ).at_most(most)).await;
        // The address is good for some minutes. One that is not good any more says nothing about the commit.
        download.map(|answer| answer.body).map_err(|error| match error.kind {
            Kind::Gone | Kind::NotKnown => CallError::unavailable(SERVICE, format!("the archive of {commit} was gone")),
            _ => error,
        })
    }

    async fn content(&self, id: &str, most: usize) -> Result<Vec<u8>, CallError> {
        let url = self.host.blob_address(self.project, id)?;
        // It comes as text, which is longer by a third and the ends of its lines.
        self.host.blob(Call::get(url, &READ).at_most(most + most / 2 + 4096)).await
    }
}
