//! The supervisor: a process of its own that does one job's work and outlives the host.
//!
//! ```text
//! unpack the snapshot -> build the environments -> run every command -> collect what they left -> result.json
//! ```
//!
//! Killed in the middle it leaves no `result.json`, and the host starts another one that begins from the beginning.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use pipeline::effect::JobSpec;
use pipeline::event::{JobOutputs, JobResult};

use super::command::{self, Ending, Place};
use super::folder::JobFolder;
use super::log::Log;
use super::stop::{Stop, Why};
use super::{load, outputs, process, unpack};
use crate::python::{Environment, Environments};

/// How a supervisor's work ended.
enum End {
    /// As the job's result says.
    Result(JobResult),
    /// A command was killed from outside: a sentence. The job is begun again.
    Lost(String),
    /// The host or the machine shuts down. The job is begun again and this start does not count.
    ShutDown,
}

/// Does the work of the job in this folder and leaves `result.json` there: all that the supervisor's process does.
///
/// The host starts it as `<program> job <folder>` and holds it by the lock that it gives it as standard input.
///
/// # Errors
///
/// The job's folder cannot be read or written. There is no result then, and the host starts the job again.
pub async fn supervise(folder: &Path, environments: &Environments) -> io::Result<()> {
    // A session of its own: the terminal of whoever started the host may close.
    let _ = rustix::process::setsid();
    let folder = JobFolder::at(folder.canonicalize()?);
    // First listening, then saying where, then looking: a cancel is seen whenever it comes.
    let mut stop = Stop::listen(&folder)?;
    folder.write_pid(std::process::id())?;
    let log = Log::open(&folder.log())?;
    let spec = folder.spec()?;

    process::end_leftovers(&folder.outputs());
    let end = if folder.has_result() {
        return Ok(());
    } else if folder.is_canceled() {
        End::Result(JobResult::Canceled)
    } else if folder.is_resting() {
        End::ShutDown
    } else {
        stop.after(spec.timeout_secs);
        work(&folder, &spec, environments, &log, &mut stop).await
    };
    process::end_leftovers(&folder.outputs());

    match end {
        End::Result(result) => {
            log.say(match &result {
                JobResult::Completed(_) => "the job completed",
                JobResult::Failed { .. } => "the job failed",
                JobResult::Canceled => "the job was canceled",
            });
            if let JobResult::Failed { reason, .. } = &result {
                log.say(reason);
            }
            folder.write_result(&result)
        }
        End::Lost(what) => {
            log.say(&what);
            folder.write_lost(&what)
        }
        End::ShutDown => folder.write_starts(folder.starts()?.saturating_sub(1)),
    }
}

/// Why a job's commands did not all run.
enum Cut {
    /// One was killed from outside: a sentence.
    Short(String),
    /// The job has to end.
    Stopped(Why),
}

async fn work(folder: &JobFolder, spec: &JobSpec, environments: &Environments, log: &Log, stop: &mut Stop) -> End {
    let mut outputs = JobOutputs::default();
    let building = build(folder, spec, environments, &mut outputs);
    let built = tokio::select! {
        built = building => built,
        why = stop.wait() => return stopped(why, spec, outputs),
    };
    let problems = match built {
        Err(reason) => return failed(reason, outputs),
        Ok(place) => match run(folder, spec, &place, log, stop, &mut outputs).await {
            Ok(problems) => problems,
            Err(Cut::Short(what)) => return End::Lost(what),
            Err(Cut::Stopped(Why::TimedOut)) => {
                // What there is may tell people where the time went.
                let _ = outputs::collect(folder, spec, &place.folder, &mut outputs);
                return stopped(Why::TimedOut, spec, outputs);
            }
            Err(Cut::Stopped(why)) => return stopped(why, spec, outputs),
        },
    };
    match problems.is_empty() {
        true => End::Result(JobResult::Completed(outputs)),
        false => failed(problems.join("; "), outputs),
    }
}

fn failed(reason: String, outputs: JobOutputs) -> End {
    End::Result(JobResult::Failed { reason, outputs })
}

fn stopped(why: Why, spec: &JobSpec, outputs: JobOutputs) -> End {
    match why {
        Why::Canceled => End::Result(JobResult::Canceled),
        Why::ShutDown => End::ShutDown,
        Why::TimedOut => failed(
            format!(
                "the job ran longer than its {} s and was ended; give it more time in trainyard.yml (timeout_minutes) or less to do",
                spec.timeout_secs
            ),
            outputs,
        ),
    }
}

/// Makes everything that the commands need. `Err` says in a sentence why it cannot be had.
async fn build(
    folder: &JobFolder,
    spec: &JobSpec,
    environments: &Environments,
    outputs: &mut JobOutputs,
) -> Result<Place, String> {
    let cannot = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| format!("{what}: {error}")
    };
    folder.make_fresh().map_err(cannot("the job's folders cannot be made"))?;
    let snapshot = File::open(folder.snapshot()).map_err(cannot("the snapshot cannot be read"))?;
    unpack::tar(io::BufReader::new(snapshot), &folder.source()).map_err(cannot("the snapshot cannot be unpacked"))?;

    let mut variables: Vec<(OsString, OsString)> = process::clean_environment().collect();
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    set("PYTHONUNBUFFERED", "1".into());
    set("PYTHONDONTWRITEBYTECODE", "1".into());
    set("TRAINYARD_RUN", spec.reply_to.run.as_str().into());
    set("TRAINYARD_OUTPUTS", folder.outputs().into());
    if let Some(parameters) = &spec.parameters {
        let path = in_snapshot(folder, "parameters", parameters)?;
        set("TRAINYARD_PARAMETERS", path.into());
    }
    if let Some(data) = &spec.data {
        let path = in_snapshot(folder, "data", data)?;
        let digest = outputs::keep_data(folder, &path).map_err(cannot("the data cannot be read"))?;
        outputs.files.insert("data".into(), digest);
        set("TRAINYARD_DATA", path.into());
    }
    if spec.image.is_some() {
        set("AZUREML_MODEL_DIR", folder.app().join("model").into());
    }

    let mut first: Option<Environment> = None;
    for file in &spec.environments {
        let path = outputs::inside(&folder.source(), file)
            .ok_or_else(|| format!("the dependency file {file:?} is outside of the repository"))?;
        let environment = environments.get(&path, &folder.log()).await;
        let environment = environment.map_err(|error| match error {
            // People know the file by its place in their repository.
            crate::python::PythonError::NoDependencyFile { path } if path.ends_with(file) => {
                crate::python::PythonError::NoDependencyFile { path: file.into() }.to_string()
            }
            error => error.to_string(),
        })?;
        first.get_or_insert(environment);
    }
    if let Some(environment) = &first {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(environment.bin()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path)
            .map_err(|error| format!("the path of environments cannot be on PATH: {error}"))?;
        set("PATH", path);
        set("VIRTUAL_ENV", environment.folder().into());
    }
    for (name, value) in &spec.variables {
        set(name, value.into());
    }
    Ok(Place {
        folder: match spec.image {
            Some(_) => folder.app(),
            None => folder.source(),
        },
        bin: first.as_ref().map(Environment::bin),
        dependencies: spec.environments.first().cloned(),
        variables,
    })
}

/// A file or folder of the repository that the job was promised.
fn in_snapshot(folder: &JobFolder, what: &str, path: &str) -> Result<PathBuf, String> {
    outputs::inside(&folder.source(), path)
        .filter(|place| place.exists())
        .ok_or_else(|| format!("the {what} {path:?} of trainyard.yml are not in the repository"))
}

/// Runs what there is to run and collects what it left. `Ok`: a sentence for each thing that went wrong.
async fn run(
    folder: &JobFolder,
    spec: &JobSpec,
    place: &Place,
    log: &Log,
    stop: &mut Stop,
    outputs: &mut JobOutputs,
) -> Result<Vec<String>, Cut> {
    let mut problems = Vec::new();
    if let Some(test) = &spec.load {
        let measuring = load::run(folder, spec, test, place, log);
        let measured = tokio::select! {
            measured = measuring => measured,
            why = stop.wait() => return Err(Cut::Stopped(why)),
        };
        match measured {
            Err(sentence) => problems.push(sentence),
            Ok(measured) => {
                outputs.metrics.extend(measured.metrics);
                outputs.said.extend(measured.said);
            }
        }
    }
    for command in &spec.commands {
        match command::run(command, place, log, stop).await {
            Ending::Well => outputs.said.push(format!("{}: ended well", command.name)),
            Ending::Badly(sentence) => {
                outputs.said.push(sentence.clone());
                problems.push(sentence);
            }
            Ending::Killed(sentence) => return Err(Cut::Short(sentence)),
            Ending::Stopped(why) => return Err(Cut::Stopped(why)),
        }
    }
    let wrong = outputs::collect(folder, spec, &place.folder, outputs)
        .unwrap_or_else(|error| vec![format!("the outputs cannot be collected: {error}")]);
    // What a command that failed has not written is no news.
    if problems.is_empty() {
        problems = wrong;
    }
    Ok(problems)
}
