//! What settings come to: whether they can work, where the workspace is, where a job's files will be.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::effect::JobSpec;
use pipeline::names::Project;
use runner::ports::{PortError, Result};
use serde_json::Value;

use super::super::address::workspace;
use super::super::place::Place;
use super::super::workspace::Whereabouts;
use super::record::Record;
use super::{
    BatchData, BatchEndpointSettings, BatchInput, BatchOutput, PublishedPipeline, PublishedPipelineSettings,
    TrainingResult, values,
};

/// A setting that cannot work.
fn wrong<T>(project: &Project, why: &str) -> Result<T> {
    Err(PortError::permanent("settings", format!("the training of project {project} cannot work: {why}")))
}

fn names(names: [&String; 3]) -> Result<()> {
    if names.iter().all(|name| !name.is_empty() && !name.contains('/')) {
        return Ok(());
    }
    let why = "`subscription`, `resource_group` and `workspace` are names, none of them empty";
    Err(PortError::permanent("settings", format!("the settings of an Azure ML workspace cannot work: {why}")))
}

/// What is filled in before a run is asked for.
fn fillable<'a>(project: &Project, texts: impl IntoIterator<Item = &'a String>) -> Result<()> {
    match texts.into_iter().find_map(|text| values::unknown(text, false)) {
        Some(word) => wrong(project, &format!("nobody fills in {{{word}}}")),
        None => Ok(()),
    }
}

impl PublishedPipelineSettings {
    /// What the service would refuse only when a run has come as far as its training.
    pub(super) fn check(&self) -> Result<()> {
        names([&self.subscription, &self.resource_group, &self.workspace])?;
        for (project, training) in &self.projects {
            let (PublishedPipeline::Published(id) | PublishedPipeline::Endpoint(id)) = &training.pipeline;
            let is_uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
            if !is_uuid {
                return wrong(project, "`pipeline` is an id such as 6d2f9c81-0b5e-4a47-b3d0-1e8f7c6a5b49");
            }
            fillable(project, training.parameters.values())?;
            if training.result.folder.is_none() && training.result.files.is_empty() {
                return wrong(project, "`result` says nowhere where the model is: set `folder` or `files`");
            }
            training.result.check(project)?;
        }
        Ok(())
    }

    /// The workspace's id.
    #[must_use]
    pub fn resource_id(&self) -> String {
        workspace(&self.subscription, &self.resource_group, &self.workspace)
    }

    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            id: self.resource_id(),
            datastore: None,
            base: self.base.clone(),
            tracking: self.tracking.clone(),
            storage: self.storage.clone(),
            timeout_secs: self.timeout_secs,
        }
    }
}

impl BatchEndpointSettings {
    /// Likewise.
    pub(super) fn check(&self) -> Result<()> {
        names([&self.subscription, &self.resource_group, &self.workspace])?;
        for (project, training) in &self.projects {
            let texts = training.inputs.values().flat_map(|input| &input.uri);
            fillable(project, texts.chain(training.outputs.values().map(|output| &output.uri)))?;
            for (name, input) in &training.inputs {
                let BatchInput { kind, uri, value } = input;
                if (*kind == BatchData::Literal) != value.is_some() || value.is_some() == uri.is_some() {
                    return wrong(project, &format!("the input {name} has a `value` if it is a Literal, else a `uri`"));
                }
                if let Some(Value::String(text)) = value {
                    fillable(project, [text])?;
                }
            }
            for (name, output) in &training.outputs {
                if output.kind == BatchData::Literal {
                    return wrong(project, &format!("the output {name} cannot be a Literal"));
                }
            }
            let is_left = |output: &BatchOutput| is_read(output.kind) && Place::read(&output.uri).is_some();
            let result = &training.result;
            if result.folder.is_none() && result.files.is_empty() && !training.outputs.values().any(is_left) {
                let why = "nothing says where the model is: let an output (UriFolder or UriFile) be on a datastore \
                           (azureml://datastores/NAME/paths/PATH), or set `result`";
                return wrong(project, why);
            }
            result.check(project)?;
        }
        Ok(())
    }

    /// The workspace's id.
    #[must_use]
    pub fn resource_id(&self) -> String {
        workspace(&self.subscription, &self.resource_group, &self.workspace)
    }

    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            id: self.resource_id(),
            datastore: None,
            base: self.base.clone(),
            tracking: self.tracking.clone(),
            storage: self.storage.clone(),
            timeout_secs: self.timeout_secs,
        }
    }
}

/// Whether single files can be read of it.
fn is_read(kind: BatchData) -> bool {
    matches!(kind, BatchData::UriFile | BatchData::UriFolder)
}

impl TrainingResult {
    fn check(&self, project: &Project) -> Result<()> {
        for uri in self.folder.iter().chain(self.files.values()) {
            if let Some(word) = values::unknown(uri, true) {
                return wrong(project, &format!("nobody fills in {{{word}}}"));
            }
            if Place::read(uri).is_none() {
                let why = format!(
                    "{uri:?} is neither azureml://datastores/NAME/paths/PATH nor \
                     azureml://jobs/{{id}}/outputs/artifacts/paths/PATH"
                );
                return wrong(project, &why);
            }
            if uri.contains("{step}") && self.step.is_none() {
                return wrong(project, "{step} is to be filled in, and no `step` is set");
            }
        }
        Ok(())
    }

    /// What is kept of a job: where its files will be, besides these outputs.
    pub(super) fn record(
        &self,
        job: &JobSpec,
        experiment: String,
        outputs: &[(BatchData, String)],
        now: Timestamp,
    ) -> Result<Record> {
        let mut folders = self.folder.iter().map(|uri| values::of_job(uri, job)).collect::<Result<Vec<_>>>()?;
        let mut files = BTreeMap::new();
        for (kind, uri) in outputs.iter().filter(|(kind, _)| is_read(*kind)) {
            match (kind, uri.rsplit('/').next()) {
                (BatchData::UriFile, Some(name)) => drop(files.insert(name.to_owned(), uri.clone())),
                _ => folders.push(uri.clone()),
            }
        }
        for (name, uri) in &self.files {
            files.insert(name.clone(), values::of_job(uri, job)?);
        }
        Ok(Record {
            id: None,
            asked_at: now,
            run: job.reply_to.run.clone(),
            experiment,
            required: job.required.clone(),
            folders,
            files,
            step: self.step.clone(),
            result: None,
        })
    }
}
