//! What a run has left: its numbers and its model.
//!
//! A notebook may say it all with its last word, `dbutils.notebook.exit(json.dumps({"metrics": {..}, "model_path": ".."}))`.
//! One that says nothing is read where the settings say: the job's folder of a volume, a fixed path, an experiment.

use pipeline::event::{JobOutputs, JobResult};
use runner::ports::Result;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::files::Found;
use super::metrics::Metrics;
use super::record::Record;
use super::run::{Ending, Output, Run};
use super::{DatabricksJobs, SERVICE};
use crate::http::CallError;
use crate::metrics;
use crate::text::first;

/// The file of metrics among a job's outputs.
const METRICS: &str = "metrics.json";
/// Characters of an error that people are told at once; the log has all of it.
const ERROR_MAX: usize = 500;

/// A notebook's last word.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Exit {
    #[serde(default)]
    metrics: Map<String, Value>,
    model_path: Option<String>,
    mlflow_run_id: Option<String>,
}

impl Exit {
    /// From the text, or a sentence about why it says nothing. Numbers alone are metrics.
    fn read(output: &Output) -> (Self, Option<String>) {
        let text = output.exit();
        if text.is_empty() {
            return (Self::default(), None);
        }
        if output.is_cut() {
            return (Self::default(), Some("what the notebook exited with is longer than 5 MB and was cut off".into()));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(members)) if !members.is_empty() && members.values().all(Value::is_number) => {
                (Self { metrics: members, ..Self::default() }, None)
            }
            Ok(object @ Value::Object(_)) => match serde_json::from_value(object) {
                Ok(exit) => (exit, None),
                Err(error) => (Self::default(), Some(format!("what the notebook exited with cannot be read: {error}"))),
            },
            _ => (
                Self::default(),
                Some(format!("the notebook exited with {:?}, which is no JSON object", first(text, 60))),
            ),
        }
    }
}

impl DatabricksJobs {
    /// What became of a run that has ended.
    pub(super) async fn result(&self, record: &Record, run: &Run, ending: Ending) -> Result<JobResult> {
        let why = match ending {
            Ending::Canceled => return Ok(JobResult::Canceled),
            Ending::Well => None,
            Ending::Badly(why) => Some(why),
        };
        let output = self.output(run).await.map_err(CallError::into_port)?;
        if let Some(why) = why {
            let error = output.error.as_deref().map(|error| format!(": {}", first(error, ERROR_MAX)));
            let reason = why + &error.unwrap_or_default();
            let outputs = JobOutputs { files: record.files.clone(), ..JobOutputs::default() };
            return Ok(JobResult::Failed { reason, outputs });
        }
        let (outputs, problems) = self.collect(record, run, &output).await?;
        Ok(match problems.is_empty() {
            true => JobResult::Completed(outputs),
            false => JobResult::Failed { reason: problems.join("; "), outputs },
        })
    }

    /// All that is there, and a sentence for each thing that is wrong with it.
    async fn collect(&self, record: &Record, run: &Run, output: &Output) -> Result<(JobOutputs, Vec<String>)> {
        let (exit, unread) = Exit::read(output);
        let mut outputs = JobOutputs { files: record.files.clone(), ..JobOutputs::default() };
        outputs.said.push(format!("run {} of {SERVICE}", run.run_id));
        outputs.said.extend(unread);
        let (path, run_id) = (exit.model_path.clone(), exit.mlflow_run_id.clone());
        let Metrics { numbers, mut problems, said } = self.metrics(record, run, exit).await?;
        outputs.said.extend(said);
        if !numbers.is_empty() {
            let bytes = serde_json::to_vec(&numbers).expect("numbers are plain data");
            outputs.files.insert(METRICS.into(), self.artifacts.put(bytes).await?);
            outputs.metrics = numbers;
        }
        let mut paths = path.or_else(|| record.model_path.clone()).into_iter();
        for name in record.required.iter().filter(|name| *name != METRICS) {
            // The first one is the model; what else is asked for can only be in the folder.
            let in_folder = || record.outputs.as_ref().map(|folder| format!("{folder}/{name}"));
            let Some(path) = paths.next().or_else(in_folder) else { continue };
            match self.file(&path).await.map_err(CallError::into_port)? {
                Found::Bytes(bytes) => drop(outputs.files.insert(name.clone(), self.artifacts.put(bytes).await?)),
                Found::Nothing(why) => problems.push(format!("{name}: {why}")),
            }
        }
        let told = problems.len();
        for name in record.required.iter().filter(|name| !outputs.files.contains_key(*name)) {
            if told == 0 && name == METRICS {
                let logged = if run_id.is_some() { " to MLflow" } else { "" };
                problems.push(format!(
                    "the run has left no metrics{logged}: let the notebook exit with {{\"metrics\": {{..}}}}, or set the \
                     `experiments` that it logs to"
                ));
            } else if told == 0 {
                problems.push(format!(
                    "{name} is missing: let the notebook exit with {{\"model_path\": \"..\"}}, or set where it is"
                ));
            }
        }
        Ok((outputs, problems))
    }

    /// What the notebook says itself comes first, then its folder, then MLflow.
    async fn metrics(&self, record: &Record, run: &Run, exit: Exit) -> Result<Metrics> {
        if !exit.metrics.is_empty() {
            return Ok(Metrics::of(exit.metrics));
        }
        if let Some(run_id) = exit.mlflow_run_id {
            return self.metrics_of(&run_id).await.map_err(CallError::into_port);
        }
        if let Some(folder) = &record.outputs {
            let path = format!("{folder}/{METRICS}");
            if let Found::Bytes(bytes) = self.file(&path).await.map_err(CallError::into_port)? {
                return Ok(metrics::Metrics::read(&path, &bytes).into());
            }
        }
        self.metrics_logged(run, &record.experiments).await.map_err(CallError::into_port)
    }
}
