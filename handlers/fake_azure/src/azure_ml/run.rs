//! Really running a job's command, with the Python of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use uuid::Uuid;

use super::{JobEnd, JobOrder};

/// Runs the command in a folder with the code, and answers how it ended. No environment is built.
#[must_use]
pub fn run_with_python(order: &JobOrder) -> JobEnd {
    let folder = std::env::temp_dir().join(format!("fake-azure-{}", Uuid::new_v4().simple()));
    let (code, result) = (folder.join("code"), folder.join("result"));
    for (name, bytes) in &order.code {
        let path = code.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(&result).unwrap();
    let command = order.command.replace("${{outputs.result}}", result.to_str().unwrap());
    let mut words = command.split_whitespace();
    let program = words.next().unwrap().replace("python", "python3");
    let output = Command::new(program).args(words).current_dir(&code).envs(&order.variables).output().unwrap();
    let mut files = BTreeMap::new();
    read(&result, "", &mut files);
    fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    JobEnd {
        is_good: output.status.success(),
        secs: Some(0),
        files,
        error: (!output.status.success())
            .then(|| format!("Execution failed. User process exited with a status that is not 0. {said}")),
        log: String::from_utf8_lossy(&output.stdout).into_owned(),
        ..JobEnd::default()
    }
}

fn read(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let below = format!("{name}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => read(&entry.path(), &format!("{below}/"), files),
            false => drop(files.insert(below, fs::read(entry.path()).unwrap())),
        }
    }
}
