//! Building one environment.

use std::fs;
use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::requirements::Requirements;
use super::{Environment, Interpreter, PythonError};
use crate::jobs::files;
use crate::jobs::log::Log;
use crate::jobs::process::{self, Group};

const MARKER: &str = "ready.json";

/// Whether it is complete and its interpreter is still there.
pub(super) fn is_ready(environment: &Environment) -> bool {
    environment.folder.join(MARKER).exists() && environment.python().exists()
}

/// Removes the folder unless the environment gets ready: also when the caller gives up in the middle.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.0.join(MARKER).exists() {
            let _ = fs::remove_dir_all(self.0);
        }
    }
}

/// Builds it in its place. The caller holds the lock.
pub(super) async fn build(
    environment: &Environment,
    requirements: &Requirements,
    interpreter: &Interpreter,
    log: &Log,
) -> Result<(), PythonError> {
    let folder = environment.folder();
    let cannot = |what: &str| PythonError::io(format!("cannot {what} {}", folder.display()));
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(cannot("remove the half done folder")(error));
        }
        _ => {}
    }
    let _unfinished = Unfinished(folder);

    let version = &interpreter.version;
    log.say(&format!("building an environment with Python {version}"));
    let mut venv = Command::new(&interpreter.path);
    venv.args(["-m", "venv"]).arg(folder);
    if let Err(Failure { line }) = run(&mut venv, log).await? {
        // Debian takes ensurepip apart: the module is there and fails.
        return Err(match line.contains("ensurepip") {
            true => PythonError::NoVenv { path: interpreter.path.clone() },
            false => PythonError::InstallFailed { line },
        });
    }

    if !requirements.lines.is_empty() {
        let list = folder.join("requirements.txt");
        let constraints = folder.join("constraints.txt");
        let lines = |lines: &[String]| lines.join("\n") + "\n";
        fs::write(&list, lines(&requirements.lines)).map_err(cannot("write into"))?;
        fs::write(&constraints, lines(&requirements.constraints)).map_err(cannot("write into"))?;
        let mut pip = Command::new(environment.python());
        pip.args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--no-input", "--progress-bar=off", "-r"])
            .arg(&list);
        if !requirements.constraints.is_empty() {
            pip.arg("-c").arg(&constraints);
        }
        let from = log.len();
        if let Err(Failure { line }) = run(&mut pip, log).await? {
            return Err(explain(&log.since(from), line, version));
        }
    }

    let marker = json!({ "python": version, "platform": interpreter.platform });
    files::write(&folder.join(MARKER), marker.to_string().as_bytes()).map_err(cannot("write into"))?;
    log.say("the environment is ready");
    Ok(())
}

struct Failure {
    line: String,
}

async fn run(command: &mut Command, log: &Log) -> Result<Result<(), Failure>, PythonError> {
    let from = log.len();
    command.env_clear().envs(process::clean_environment());
    let status = async { Group::spawn(command, log)?.wait().await }
        .await
        .map_err(PythonError::io("cannot run the interpreter"))?;
    if status.success() {
        return Ok(Ok(()));
    }
    let line = log.last_line_since(from);
    let line = line.unwrap_or_else(|| format!("{} without a word", process::ending(status)));
    Ok(Err(Failure { line }))
}

/// What pip prints when the index does not answer, in all its versions since 20.
const UNREACHABLE: [&str; 10] = [
    "Retrying (Retry(",
    "Max retries exceeded",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Connection timed out",
    "Connection to ",
    "ProxyError",
    "Temporary failure in name resolution",
    "CERTIFICATE_VERIFY_FAILED",
];

/// What went wrong, from what pip said.
fn explain(said: &str, last: String, python: &str) -> PythonError {
    let unreachable = |line: &&str| UNREACHABLE.iter().any(|sign| line.contains(sign));
    let none_found = "No matching distribution found for ";
    let missing = said.lines().rev().find_map(|line| Some(line.split_once(none_found)?.1.trim()));
    let wholly_unknown = said.contains("(from versions: none)") || missing.is_none();
    if let Some(line) = said.lines().rev().find(unreachable)
        && wholly_unknown
    {
        return PythonError::PackagesUnreachable { line: reason(line, said) };
    }
    if let Some(requirement) = missing {
        return PythonError::NoSuchPackage { requirement: requirement.to_owned(), python: python.to_owned() };
    }
    let error = said.lines().rev().find_map(|line| {
        let (_, error) = line.split_once("ERROR: ")?;
        Some(error.trim().to_owned())
    });
    PythonError::InstallFailed { line: error.unwrap_or(last) }
}

/// What pip says about an index, without the objects of its own that it prints along.
fn reason(line: &str, said: &str) -> String {
    let cause = line.split_once(" object at 0x").and_then(|(_, rest)| rest.split_once(">: "));
    let cause = cause.map(|(_, rest)| rest.split("')").next().unwrap_or(rest));
    let cause = cause.unwrap_or(line).trim().trim_end_matches('.');
    let indexes = said.lines().rev().find_map(|line| line.trim().strip_prefix("Looking in indexes: "));
    indexes.map_or_else(|| cause.to_owned(), |indexes| format!("{indexes}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_does_not_answer_is_told_without_the_inner_life_of_pip() {
        let said = "Looking in indexes: http://127.0.0.1:9/simple\nWARNING: Retrying (Retry(total=0, connect=None)) after \
            connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f09>: \
            Failed to establish a new connection: [Errno 111] Connection refused')': /simple/six/\n\
            ERROR: Could not find a version that satisfies the requirement six (from versions: none)\n\
            ERROR: No matching distribution found for six\n";
        let error = explain(said, String::new(), "3.12.4").to_string();
        assert_eq!(
            error,
            "the packages cannot be reached: http://127.0.0.1:9/simple: Failed to establish a new connection: \
             [Errno 111] Connection refused. Check the network, the proxy settings and pip's configuration (`pip config list`)"
        );
    }
}
