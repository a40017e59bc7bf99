//! A model repository on this machine, as far as it is looked at before the host does.

use std::fs;
use std::path::{Path, PathBuf};

use pipeline::manifest::{self, Manifest};

use crate::failure::Failure;

/// The file that says how a model is delivered.
pub(crate) const MANIFEST: &str = "trainyard.yml";

/// The folder, from the root of the file system, without links.
pub(crate) fn folder(dir: &Path) -> Result<PathBuf, Failure> {
    let folder =
        dir.canonicalize().map_err(|error| Failure::input(format!("{} cannot be opened: {error}", dir.display())))?;
    if folder.is_dir() { Ok(folder) } else { Err(Failure::input(format!("{} is not a folder", dir.display()))) }
}

/// What the repository says about its delivery.
pub(crate) fn manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let shown = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::input(format!("there is no {shown}, which says how to deliver"))
            .advice(format!("write a first one with `trainyard init {}`", word(folder))),
        _ => Failure::input(format!("{shown} cannot be read: {error}")),
    })?;
    manifest::read(&shown, &text)
        .map_err(|error| Failure::input(error.to_string()).advice("`trainyard schema` describes every key"))
}

/// The branch that is checked out.
pub(crate) fn branch(folder: &Path) -> Result<String, Failure> {
    let git = folder.join(".git");
    let unreadable =
        |path: &Path, error: std::io::Error| Failure::input(format!("{} cannot be read: {error}", path.display()));
    let metadata = fs::metadata(&git).map_err(|_| {
        Failure::input(format!("{} is not the root of a git repository", folder.display()))
            .advice("name the root, or make one: `git init`, `git add .`, `git commit`")
    })?;
    let git = if metadata.is_dir() {
        git
    } else {
        // A linked worktree has a file that says where its part of the repository is.
        let text = fs::read_to_string(&git).map_err(|error| unreadable(&git, error))?;
        folder.join(text.trim().strip_prefix("gitdir:").unwrap_or(&text).trim())
    };
    let head = git.join("HEAD");
    let text = fs::read_to_string(&head).map_err(|error| unreadable(&head, error))?;
    match text.trim().strip_prefix("ref: refs/heads/") {
        Some(branch) => Ok(branch.to_owned()),
        None => Err(Failure::input(format!("no branch is checked out in {}", folder.display()))
            .advice("name the branch to deliver with `--branch`")),
    }
}

/// A path as people type it.
pub(crate) fn word(path: &Path) -> String {
    crate::settings::shell_word(&path.display().to_string())
}
