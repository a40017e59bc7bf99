//! The example repository, which the binary brings along.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::machine::Machine;

/// The example's project.
pub(super) const PROJECT: &str = "diabetes_regression";
/// The branch that is delivered.
pub(super) const BRANCH: &str = "main";
/// The request that a deployment has to answer.
const PAYLOAD: &str = "scoring/smoke.json";

/// Its files by their paths from the root.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/example.rs"));

/// The example on this machine.
pub(super) struct Example {
    pub folder: PathBuf,
    pub commit: String,
    pub payload: PathBuf,
}

/// The example in a home: made the first time, later as its owner left it.
pub(super) fn get(home: &Path, machine: &dyn Machine) -> Result<Example, Failure> {
    let demo = home.join("demo");
    let folder = demo.join(PROJECT);
    if !folder.exists() {
        // Made aside and moved when it is whole, so that a demo that is killed leaves no half repository.
        let aside = demo.join(format!(".{PROJECT}.new"));
        write(&aside).map_err(|error| {
            Failure::input(format!("the example repository cannot be written to {}: {error}", folder.display()))
        })?;
        machine.init_repository(&aside)?;
        fs::rename(&aside, &folder).map_err(|error| {
            Failure::input(format!("{} cannot be moved to {}: {error}", aside.display(), folder.display()))
        })?;
    }
    let commit = machine.init_repository(&folder)?;
    let payload = folder.join(PAYLOAD);
    Ok(Example { folder, commit, payload })
}

impl Example {
    /// The request that every deployment has to answer, as its owner left it.
    pub fn request(&self) -> Vec<u8> {
        fs::read(&self.payload).unwrap_or_else(|_| {
            let ours = FILES.iter().find(|(name, _)| *name == PAYLOAD);
            ours.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default()
        })
    }
}

fn write(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for (name, bytes) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_brings_the_example_and_nothing_that_tools_left_behind() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        for wanted in ["trainyard.yml", "training/train.py", PAYLOAD, "data/diabetes.csv", ".gitignore"] {
            assert!(names.contains(&wanted), "{wanted} is missing of {names:?}");
        }
        assert!(names.iter().all(|name| !name.contains("__pycache__") && !name.contains(".venv")), "{names:?}");
    }

    #[test]
    fn the_example_is_what_the_demo_says_it_is() {
        let (_, text) = FILES.iter().find(|(name, _)| *name == "trainyard.yml").unwrap();
        let manifest = pipeline::manifest::read("trainyard.yml", str::from_utf8(text).unwrap()).unwrap();
        assert_eq!(manifest.project.as_str(), PROJECT);
        assert!(manifest.triggers.branches.iter().any(|branch| branch.as_str() == BRANCH));
    }
}
