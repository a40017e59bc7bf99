//! A commit's files as a tar: the same commit gives the same bytes.

use gix::objs::tree::EntryKind;
use pipeline::names::CommitId;
use runner::snapshot::{Kind, Snapshot};

use super::SourceError;
use super::repository::{Repository, broken};

/// Makes the tar.
pub(super) fn tar(repository: &Repository, commit: &CommitId) -> Result<Vec<u8>, SourceError> {
    let mut snapshot = Snapshot::new();
    for (name, entry) in repository.entries(commit)? {
        let kind = match entry.kind {
            EntryKind::Blob => Kind::File,
            EntryKind::BlobExecutable => Kind::Program,
            EntryKind::Link => Kind::Link,
            EntryKind::Commit => Kind::Submodule,
            // Folders are in the paths of what is in them.
            EntryKind::Tree => continue,
        };
        // Another repository's commit is not among this one's objects.
        let content = if kind == Kind::Submodule { Vec::new() } else { repository.bytes(entry.id)? };
        snapshot.add(&name, kind, &content)?;
    }
    snapshot.finish().map_err(broken(repository.path()))
}
