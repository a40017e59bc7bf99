//! Jobs of the workspace. Each is a Command job whose one command is the [`launcher`](crate::launcher); its name is the
//! run's id, which is what events carry.

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::names::JobName;
use reqwest::Method;
use runner::ports::{JobPlatform, JobStatus, LogChunk, PortError, Result};
use tracing::info;

use super::job::Job;
use super::{AzureMl, ROLE, SERVICE};
use crate::http::{Call, CallError, Kind, Right};

mod code;
mod dependencies;
mod end;
mod environment;
mod log;
mod note;
mod order;

const SUBMIT: Right = Right::role("submit a job", ROLE);

#[async_trait]
impl JobPlatform for AzureMl {
    async fn submit(&self, spec: &JobSpec) -> Result<()> {
        if self.workspace.job(spec.name.as_str()).await?.is_some() {
            return Ok(());
        }
        let order = self.order(spec).await?;
        // First noted, then asked for: from then on a job that the service does not show yet is known to come.
        self.note(&spec.name).await?;
        let call =
            Call::send(Method::PUT, self.workspace.address.at(&["jobs", spec.name.as_str()], &[]), order.body, &SUBMIT);
        let submitted: Result<Job, CallError> = self.workspace.client.read(call).await;
        match submitted {
            Ok(job) => {
                let page = job.page().unwrap_or_default();
                info!(job.name = %spec.name, "Submitted job `{}` to {self}: {page}", spec.name);
                Ok(())
            }
            // Somebody was faster, with what another version of ours makes of the same job.
            Err(error)
                if matches!(error.status, 400 | 409) && self.workspace.job(spec.name.as_str()).await?.is_some() =>
            {
                Ok(())
            }
            Err(error) if order.is_fresh && error.kind == Kind::Gone => {
                Err(PortError::transient(SERVICE, format!("{error}; what it needs was made just now")))
            }
            Err(error) => Err(error.into_port()),
        }
    }

    async fn status(&self, name: &JobName) -> Result<JobStatus> {
        let Some(job) = self.workspace.job(name.as_str()).await? else {
            let is_noted = self.is_noted(name).await?;
            return Ok(if is_noted { JobStatus::Running } else { JobStatus::Unknown });
        };
        if !job.has_ended() {
            return Ok(JobStatus::Running);
        }
        Ok(JobStatus::Finished { result: self.end(name, &job).await? })
    }

    async fn cancel(&self, name: &JobName) -> Result<()> {
        let Some(job) = self.workspace.job(name.as_str()).await? else {
            // It would run to its end if it only were not seen yet.
            return match self.is_noted(name).await? {
                true => Err(PortError::transient(SERVICE, format!("could not cancel job {name}: it is not there yet"))),
                false => Ok(()),
            };
        };
        self.workspace.cancel(name.as_str(), &job).await
    }

    async fn logs(&self, name: &JobName, from: u64) -> Result<LogChunk> {
        match self.workspace.job(name.as_str()).await? {
            Some(job) => self.log(name, &job, from).await,
            None => {
                let ended = !self.is_noted(name).await?;
                Ok(LogChunk { text: String::new(), next: from, ended })
            }
        }
    }
}
