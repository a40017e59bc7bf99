//! The files in `functions/`, written from the table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::table::table;

/// Writes the files, and removes those of functions that are no more.
pub fn write(repository: &Path) -> Result<()> {
    let folder = repository.join("functions");
    for (path, json) in expected(&folder) {
        let parent = path.parent().context("a function has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        if fs::read_to_string(&path).ok().as_deref() != Some(&json) {
            fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    for path in superfluous(&folder)? {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        // A folder with something else in it stays: it is somebody's.
        let _ = path.parent().map(fs::remove_dir);
        println!("removed {}", path.display());
    }
    Ok(())
}

/// Fails if a file is not what [`write()`] would write.
pub fn check(repository: &Path) -> Result<()> {
    let folder = repository.join("functions");
    let mut wrong: Vec<_> = expected(&folder)
        .filter(|(path, json)| fs::read_to_string(path).ok().as_ref() != Some(json))
        .map(|(path, _)| format!("{} is not what the table says", path.display()))
        .collect();
    let superfluous = superfluous(&folder)?;
    wrong.extend(superfluous.iter().map(|path| format!("{} is of no function in the table", path.display())));
    if !wrong.is_empty() {
        bail!("{}; `cargo xtask functions` writes them", wrong.join("\n"));
    }
    Ok(())
}

fn expected(folder: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let functions = table().into_iter();
    functions.map(|function| (folder.join(function.name.as_ref()).join("function.json"), function.to_json()))
}

fn superfluous(folder: &Path) -> Result<Vec<PathBuf>> {
    let expected: BTreeSet<_> = expected(folder).map(|(path, _)| path).collect();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path().join("function.json");
        if path.is_file() && !expected.contains(&path) {
            found.push(path);
        }
    }
    Ok(found)
}
