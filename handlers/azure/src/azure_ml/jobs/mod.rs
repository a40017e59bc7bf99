//! Jobs of the workspace. Each is a Command job whose one command is the [`launcher`](crate::launcher); its name is the
//! run's id, which is what events carry.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::names::JobName;
use reqwest::Method;
use runner::ports::{JobPlatform, JobStatus, LogChunk, PortError, Result};
use serde::Deserialize;
use tracing::info;

use super::{AzureMl, READ, ROLE, SERVICE, present};
use crate::http::{Body, Call, CallError, Kind, Right};

mod code;
mod dependencies;
mod end;
mod environment;
mod log;
mod note;
mod order;

const SUBMIT: Right = Right::role("submit a job", ROLE);
const CANCEL: Right = Right::role("cancel a job", ROLE);

/// A job as the service shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    #[serde(default)]
    status: String,
    #[serde(default)]
    experiment_name: Option<String>,
    #[serde(default)]
    outputs: Option<BTreeMap<String, Option<Output>>>,
    #[serde(default)]
    services: Option<BTreeMap<String, Option<Service>>>,
}

#[derive(Debug, Deserialize)]
struct Output {
    #[serde(default)]
    uri: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Service {
    #[serde(default)]
    endpoint: Option<String>,
}

impl Job {
    /// Where people look at it.
    fn page(&self) -> Option<&str> {
        self.properties.services.as_ref()?.get("Studio")?.as_ref()?.endpoint.as_deref()
    }

    fn status(&self) -> &str {
        &self.properties.status
    }

    /// Whether nothing will change any more. A job that does not respond may respond again.
    fn has_ended(&self) -> bool {
        matches!(self.status(), "Completed" | "Failed" | "Canceled")
    }
}

#[async_trait]
impl JobPlatform for AzureMl {
    async fn submit(&self, spec: &JobSpec) -> Result<()> {
        if self.job(&spec.name).await?.is_some() {
            return Ok(());
        }
        let order = self.order(spec).await?;
        // First noted, then asked for: from then on a job that the service does not show yet is known to come.
        self.note(&spec.name).await?;
        let call = Call::send(Method::PUT, self.address.at(&["jobs", spec.name.as_str()], &[]), order.body, &SUBMIT);
        let submitted: Result<Job, CallError> = self.client.read(call).await;
        match submitted {
            Ok(job) => {
                let page = job.page().unwrap_or_default();
                info!(job.name = %spec.name, "Submitted job `{}` to {self}: {page}", spec.name);
                Ok(())
            }
            // Somebody was faster, with what another version of ours makes of the same job.
            Err(error) if matches!(error.status, 400 | 409) && self.job(&spec.name).await?.is_some() => Ok(()),
            Err(error) if order.is_fresh && error.kind == Kind::Gone => {
                Err(PortError::transient(SERVICE, format!("{error}; what it needs was made just now")))
            }
            Err(error) => Err(error.into_port()),
        }
    }

    async fn status(&self, name: &JobName) -> Result<JobStatus> {
        let Some(job) = self.job(name).await? else {
            let is_noted = self.is_noted(name).await?;
            return Ok(if is_noted { JobStatus::Running } else { JobStatus::Unknown });
        };
        if !job.has_ended() {
            return Ok(JobStatus::Running);
        }
        Ok(JobStatus::Finished { result: self.end(name, &job).await? })
    }

    async fn cancel(&self, name: &JobName) -> Result<()> {
        let Some(job) = self.job(name).await? else {
            // It would run to its end if it only were not seen yet.
            return match self.is_noted(name).await? {
                true => Err(PortError::transient(SERVICE, format!("could not cancel job {name}: it is not there yet"))),
                false => Ok(()),
            };
        };
        if job.has_ended() || job.status() == "CancelRequested" {
            return Ok(());
        }
        let call =
            Call::new(Method::POST, self.address.at(&["jobs", name.as_str(), "cancel"], &[]), Body::Nothing, &CANCEL);
        // What goes on from there is seen in the job's status.
        match self.client.call(call).await {
            Err(error) if matches!(error.status, 400 | 409) => match self.job(name).await? {
                Some(job) if !job.has_ended() && job.status() != "CancelRequested" => Err(error.into_port()),
                _ => Ok(()),
            },
            answer => present(answer).map(|_| ()),
        }
    }

    async fn logs(&self, name: &JobName, from: u64) -> Result<LogChunk> {
        match self.job(name).await? {
            Some(job) => self.log(name, &job, from).await,
            None => {
                let ended = !self.is_noted(name).await?;
                Ok(LogChunk { text: String::new(), next: from, ended })
            }
        }
    }
}

impl AzureMl {
    pub(super) async fn job(&self, name: &JobName) -> Result<Option<Job>> {
        self.find(&["jobs", name.as_str()], &READ).await
    }
}
