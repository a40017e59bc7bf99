//! `trainyard init`

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use pipeline::manifest;
use serde_json::json;

use crate::repository::{self, MANIFEST, word};
use crate::{Cx, Exit, Failure, words};

const EXAMPLES: &str = "\
Examples:
  trainyard init .
  git add trainyard.yml && git commit -m \"Deliver with Trainyard\"
  trainyard push . --follow

A repository like MLOpsPython keeps its settings; in any other the files are
found by their usual names. What was taken from where is said.";
/// A larger file is data, and tells nothing about how a model is trained.
const LARGEST: u64 = 1 << 20;
/// Beyond this the folder is no model repository but, say, a home folder.
const MOST_FILES: usize = 20_000;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The root of the repository
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let folder = repository::folder(&args.dir)?;
    let path = folder.join(MANIFEST);
    let there_already = || {
        Failure::input(format!("{} is there already, and is left as it is", path.display()))
            .advice("change it by hand, or move it away first")
    };
    if path.exists() {
        return Err(there_already());
    }
    let mut files = Vec::new();
    list(&folder, "", &mut files)?;
    files.sort();
    let derived = manifest::derive(&files, &|file| read(&folder.join(file)));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => there_already(),
        _ => unwritable(&path, &error),
    })?;
    file.write_all(derived.manifest_text.as_bytes()).map_err(|error| unwritable(&path, &error))?;
    if cx.console.json {
        cx.console.document(&json!({ "written": path, "notes": derived.notes, "manifest": derived.manifest_text }));
        return Ok(Exit::Done);
    }
    cx.console.line(&format!("Wrote {}.", path.display()));
    for note in &derived.notes {
        cx.console.line(&format!("  - {}", words::one_line(note)));
    }
    let next = cx.console.style.paint.bold("Next:");
    let push = cx.settings.again(&format!("push {} --follow", word(&args.dir)));
    cx.console.line(&format!("{next} read it, commit it, then `{push}` (with `{}` running)", cx.settings.again("up")));
    Ok(Exit::Done)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{} cannot be written: {error}", path.display()))
}

/// The paths of the files in a folder, from its root. Links, caches, Python environments and what git keeps for itself
/// are left out.
fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), Failure> {
    let unreadable = |error| Failure::input(format!("{} cannot be read: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() {
            let inner = entry.path();
            let left_out = matches!(name.as_str(), ".git" | "__pycache__" | "node_modules" | ".tox" | ".venv");
            if !left_out && !inner.join("pyvenv.cfg").exists() {
                list(&inner, &path, files)?;
            }
        }
        if files.len() > MOST_FILES {
            return Err(Failure::input(format!("there are more than {MOST_FILES} files in it"))
                .advice("name the root of a model repository"));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Option<String> {
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LARGEST);
    if small { fs::read_to_string(path).ok() } else { None }
}
