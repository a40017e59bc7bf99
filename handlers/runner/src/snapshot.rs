//! A commit's files as a tar. Wherever a commit comes from, it gives the same bytes and so the same digest: sorted by
//! path, without times and owners, with nothing in it that leads out of it.
//!
//! Files that Git LFS keeps elsewhere are in it as what the commit holds of them: their pointers.

use std::fmt;
use std::io;
use std::path::{Component, Path};

use tar::{Builder, EntryType, Header};
use tracing::warn;

/// How the pointer of a file begins that Git LFS keeps elsewhere.
///
/// Source: [the specification of Git LFS](https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A pointer is smaller than this.
const POINTER_MAX: usize = 1024;

/// What an entry of a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A file that may be run.
    Program,
    /// A symbolic link; its content is where it leads.
    Link,
    /// A commit of another repository.
    Submodule,
}

/// A snapshot in the making.
pub struct Snapshot {
    tar: Builder<Vec<u8>>,
    last: Vec<u8>,
    pointers: usize,
}

/// Why a commit has no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A link that leads out of the repository.
    #[error(
        "{path} is a link to {target}, outside of the repository: a snapshot holds only what is in the commit; put the file itself there"
    )]
    LinkLeadsOut {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A repository in the repository.
    #[error(
        "{path} is a submodule, and a snapshot holds only the commit's own files: put them into the repository itself"
    )]
    Submodule {
        /// Where it is.
        path: String,
    },
    /// A name that leads elsewhere.
    #[error("{path:?} leads out of the repository; rename it")]
    LeadsOut {
        /// The name.
        path: String,
    },
    /// Anything else.
    #[error("{path}: {what}")]
    Broken {
        /// The entry.
        path: String,
        /// What happened.
        what: String,
    },
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a snapshot, up to {}", String::from_utf8_lossy(&self.last))
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshot {
    /// One of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { tar: Builder::new(Vec::new()), last: Vec::new(), pointers: 0 }
    }

    /// Adds an entry. Each comes after all whose paths sort before its own, byte by byte.
    ///
    /// # Errors
    ///
    /// It has no place in a snapshot.
    pub fn add(&mut self, path: &[u8], kind: Kind, content: &[u8]) -> Result<(), SnapshotError> {
        let name = || String::from_utf8_lossy(path).into_owned();
        let broken = |what: String| SnapshotError::Broken { path: name(), what };
        if !self.last.is_empty() && self.last.as_slice() >= path {
            return Err(broken("it is out of order".into()));
        }
        path.clone_into(&mut self.last);
        let place = on_disk(path);
        if path.is_empty() || place.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(SnapshotError::LeadsOut { path: name() });
        }
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        let added = match kind {
            Kind::File | Kind::Program => {
                self.pointers += usize::from(content.len() < POINTER_MAX && content.starts_with(POINTER));
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if kind == Kind::Program { 0o755 } else { 0o644 });
                header.set_size(content.len() as u64);
                self.tar.append_data(&mut header, place, content)
            }
            Kind::Link => {
                let target = on_disk(content);
                if depth(place.parent().unwrap_or(Path::new("")), target).is_none() {
                    let target = String::from_utf8_lossy(content).into_owned();
                    return Err(SnapshotError::LinkLeadsOut { path: name(), target });
                }
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                self.tar.append_link(&mut header, place, target)
            }
            Kind::Submodule => return Err(SnapshotError::Submodule { path: name() }),
        };
        added.map_err(|error| broken(error.to_string()))
    }

    /// The tar.
    ///
    /// # Errors
    ///
    /// None that anybody has seen: it is written to memory.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        if self.pointers > 0 {
            warn!("{} files of a snapshot are only pointers: Git LFS keeps them elsewhere", self.pointers);
        }
        self.tar.into_inner()
    }
}

/// How deep below the top a path ends that starts in `from`; None: it leaves the top on its way.
#[must_use]
pub fn depth(from: &Path, path: &Path) -> Option<usize> {
    let mut depth = from.components().count();
    for component in path.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1)?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(depth)
}

fn on_disk(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use pipeline::names::Digest;

    use super::*;

    fn of(entries: &[(&str, Kind, &str)]) -> Result<Vec<u8>, SnapshotError> {
        let mut snapshot = Snapshot::new();
        for (path, kind, content) in entries {
            snapshot.add(path.as_bytes(), *kind, content.as_bytes())?;
        }
        Ok(snapshot.finish().unwrap())
    }

    /// Every released version makes this one: a retry under a newer version finds the same artifact.
    #[test]
    fn the_same_files_have_the_same_digest_for_ever() {
        let long = format!("{}/file", "folder".repeat(30));
        let tar = of(&[
            ("a.txt", Kind::File, "1"),
            ("data/link", Kind::Link, "../a.txt"),
            (&long, Kind::File, ""),
            ("run.sh", Kind::Program, "#!/bin/sh\n"),
        ]);

        let digest = Digest::of(&tar.unwrap());

        assert_eq!(digest.as_str(), "sha256:cb8788dcc4864adf5fe8458eba605bcd3456517c9a47f3260be62a53b59f2846");
    }

    #[test]
    fn what_leads_elsewhere_or_comes_out_of_order_is_refused() {
        for (entries, words) in [
            (&[("../a", Kind::File, "")][..], "leads out"),
            (&[("/etc/passwd", Kind::File, "")], "leads out"),
            (&[("a/../../b", Kind::File, "")], "leads out"),
            (&[("", Kind::File, "")], "leads out"),
            (&[("a/link", Kind::Link, "../../b")], "a/link is a link to ../../b, outside"),
            (&[("link", Kind::Link, "/etc/passwd")], "outside of the repository"),
            (&[("vendor/other", Kind::Submodule, "")], "vendor/other is a submodule"),
            (&[("b", Kind::File, ""), ("a", Kind::File, "")], "out of order"),
            (&[("a", Kind::File, ""), ("a", Kind::File, "")], "out of order"),
        ] {
            let error = of(entries).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
