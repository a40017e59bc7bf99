//! Running one command of a job.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pipeline::effect::JobCommand;
use tokio::process::Command;

use super::log::Log;
use super::process::{self, Group};
use super::stop::{Stop, Why};

/// Where and with what the commands of a job run.
#[derive(Debug)]
pub(super) struct Place {
    /// Their working folder.
    pub(super) folder: PathBuf,
    /// The programs of their environment.
    pub(super) bin: Option<PathBuf>,
    /// The dependency file that it comes from.
    pub(super) dependencies: Option<String>,
    /// All that they find in their process environment.
    pub(super) variables: Vec<(OsString, OsString)>,
}

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// Well.
    Well,
    /// Badly: a sentence.
    Badly(String),
    /// Something from outside killed it: a sentence.
    Killed(String),
    /// It was ended because the job is.
    Stopped(Why),
}

/// Words that only a shell understands.
const OF_A_SHELL: [&str; 8] = ["&&", "||", "|", ";", ">", ">>", "<", "&"];

/// Runs a command to its end.
pub(super) async fn run(command: &JobCommand, place: &Place, log: &Log, stop: &mut Stop) -> Ending {
    log.say(&format!("{}: {}", command.name, command.line));
    let began = Instant::now();
    let from = log.len();
    let called = format!("{} ({})", command.name, command.line);

    let started = prepare(&command.line, place)
        .and_then(|mut child| Group::spawn(&mut child, log).map_err(|error| error.to_string()));
    let mut group = match started {
        Ok(group) => group,
        Err(why) => {
            let sentence = format!("{called} could not be started: {why}");
            log.say(&sentence);
            return Ending::Badly(sentence);
        }
    };
    let status = tokio::select! {
        status = group.wait() => status,
        why = stop.wait() => {
            group.end().await;
            log.say(&format!("{} was ended: {}", command.name, why.describe()));
            return Ending::Stopped(why);
        }
    };
    let status = match status {
        Ok(status) => status,
        Err(error) => return Ending::Badly(format!("{called} was lost: {error}")),
    };

    let last = log.last_line_since(from);
    let ended = process::ending(status);
    let secs = began.elapsed().as_secs_f64();
    log.say(&format!("{} ended with {ended} after {secs:.1} s", command.name));
    if status.success() {
        return Ending::Well;
    }
    if process::was_killed(status) {
        return Ending::Killed(format!("{called} was ended from outside by {ended}"));
    }
    let last = last.map_or(String::new(), |line| format!(": {line}"));
    Ending::Badly(format!("{called} ended with {ended}{last}"))
}

fn prepare(line: &str, place: &Place) -> Result<Command, String> {
    let words = shlex::split(line).ok_or("a quotation mark is not closed")?;
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    if let Some(word) = words.iter().find(|word| OF_A_SHELL.contains(&word.as_str())) {
        return Err(format!("`{word}` is for a shell and there is none; write sh -c '...' around the command"));
    }
    let mut command = Command::new(find(program, place)?);
    command
        .args(arguments)
        .current_dir(&place.folder)
        .env_clear()
        .envs(place.variables.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

/// The program: in the environment first, then on PATH; one with a `/` in its name is in the working folder.
fn find(program: &str, place: &Place) -> Result<PathBuf, String> {
    if program.contains('/') {
        return Ok(place.folder.join(program));
    }
    let path = place.variables.iter().rfind(|(name, _)| name == "PATH");
    let path = path.map(|(_, value)| value.clone()).unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_program(file)).ok_or_else(|| {
        match &place.dependencies {
            Some(file) => {
                format!("there is no program `{program}` in the environment or on PATH; add its package to {file}")
            }
            None => format!("there is no program `{program}` on PATH"),
        }
    })
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
