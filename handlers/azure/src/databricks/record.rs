//! Which run a job is: the one thing that the service cannot tell by the job's name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use pipeline::names::{Digest, JobName};
use runner::ports::{Expect, PortError, Result};
use serde::{Deserialize, Serialize};

use super::{DatabricksJobs, DatabricksTraining, SERVICE, request};

/// A job's document in the store. All that its end needs is in it: settings may have changed until then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The run in Databricks.
    pub run_id: u64,
    /// When it was begun.
    pub submitted_at: Timestamp,
    /// Files that must be there at the end.
    pub required: Vec<String>,
    /// Files that are there from the start: the data, if it is in the snapshot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The folder that the job was told to leave its outputs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    /// Where the model is when the job does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_path: Option<String>,
    /// MLflow experiments that may have its metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<String>,
    /// How it ended, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
}

impl Record {
    pub fn of(
        (run_id, submitted_at): (u64, Timestamp),
        job: &JobSpec,
        training: &DatabricksTraining,
        data: Option<Digest>,
    ) -> Self {
        Self {
            run_id,
            submitted_at,
            required: job.required.clone(),
            files: data.map(|digest| ("data".to_owned(), digest)).into_iter().collect(),
            outputs: request::outputs(&job.name, training),
            model_path: training.model_path.clone(),
            experiments: training.experiments.clone(),
            result: None,
        }
    }
}

fn key(job: &JobName) -> String {
    format!("databricks-runs/{job}")
}

impl DatabricksJobs {
    /// The job's document and its version, if the job was ever submitted.
    pub(super) async fn recall(&self, job: &JobName) -> Result<Option<(Record, String)>> {
        let Some(document) = self.store.get(&key(job)).await? else { return Ok(None) };
        let record = serde_json::from_slice(&document.body).map_err(|error| {
            PortError::permanent(SERVICE, format!("the document {} cannot be read: {error}", key(job)))
        })?;
        Ok(Some((record, document.version)))
    }

    /// Writes it down, unless somebody else has: the token made the run the same.
    pub(super) async fn remember(&self, job: &JobName, record: Record) -> Result<()> {
        match self.store.put(&key(job), bytes(&record), Expect::Absent).await {
            Ok(_) | Err(PortError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes down how it ended, and answers what is on record: who came first has said it.
    pub(super) async fn conclude(&self, job: &JobName, record: Record, version: String) -> Result<JobResult> {
        let ours = record.result.clone();
        let on_record = match self.store.put(&key(job), bytes(&record), Expect::Version(version)).await {
            Ok(_) => ours,
            Err(PortError::Conflict { .. }) => self.recall(job).await?.and_then(|(record, _)| record.result),
            Err(error) => return Err(error),
        };
        on_record.ok_or_else(|| PortError::transient(SERVICE, format!("the end of job {job} is not on record yet")))
    }
}

fn bytes(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record is plain data without NaN")
}
