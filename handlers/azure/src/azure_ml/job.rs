//! A job as Azure Resource Manager shows it, whoever made it.

use std::collections::BTreeMap;

use reqwest::Method;
use runner::ports::Result;
use serde::Deserialize;

use super::workspace::Workspace;
use super::{READ, ROLE, present};
use crate::http::{Body, Call, Right};

const CANCEL: Right = Right::role("cancel a job", ROLE);

/// A job.
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
    pub outputs: Option<BTreeMap<String, Option<Output>>>,
    #[serde(default)]
    services: Option<BTreeMap<String, Option<Service>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub uri: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Service {
    #[serde(default)]
    endpoint: Option<String>,
}

impl Job {
    /// Where people look at it.
    pub fn page(&self) -> Option<&str> {
        self.properties.services.as_ref()?.get("Studio")?.as_ref()?.endpoint.as_deref()
    }

    pub fn status(&self) -> &str {
        &self.properties.status
    }

    /// The experiment that it is in.
    pub fn experiment(&self) -> &str {
        self.properties.experiment_name.as_deref().unwrap_or("Default")
    }

    /// Whether nothing will change any more. A job that does not respond may respond again.
    pub fn has_ended(&self) -> bool {
        matches!(self.status(), "Completed" | "Failed" | "Canceled")
    }

    fn is_ending(&self) -> bool {
        self.has_ended() || self.status() == "CancelRequested"
    }
}

impl Workspace {
    /// A job by its name, if it is there.
    pub async fn job(&self, name: &str) -> Result<Option<Job>> {
        self.find(&["jobs", name], &READ).await
    }

    /// Ends a job, unless it has ended or is about to. What goes on from there is seen in the job's status.
    pub async fn cancel(&self, name: &str, job: &Job) -> Result<()> {
        if job.is_ending() {
            return Ok(());
        }
        let call = Call::new(Method::POST, self.address.at(&["jobs", name, "cancel"], &[]), Body::Nothing, &CANCEL);
        match self.client.call(call).await {
            Err(error) if matches!(error.status, 400 | 409) => match self.job(name).await? {
                Some(job) if !job.is_ending() => Err(error.into_port()),
                _ => Ok(()),
            },
            answer => present(answer).map(|_| ()),
        }
    }
}
