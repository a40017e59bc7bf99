//! Published pipelines of the first SDK, and endpoints in front of them.
//!
//! ```text
//! submit   POST runs:query, by our tags --> 404, nothing: POST PipelineRuns/PipelineSubmit/{pipeline}
//! status   GET runs/{id}/details
//! cancel   DELETE PipelineRuns/{id}/Execution
//! ```

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use pipeline::effect::JobSpec;
use pipeline::names::JobName;
use reqwest::{Method, Url};
use runner::ports::{PortError, Result};
use runner::reception::JOB_TAG;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::history::RUN_TAG;
use super::super::workspace::Workspace;
use super::super::{ROLE, SERVICE, tags};
use super::record::Record;
use super::{
    Ending, Look, Order, PublishedPipeline, PublishedPipelineSettings, PublishedPipelineTraining, Way, values,
};
use crate::http::{Body, Call, CallError, Kind, Right};

const SUBMIT: Right = Right::role("start a published pipeline", ROLE);
const CANCEL: Right = Right::role("cancel the run of a published pipeline", ROLE);

const SERVICE_PATH: &str = "pipelines/v1.0";

/// What is answered to who starts one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    id: String,
}

pub(super) struct Published {
    settings: PublishedPipelineSettings,
}

impl Published {
    pub fn new(settings: PublishedPipelineSettings) -> Self {
        Self { settings }
    }

    fn training(&self, job: &JobSpec) -> Result<&PublishedPipelineTraining> {
        self.settings.projects.get(&job.project).ok_or_else(|| {
            let reason =
                format!("no training is set for project {}; add it to `projects` of published pipelines", job.project);
            PortError::permanent(SERVICE, reason)
        })
    }
}

#[async_trait]
impl Way for Published {
    fn order(&self, job: &JobSpec, now: Timestamp) -> Result<Order> {
        let training = self.training(job)?;
        let experiment = training.experiment.clone().unwrap_or_else(|| job.project.to_string());
        let mut assignments = serde_json::Map::new();
        for (name, value) in &training.parameters {
            assignments.insert(name.clone(), values::of_job(value, job)?.into());
        }
        let mut tags = tags::of(job);
        tags[JOB_TAG] = job.name.as_str().into();
        let body = json!({
            "ExperimentName": experiment,
            "ParameterAssignments": assignments,
            // As the SDK writes it.
            "tags": tags,
        });
        Ok(Order { body, record: training.result.record(job, experiment, &[], now)? })
    }

    /// It starts a run each time it is asked to.
    fn knows_repeats(&self) -> bool {
        false
    }

    async fn find(&self, workspace: &Workspace, job: &JobName, record: &Record) -> Result<Option<String>> {
        let tags = [(JOB_TAG, job.as_str()), (RUN_TAG, record.run.as_str())];
        workspace.tagged(&record.experiment, &tags).await
    }

    async fn address(&self, workspace: &Workspace, job: &JobSpec) -> Result<Url> {
        let below = match &self.training(job)?.pipeline {
            PublishedPipeline::Published(id) => format!("PipelineSubmit/{id}"),
            PublishedPipeline::Endpoint(id) => format!("PipelineEndpointSubmit/Id/{id}"),
        };
        workspace.tracked(SERVICE_PATH, &format!("PipelineRuns/{below}"), &[]).await
    }

    async fn start(&self, workspace: &Workspace, url: Url, _job: &JobSpec, body: Value) -> Result<String, CallError> {
        // Whether a lost answer was one is found by the next try.
        let started: Started = workspace.client.read(Call::send(Method::POST, url, body, &SUBMIT).once()).await?;
        Ok(started.id)
    }

    async fn look(&self, workspace: &Workspace, id: &str, record: &Record) -> Result<Option<Look>> {
        let Some(details) = workspace.details(&record.experiment, id).await? else { return Ok(None) };
        let mut look = Look::of(&details.status, &record.experiment);
        if let Some(Ending::Badly(why)) = &mut look.ending {
            *why = details.error();
        }
        Ok(Some(look))
    }

    async fn cancel(&self, workspace: &Workspace, id: &str, record: &Record) -> Result<()> {
        let url = workspace.tracked(SERVICE_PATH, &format!("PipelineRuns/{id}/Execution"), &[]).await?;
        match workspace.client.call(Call::new(Method::DELETE, url, Body::Nothing, &CANCEL)).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == Kind::Gone => Ok(()),
            // It may have ended meanwhile.
            Err(error) if matches!(error.status, 400 | 409) => match self.look(workspace, id, record).await? {
                Some(Look { ending: None, .. }) => Err(error.into_port()),
                _ => Ok(()),
            },
            Err(error) => Err(error.into_port()),
        }
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("published pipelines")
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("settings", &self.settings).finish()
    }
}
