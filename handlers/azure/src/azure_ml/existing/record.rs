//! Which run a job is: the one thing that the service cannot tell by the job's name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::event::JobResult;
use pipeline::names::{JobName, RunId};
use runner::ports::{Expect, PortError, Result};
use serde::{Deserialize, Serialize};

use super::super::SERVICE;
use super::{ExistingTraining, SETTLING};

/// A job's document in the store. All that its end needs is in it: settings may have changed until then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The service's name of the run. None: it was asked for, and what came of that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Our run, which is on the service's as a tag.
    pub run: RunId,
    /// The experiment that it was asked for in.
    pub experiment: String,
    /// Files that must be there at the end.
    pub required: Vec<String>,
    /// Folders that they may be in.
    pub folders: Vec<String>,
    /// Where single ones are.
    pub files: BTreeMap<String, String>,
    /// The step that trains, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How it ended, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
}

impl Record {
    /// Whether what was asked for need not be seen yet.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.asked_at) < SETTLING
    }
}

fn key(job: &JobName) -> String {
    format!("azure-ml-runs/{job}")
}

impl ExistingTraining {
    /// The job's document and its version, if the job was ever asked for.
    pub(super) async fn recall(&self, job: &JobName) -> Result<Option<(Record, String)>> {
        let Some(document) = self.store.get(&key(job)).await? else { return Ok(None) };
        let record = serde_json::from_slice(&document.body).map_err(|error| {
            PortError::permanent(SERVICE, format!("the document {} cannot be read: {error}", key(job)))
        })?;
        Ok(Some((record, document.version)))
    }

    /// Writes the document in place of this version, or where there is none.
    pub(super) async fn write(&self, job: &JobName, record: &Record, version: Option<String>) -> Result<String> {
        let expect = version.map_or(Expect::Absent, Expect::Version);
        match self.store.put(&key(job), bytes(record), expect).await {
            Err(PortError::Conflict { .. }) => {
                Err(PortError::transient(SERVICE, format!("job {job} is being asked for by somebody else")))
            }
            other => other,
        }
    }

    /// Writes down which run it is, unless somebody else has: it is the same one.
    pub(super) async fn remember(&self, job: &JobName, record: &Record, version: Option<String>) -> Result<()> {
        let expect = version.map_or(Expect::Absent, Expect::Version);
        match self.store.put(&key(job), bytes(record), expect).await {
            Ok(_) | Err(PortError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// As if it had never been asked for.
    pub(super) async fn forget(&self, job: &JobName) -> Result<()> {
        self.store.delete(&key(job)).await
    }

    /// Writes down how it ended, and answers what is on record: who came first has said it.
    pub(super) async fn conclude(&self, job: &JobName, record: Record, version: String) -> Result<JobResult> {
        let on_record = match self.store.put(&key(job), bytes(&record), Expect::Version(version)).await {
            Ok(_) => record.result,
            Err(PortError::Conflict { .. }) => self.recall(job).await?.and_then(|(record, _)| record.result),
            Err(error) => return Err(error),
        };
        on_record.ok_or_else(|| PortError::transient(SERVICE, format!("the end of job {job} is not on record yet")))
    }
}

fn bytes(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record is plain data without NaN")
}
