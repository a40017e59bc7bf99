//! Reading one repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use pipeline::names::{Branch, CommitId};

use super::SourceError;

/// As many branches as an error names.
const NAMED: usize = 20;

/// An open repository.
pub(super) struct Repository {
    path: PathBuf,
    git: gix::Repository,
}

/// A file of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: EntryKind,
    pub(super) id: ObjectId,
}

/// The files of a commit by their paths.
pub(super) type Entries = BTreeMap<BString, Entry>;

impl Repository {
    /// Opens a working tree's or a bare repository. The settings of whoever runs this do not matter.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let git = gix::open_opts(path, gix::open::Options::isolated());
        let git = git.map_err(|error| SourceError::NotARepository { path: path.to_owned(), why: error.to_string() })?;
        let path = path.to_owned();
        Ok(Self { path, git })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The head of a branch.
    pub(super) fn head_of(&self, branch: &Branch) -> Result<CommitId, SourceError> {
        let name = format!("refs/heads/{branch}");
        match self.git.try_find_reference(&name) {
            Ok(Some(mut reference)) => {
                let commit = reference.peel_to_commit().map_err(self.broken())?;
                self.name(commit.id)
            }
            _ => Err(SourceError::UnknownBranch {
                path: self.path.clone(),
                branch: branch.clone(),
                known: self.branches(),
            }),
        }
    }

    /// The commit that a tag names, also through a tag's own object.
    pub(super) fn commit_of_tag(&self, tag: &str) -> Result<CommitId, SourceError> {
        match self.git.try_find_reference(&format!("refs/tags/{tag}")) {
            Ok(Some(mut reference)) => {
                let commit = reference.peel_to_commit().map_err(self.broken())?;
                self.name(commit.id)
            }
            _ => Err(SourceError::UnknownTag { path: self.path.clone(), tag: tag.to_owned() }),
        }
    }

    fn branches(&self) -> String {
        let names: Vec<String> = self
            .git
            .references()
            .ok()
            .and_then(|references| {
                let branches = references.local_branches().ok()?;
                let names = branches.filter_map(Result::ok);
                Some(names.map(|branch| branch.name().shorten().to_string()).collect())
            })
            .unwrap_or_default();
        match names.len() {
            0 => "it has no commit yet, so there is nothing to deliver".into(),
            n if n > NAMED => format!("it has {}, and {} more", names[..NAMED].join(", "), n - NAMED),
            _ => format!("it has {}", names.join(", ")),
        }
    }

    /// Whether the repository has this commit.
    pub(super) fn check(&self, commit: &CommitId) -> Result<(), SourceError> {
        self.commit(commit).map(|_| ())
    }

    fn commit(&self, commit: &CommitId) -> Result<gix::Commit<'_>, SourceError> {
        ObjectId::from_hex(commit.as_str().as_bytes())
            .ok()
            .and_then(|id| self.git.find_commit(id).ok())
            .ok_or_else(|| SourceError::UnknownCommit { path: self.path.clone(), commit: commit.clone() })
    }

    /// All files of a commit.
    pub(super) fn entries(&self, commit: &CommitId) -> Result<Entries, SourceError> {
        let root = self.commit(commit)?.tree_id().map_err(self.broken())?;
        let mut entries = Entries::new();
        let mut folders = vec![(BString::default(), root.detach())];
        while let Some((folder, id)) = folders.pop() {
            let tree = self.git.find_tree(id).map_err(self.broken())?;
            for entry in tree.iter() {
                let entry = entry.map_err(self.broken())?;
                let mut path = folder.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.filename());
                let (kind, id) = (entry.mode().kind(), entry.object_id());
                match kind {
                    EntryKind::Tree => folders.push((path, id)),
                    _ => drop(entries.insert(path, Entry { kind, id })),
                }
            }
        }
        Ok(entries)
    }

    /// One file of a commit.
    pub(super) fn read(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let tree = self.commit(commit)?.tree().map_err(self.broken())?;
        let found = tree.lookup_entry_by_path(path).map_err(self.broken())?;
        match found {
            Some(entry) if entry.mode().is_blob() => self.bytes(entry.object_id()).map(Some),
            _ => Ok(None),
        }
    }

    /// The content of a file.
    pub(super) fn bytes(&self, id: ObjectId) -> Result<Vec<u8>, SourceError> {
        let mut object = self.git.find_object(id).map_err(self.broken())?;
        Ok(std::mem::take(&mut object.data))
    }

    /// Paths that differ between two commits, sorted.
    pub(super) fn changed(&self, from: Option<&CommitId>, to: &CommitId) -> Result<Vec<String>, SourceError> {
        let mut before = match from.map(|from| self.entries(from)) {
            None | Some(Err(SourceError::UnknownCommit { .. })) => Entries::new(),
            Some(entries) => entries?,
        };
        let mut changed: Vec<String> = self
            .entries(to)?
            .into_iter()
            .filter(|(path, entry)| before.remove(path).as_ref() != Some(entry))
            .map(|(path, _)| path.to_str_lossy().into_owned())
            .collect();
        // What is left was there and is no more.
        changed.extend(before.keys().map(|path| path.to_str_lossy().into_owned()));
        changed.sort();
        Ok(changed)
    }

    fn name(&self, id: ObjectId) -> Result<CommitId, SourceError> {
        id.to_hex().to_string().parse().map_err(self.broken())
    }

    fn broken<E: std::fmt::Display>(&self) -> impl FnOnce(E) -> SourceError {
        broken(&self.path)
    }
}

/// For `map_err`: what git itself says.
pub(super) fn broken<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> SourceError {
    let path = path.to_owned();
    move |error| SourceError::Broken { path, what: error.to_string() }
}
