//! What is asked of Databricks for a job.

use std::collections::BTreeMap;

use pipeline::effect::JobSpec;
use pipeline::event::Step;
use pipeline::names::{Digest, JobName};
use runner::ports::{PortError, Result};
use serde_json::{Value, json};

use super::snapshot::Looked;
use super::{DatabricksCluster, DatabricksJobs, DatabricksTraining, SERVICE};

/// The one task of a run.
pub(super) const TASK: &str = "train";

impl DatabricksJobs {
    /// How the job's project is trained.
    pub(super) fn training(&self, job: &JobSpec) -> Result<&DatabricksTraining> {
        if job.reply_to.step.step != Step::Train {
            let reason = format!(
                "job {} is for the step {}, and Databricks only trains; set another job platform for it",
                job.name, job.reply_to.step
            );
            return Err(PortError::permanent(SERVICE, reason));
        }
        self.settings.projects.get(&job.project).ok_or_else(|| {
            let reason = format!("no training is set for project {}; add it to `projects` of Databricks", job.project);
            PortError::permanent(SERVICE, reason)
        })
    }
}

/// The folder that a job leaves its outputs in.
pub(super) fn outputs(job: &JobName, training: &DatabricksTraining) -> Option<String> {
    training.outputs.as_ref().map(|folder| format!("{}/{job}", folder.trim_end_matches('/')))
}

/// The body of `jobs/runs/submit`.
pub(super) fn body(job: &JobSpec, training: &DatabricksTraining, snapshot: &Looked) -> Result<Value> {
    let variables = variables(job, training);
    let mut task = json!({"task_key": TASK});
    match &training.cluster {
        DatabricksCluster::Existing(id) => task["existing_cluster_id"] = id.as_str().into(),
        DatabricksCluster::New(cluster) => {
            let mut cluster = cluster.clone();
            let environment = cluster.entry("spark_env_vars").or_insert_with(|| json!({}));
            for (name, value) in &variables {
                environment[name] = value.as_str().into();
            }
            task["new_cluster"] = cluster.into();
        }
    }
    if !training.libraries.is_empty() {
        task["libraries"] = training.libraries.clone().into();
    }
    let source = if training.git.is_some() { "GIT" } else { "WORKSPACE" };
    match &training.notebook {
        Some(path) => {
            let mut parameters = snapshot.parameters.clone();
            parameters.extend(variables);
            task["notebook_task"] = json!({"notebook_path": path, "source": source, "base_parameters": parameters});
        }
        None => {
            let (file, arguments) = python_file(job)?;
            task["spark_python_task"] = json!({"python_file": file, "source": source, "parameters": arguments});
        }
    }
    let mut body = json!({
        "run_name": job.name,
        // The same job is the same run, however often it is submitted.
        "idempotency_token": Digest::of(job.name.as_str().as_bytes()).hex(),
        "timeout_seconds": job.timeout_secs,
        "tasks": [task],
    });
    if let Some(git) = &training.git {
        body["git_source"] = json!({"git_url": git.url, "git_provider": git.provider, "git_commit": commit(job)?});
    }
    Ok(body)
}

/// What the job may know of its run, and where its files are.
fn variables(job: &JobSpec, training: &DatabricksTraining) -> BTreeMap<String, String> {
    let mut variables = job.variables.clone();
    let paths = [
        ("TRAINYARD_PARAMETERS", job.parameters.clone()),
        ("TRAINYARD_DATA", job.data.clone()),
        ("TRAINYARD_OUTPUTS", outputs(&job.name, training)),
    ];
    variables.extend(paths.into_iter().filter_map(|(name, path)| Some((name.to_owned(), path?))));
    variables
}

fn commit(job: &JobSpec) -> Result<&str> {
    let commit = job.variables.get("TRAINYARD_COMMIT").map(String::as_str).filter(|commit| !commit.is_empty());
    commit.ok_or_else(|| {
        PortError::permanent(SERVICE, format!("job {} is of no commit that Databricks could check out", job.name))
    })
}

/// The file and the arguments of `python FILE ARGUMENTS...`.
fn python_file(job: &JobSpec) -> Result<(&str, Vec<&str>)> {
    let line = job.commands.first().map(|command| command.line.as_str()).unwrap_or_default();
    let mut words = line.split_whitespace();
    let (program, file) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_python = matches!(program, "python" | "python3") && file.ends_with(".py");
    if !is_python || job.commands.len() != 1 || line.contains(['"', '\'', '\\']) {
        let reason = format!(
            "the command {line:?} is not of the form `python FILE.py ARGUMENTS...` without quotation marks, which is all \
             that Databricks runs of a repository beside notebooks; change it, or set a `notebook`"
        );
        return Err(PortError::permanent(SERVICE, reason));
    }
    Ok((file, words.collect()))
}
