//! Making repositories and commits, without a git program and without anybody's settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::Tree;
use gix::objs::tree::{Entry, EntryKind};
use pipeline::names::CommitId;

use super::SourceError;
use super::repository::broken;

/// Makes a repository of a folder, with one commit of everything in it on the branch `main`.
///
/// # Errors
///
/// The folder is a repository already, or cannot be read or written.
pub fn init_repository(folder: &Path, message: &str) -> Result<CommitId, SourceError> {
    gix::ThreadSafeRepository::init_opts(
        folder,
        gix::create::Kind::WithWorktree,
        gix::create::Options::default(),
        gix::open::Options::isolated(),
    )
    .map_err(broken(folder))?;
    commit_all(folder, message)
}

/// Commits everything in a repository's folder, whatever its ignore files say. Where nothing has changed there is no
/// new commit, and the answer is the last one.
///
/// # Errors
///
/// The folder is no repository, or cannot be read or written.
pub fn commit_all(folder: &Path, message: &str) -> Result<CommitId, SourceError> {
    let repository = gix::open(folder)
        .map_err(|error| SourceError::NotARepository { path: folder.to_owned(), why: error.to_string() })?;
    let tree = write_tree(&repository, folder)?;
    let parent = repository.head_commit().ok();
    let parent_tree = parent.as_ref().and_then(|commit| commit.tree_id().ok());
    let commit = match &parent {
        Some(parent) if parent_tree.is_some_and(|known| known == tree) => parent.id,
        _ => {
            let who = signature(&repository);
            let mut buffer = gix::date::parse::TimeBuf::default();
            let who = who.to_ref(&mut buffer);
            let parents = parent.iter().map(|parent| parent.id);
            let commit = repository.commit_as(who, who, "HEAD", message, tree, parents);
            commit.map_err(broken(folder))?.detach()
        }
    };
    // Without it git would take every file for removed and added again.
    let mut index = repository.index_from_tree(&tree).map_err(broken(folder))?;
    index.write(gix::index::write::Options::default()).map_err(broken(folder))?;
    commit.to_hex().to_string().parse().map_err(broken(folder))
}

/// Who git says is at work here; Trainyard where nobody told git.
fn signature(repository: &gix::Repository) -> gix::actor::Signature {
    let known = repository.committer().and_then(Result::ok);
    let (name, email) = match known {
        Some(known) => (known.name.to_owned(), known.email.to_owned()),
        None => ("Trainyard".into(), "trainyard@localhost".into()),
    };
    let time = gix::date::Time::now_local_or_utc();
    gix::actor::Signature { name, email, time }
}

fn write_tree(repository: &gix::Repository, folder: &Path) -> Result<ObjectId, SourceError> {
    let mut tree = Tree::empty();
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for file in listed.map_err(broken(folder))? {
        let path = file.path();
        if file.file_name() == ".git" {
            continue;
        }
        let Some((mode, oid)) = write_entry(repository, &path)? else {
            continue;
        };
        let filename = gix::path::os_string_into_bstring(file.file_name());
        let filename = filename.map_err(broken(&path))?;
        tree.entries.push(Entry { mode: mode.into(), filename, oid });
    }
    tree.entries.sort();
    let id = repository.write_object(&tree).map_err(broken(folder))?;
    Ok(id.detach())
}

/// None for what git does not keep: empty folders, sockets, devices.
fn write_entry(repository: &gix::Repository, path: &PathBuf) -> Result<Option<(EntryKind, ObjectId)>, SourceError> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = fs::symlink_metadata(path).map_err(broken(path))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        let tree = write_tree(repository, path)?;
        let is_empty = tree == ObjectId::empty_tree(repository.object_hash());
        return Ok((!is_empty).then_some((EntryKind::Tree, tree)));
    }
    let (kind, bytes) = if kind.is_symlink() {
        let target = fs::read_link(path).map_err(broken(path))?;
        (EntryKind::Link, target.as_os_str().as_bytes().to_vec())
    } else if kind.is_file() {
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        let kind = match is_program {
            true => EntryKind::BlobExecutable,
            false => EntryKind::Blob,
        };
        (kind, fs::read(path).map_err(broken(path))?)
    } else {
        return Ok(None);
    };
    let id = repository.write_blob(bytes).map_err(broken(path))?;
    Ok(Some((kind, id.detach())))
}
