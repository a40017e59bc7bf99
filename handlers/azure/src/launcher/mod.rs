//! The program that runs a job's commands on a machine that is not ours: an Azure ML node, a Databricks cluster, a
//! container of a registry's task. It does there what the supervisor of `handlers/local` does here, so that a run ends
//! the same way wherever its jobs run.
//!
//! ```text
//! python3 launch.py --job FILE --source PATH --result FOLDER [more]
//!
//! --job FILE            the description, as JSON
//! --job-variable NAME   instead: the environment variable that holds it, Base64 of the JSON
//! --source PATH         the snapshot: a folder, or a tar (plain or gzip) that is unpacked first
//! --result FOLDER       where result.json, log.txt and files/ are left; made if it is not there
//! --environment FOLDER  makes the Python environment of the first dependency file there, with pip; without it the
//!                       commands run in the Python that runs this program
//! --app FOLDER          the application of the image that this runs in: the commands' working folder, and its `model`
//!                       folder is AZUREML_MODEL_DIR
//! --mlflow              metrics.json may be missing: the command may have logged its metrics to MLflow
//! --print               prints the result at the end of its log, for where nothing can be written to
//! ```
//!
//! It ends with 0 when the job completed and with 1 when it did not. What it leaves in the result folder:
//!
//! ```text
//! files/<name>  files of the job, by their names in the result
//! log.txt       what everything said
//! result.json   how it ended; written last
//! ```

use std::collections::BTreeMap;

use pipeline::effect::JobSpec;
use serde_json::{Value, json};

mod result;
#[cfg(test)]
mod tests;

pub(crate) use result::{RESULT, result_from_folder, result_from_log, wanted};

/// The log in the result folder.
pub(crate) const LOG: &str = "log.txt";

/// The program: one file, Python 3.9 or newer, nothing but the standard library.
pub(crate) const fn script() -> &'static str {
    concat!(
        include_str!("program/head.py"),
        include_str!("program/commands.py"),
        include_str!("program/environment.py"),
        include_str!("program/outputs.py"),
        include_str!("program/load.py"),
        include_str!("program/main.py"),
    )
}

/// What the program is told of a job. The same job gives the same description.
pub(crate) fn description(job: &JobSpec) -> Value {
    let commands: Vec<Value> =
        job.commands.iter().map(|command| json!({"name": command.name, "line": command.line})).collect();
    let variables: BTreeMap<&str, &str> =
        job.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    json!({
        "name": job.name,
        "run": job.reply_to.run,
        "environments": job.environments,
        "commands": commands,
        "load": job.load,
        "entry": job.entry,
        "variables": variables,
        "parameters": job.parameters,
        "data": job.data,
        "required": job.required,
        "reports": job.reports,
        "timeout_secs": job.timeout_secs,
    })
}
