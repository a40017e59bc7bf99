//! Azure Databricks: trains with a notebook or a Python file as it is, on a cluster of the workspace.
//!
//! ```text
//! submit   jobs/runs/submit with a token made of the job's name --> the run's id, kept in the store
//! status   jobs/runs/get --ended--> jobs/runs/get-output of the task, mlflow/runs, fs/files, dbfs/read --> kept, too
//! cancel   jobs/runs/cancel
//! logs     jobs/runs/get-output of the task
//! ```
//!
//! Databricks finds a run by its own id only, so the store keeps which run a job is. A crash between the two is no loss:
//! whoever submits the job again carries the same token, and Databricks answers with the run that is there.
//!
//! Sources: the field names and texts of [databricks-sdk-py](https://github.com/databricks/databricks-sdk-py), folder
//! `databricks/sdk/service`, files `jobs.py` and `files.py`; the
//! [MLflow REST API](https://mlflow.org/docs/latest/api_reference/rest-api.html).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use pipeline::effect::JobSpec;
use pipeline::names::JobName;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use runner::ports::{Artifacts, Clock, JobPlatform, JobStatus, LogChunk, Result, Store};
use serde_json::json;

use crate::credential::Credential;
use crate::http::{self, Call, CallError, Client, Kind, Patience, Right, Transport};

mod files;
mod log;
mod metrics;
mod outputs;
mod record;
mod request;
mod run;
mod settings;
mod snapshot;

pub use settings::{DatabricksCluster, DatabricksGit, DatabricksSettings, DatabricksTraining};

use record::Record;
use run::{Output, Run};

const SERVICE: &str = "Azure Databricks";
/// Of the Jobs API.
const JOBS: [&str; 4] = ["api", "2.2", "jobs", "runs"];

/// So soon after its beginning a run that is not there may still come.
const SETTLING: SignedDuration = SignedDuration::from_mins(1);

const SUBMIT: Right = Right::role(
    "submit a run",
    "CAN RESTART on the cluster, or the entitlement to create clusters, as a service principal of the workspace",
);
const READ: Right = Right::role("read a run", "CAN VIEW on the run (its owner has it)");
const CANCEL: Right = Right::role("cancel a run", "CAN MANAGE RUN on the run (its owner has it)");

/// The training jobs of a Databricks workspace.
pub struct DatabricksJobs {
    client: Client,
    settings: DatabricksSettings,
    base: Url,
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
}

impl DatabricksJobs {
    /// What tokens are for: Azure Databricks, in every workspace. It has no readable name.
    pub const RESOURCE: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";

    /// The workspace that these settings are about. `store` keeps which run a job is; models become `artifacts`.
    ///
    /// # Errors
    ///
    /// The address is none, or a project's settings do not fit together.
    pub fn new(
        settings: DatabricksSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
        artifacts: Arc<dyn Artifacts>,
    ) -> Result<Self> {
        settings.check()?;
        let base = http::address("the address of the Databricks workspace", &settings.workspace)?;
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let client =
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock).with_patience(Patience::SHORT);
        Ok(Self { client, settings, base, store, artifacts })
    }

    fn runs(&self, what: &str, query: &[(&str, &str)]) -> Url {
        http::join(&self.base, &[&JOBS[..], &[what]].concat(), query)
    }

    /// None: it is gone. Runs are removed 60 days after their end.
    async fn run(&self, id: u64) -> Result<Option<Run>, CallError> {
        let url = self.runs("get", &[("run_id", &id.to_string())]);
        match self.client.read(Call::get(url, &READ)).await {
            Ok(run) => Ok(Some(run)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a task said. It has a run id of its own, and only that one will do.
    async fn output(&self, run: &Run) -> Result<Output, CallError> {
        let Some(task) = run.task() else { return Ok(Output::default()) };
        let url = self.runs("get-output", &[("run_id", &task.to_string())]);
        match self.client.read(Call::get(url, &READ)).await {
            Err(error) if is_gone(&error) => Ok(Output::default()),
            other => other,
        }
    }
}

/// A run or file that is not there is a bad request to this service.
fn is_gone(error: &CallError) -> bool {
    let says_so = matches!(error.code.as_str(), "INVALID_PARAMETER_VALUE" | "RESOURCE_DOES_NOT_EXIST");
    error.kind == Kind::Gone || (error.status == 400 && says_so)
}

#[async_trait]
impl JobPlatform for DatabricksJobs {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        if self.recall(&job.name).await?.is_some() {
            return Ok(());
        }
        let training = self.training(job)?;
        let snapshot = self.look_into(job).await?;
        let body = request::body(job, training, &snapshot)?;
        let call = Call::send(Method::POST, self.runs("submit", &[]), body, &SUBMIT);
        let run: run::Submitted = self.client.read(call).await.map_err(CallError::into_port)?;
        self.remember(&job.name, Record::of((run.run_id, self.client.now()), job, training, snapshot.data)).await
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        let Some((mut record, version)) = self.recall(job).await? else { return Ok(JobStatus::Unknown) };
        if let Some(result) = record.result {
            return Ok(JobStatus::Finished { result });
        }
        let Some(run) = self.run(record.run_id).await.map_err(CallError::into_port)? else {
            // A moment after its beginning not every part of the service knows of it.
            let is_new = self.client.now().duration_since(record.submitted_at) < SETTLING;
            return Ok(if is_new { JobStatus::Running } else { JobStatus::Unknown });
        };
        let Some(ending) = run.ending() else { return Ok(JobStatus::Running) };
        record.result = Some(self.result(&record, &run, ending).await?);
        // The run will be removed, and its files may be: what became of it stays as it was first told.
        let result = self.conclude(job, record, version).await?;
        Ok(JobStatus::Finished { result })
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        let Some((record, _)) = self.recall(job).await? else { return Ok(()) };
        if record.result.is_some() {
            return Ok(());
        }
        let run = self.run(record.run_id).await.map_err(CallError::into_port)?;
        if run.is_none_or(|run| run.ending().is_some()) {
            return Ok(());
        }
        let body = json!({"run_id": record.run_id});
        match self.client.call(Call::send(Method::POST, self.runs("cancel", &[]), body, &CANCEL)).await {
            Err(error) if !is_gone(&error) => Err(error.into_port()),
            _ => Ok(()),
        }
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        let Some((record, _)) = self.recall(job).await? else { return Ok(LogChunk::default()) };
        let run = self.run(record.run_id).await.map_err(CallError::into_port)?;
        let Some(run) = run else { return Ok(LogChunk { next: from, ended: true, ..LogChunk::default() }) };
        let output = match run.ending() {
            Some(_) => Some(self.output(&run).await.map_err(CallError::into_port)?),
            None => None,
        };
        Ok(log::chunk(&run, output.as_ref(), from))
    }
}

impl fmt::Display for DatabricksJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {}", self.base.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for DatabricksJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} with {:?}", self.client)
    }
}
