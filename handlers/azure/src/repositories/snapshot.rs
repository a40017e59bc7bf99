//! A commit of a code host as a snapshot: what its tree lists, each content known by its id.
//!
//! ```text
//! tree of the commit: paths, modes, ids --> all of it? too much? a submodule? --> one archive --> contents by id
//!                                                                                     |               |
//!                                                       what it does not hold <-------'               v
//!                                                       one by one ------------------------> tar, sorted --> artifacts
//! ```

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use pipeline::names::CommitId;
use runner::ports::{PortError, Result};
use runner::snapshot::{Kind, Snapshot, SnapshotError};

use super::archive::{self, Found, Spoiled};
use super::object::{blob_id, tree_id};
use crate::http::CallError;

/// Files of a commit.
const FILES_MAX: usize = 50_000;
/// Contents that are asked for one by one.
const APART_MAX: usize = 200;

/// An entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub path: String,
    /// As git has it.
    pub mode: u32,
    /// What git calls it by.
    pub id: String,
    /// Bytes, where the host says so.
    pub size: Option<u64>,
}

/// Where a commit's contents are.
#[async_trait]
pub(crate) trait Contents: Send + Sync {
    /// Most of them in one zip.
    async fn archive(&self, most: usize) -> Result<Vec<u8>, CallError>;
    /// One of them.
    async fn content(&self, id: &str, most: usize) -> Result<Vec<u8>, CallError>;
}

impl Entry {
    /// From a mode as git writes it: `100644`, `40000`.
    pub fn new(path: String, mode: &str, id: String, size: Option<u64>) -> Self {
        Self { path, mode: u32::from_str_radix(mode, 8).unwrap_or_default(), id, size }
    }

    /// None: a folder, which is in the paths of what is in it.
    fn kind(&self) -> Option<Kind> {
        Some(match self.mode & 0o170_000 {
            0o040_000 => return None,
            0o120_000 => Kind::Link,
            0o160_000 => Kind::Submodule,
            _ if self.mode & 0o100 != 0 => Kind::Program,
            _ => Kind::File,
        })
    }
}

/// Makes the tar of a commit that has this tree with these entries, of `mib` MiB at most.
pub(crate) async fn snapshot(
    service: &'static str,
    commit: &CommitId,
    tree: &str,
    mut entries: Vec<Entry>,
    contents: &dyn Contents,
    mib: usize,
) -> Result<Vec<u8>> {
    let refuse = |why: String| PortError::permanent(service, format!("commit {commit} makes no snapshot: {why}"));
    let too_large = || refuse(format!("it has more than {mib} MiB; keep data in a storage account, not in git"));
    let most = mib << 20;
    if entries.len() > FILES_MAX {
        return Err(refuse(format!("it has more than {FILES_MAX} files; keep data in a storage account, not in git")));
    }
    let known: u64 = entries.iter().filter(|entry| entry.kind().is_some()).filter_map(|entry| entry.size).sum();
    if known > most as u64 {
        return Err(too_large());
    }
    if tree_id(&entries).as_deref() != Some(tree) {
        let why = "the list of its files is not all of it: they are too many for the host, or a name is not UTF-8";
        return Err(refuse(why.to_owned()));
    }
    if let Some(module) = entries.iter().find(|entry| entry.kind() == Some(Kind::Submodule)) {
        return Err(refuse(SnapshotError::Submodule { path: module.path.clone() }.to_string()));
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let files = entries.iter().filter(|entry| entry.kind().is_some());
    let wanted: BTreeSet<String> = files.map(|entry| entry.id.clone()).collect();

    let mut found = Found::new();
    if !wanted.is_empty() {
        let zip = contents.archive(most).await.map_err(CallError::into_port)?;
        let (taken, ids) = (move |ids: &BTreeSet<String>| archive::contents(&zip, ids, most), wanted.clone());
        let taken = apart(service, move || taken(&ids)).await?;
        found = taken.map_err(|spoiled| match spoiled {
            Spoiled::TooLarge => too_large(),
            Spoiled::Unreadable(why) => {
                PortError::transient(service, format!("the archive of commit {commit} cannot be read: {why}"))
            }
        })?;
    }
    let missing: Vec<_> = wanted.iter().filter(|id| !found.contains_key(*id)).collect();
    if missing.len() > APART_MAX {
        let reason = format!("its archive leaves out {} files (`export-ignore` in .gitattributes?)", missing.len());
        return Err(refuse(reason));
    }
    for id in missing {
        let content = contents.content(id, most).await.map_err(CallError::into_port)?;
        if blob_id(&content).as_deref() != Some(id) {
            let reason = format!("what came for file {id} of commit {commit} is something else");
            return Err(PortError::transient(service, reason));
        }
        found.insert(id.clone(), content);
    }
    let packed = apart(service, move || pack(&entries, &found, most)).await?;
    packed.map_err(|why| why.map_or_else(too_large, refuse))
}

/// The tar; an error without words is too large a one.
fn pack(entries: &[Entry], found: &BTreeMap<String, Vec<u8>>, most: usize) -> Result<Vec<u8>, Option<String>> {
    let (mut snapshot, mut left) = (Snapshot::new(), most);
    for entry in entries {
        let Some(kind) = entry.kind() else { continue };
        let Entry { path, id, .. } = entry;
        let content = found.get(id).map(Vec::as_slice).unwrap_or_default();
        left = left.checked_sub(content.len()).ok_or(None)?;
        snapshot.add(path.as_bytes(), kind, content).map_err(|error| Some(error.to_string()))?;
    }
    snapshot.finish().map_err(|error| Some(error.to_string()))
}

/// Works where it may take its time.
async fn apart<T: Send + 'static>(service: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PortError::transient(service, error))
}
