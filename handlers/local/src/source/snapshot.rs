//! A commit's files as a tar: the same commit gives the same bytes.

use std::path::Path;

use gix::bstr::{BStr, ByteSlice as _};
use gix::objs::tree::EntryKind;
use pipeline::names::CommitId;
use tar::{Builder, EntryType, Header};

use super::SourceError;
use super::repository::Repository;
use crate::jobs::unpack::depth;

/// Makes the tar: sorted by path, without times and owners, with nothing that leads out of it.
pub(super) fn tar(repository: &Repository, commit: &CommitId) -> Result<Vec<u8>, SourceError> {
    let broken = |error: std::io::Error| super::repository::broken(repository.path())(error);
    let mut tar = Builder::new(Vec::new());
    for (name, entry) in repository.entries(commit)? {
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        match entry.kind {
            EntryKind::Blob | EntryKind::BlobExecutable => {
                let is_program = entry.kind == EntryKind::BlobExecutable;
                let bytes = repository.bytes(entry.id)?;
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if is_program { 0o755 } else { 0o644 });
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, on_disk(&name), &bytes[..]).map_err(broken)?;
            }
            EntryKind::Link => {
                let target = repository.bytes(entry.id)?;
                let target = target.as_bstr();
                let from = on_disk(&name).parent().unwrap_or(Path::new(""));
                if depth(from, on_disk(target)).is_none() {
                    return Err(SourceError::LinkLeadsOut { path: name.to_string(), target: target.to_string() });
                }
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                tar.append_link(&mut header, on_disk(&name), on_disk(target)).map_err(broken)?;
            }
            EntryKind::Commit => {
                return Err(SourceError::Submodule { path: name.to_string() });
            }
            // Folders are in the paths of what is in them.
            EntryKind::Tree => {}
        }
    }
    tar.into_inner().map_err(broken)
}

fn on_disk(path: &(impl AsRef<BStr> + ?Sized)) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path.as_ref().as_bytes()))
}
