//! What people set for what trains in a workspace already.

use std::collections::BTreeMap;

use pipeline::names::Project;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http;

/// A workspace whose published pipelines train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedPipelineSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The workspace.
    pub workspace: String,
    /// Each project's pipeline.
    pub projects: BTreeMap<Project, PublishedPipelineTraining>,
    /// The address of Azure Resource Manager.
    #[serde(default = "base")]
    pub base: String,
    /// The address of the region's services (`https://westeurope.api.azureml.ms`): pipelines, run history, MLflow. None:
    /// the one that the workspace names.
    #[serde(default)]
    pub tracking: Option<String>,
    /// The address of the storage account with the datastores. None: the one that a datastore names.
    #[serde(default)]
    pub storage: Option<String>,
    /// Where people look at a workspace.
    #[serde(default = "studio")]
    pub studio: String,
    /// How long one call may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// A published pipeline, and what it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedPipelineTraining {
    /// Which.
    pub pipeline: PublishedPipeline,
    /// The experiment that its runs are in. None: the project's name.
    #[serde(default)]
    pub experiment: Option<String>,
    /// The pipeline's parameters. `{project}`, `{run}`, `{number}`, `{commit}`, `{branch}`, `{job}` and `{attempt}` are
    /// filled in.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Where that leaves its model.
    pub result: TrainingResult,
}

/// Which pipeline, by the id in its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedPipeline {
    /// A published pipeline.
    Published(String),
    /// The default version behind a pipeline endpoint.
    Endpoint(String),
}

/// A workspace whose batch endpoints train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchEndpointSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The workspace.
    pub workspace: String,
    /// Each project's endpoint.
    pub projects: BTreeMap<Project, BatchEndpointTraining>,
    /// The address of Azure Resource Manager.
    #[serde(default = "base")]
    pub base: String,
    /// The address of the region's services: run history, MLflow. None: the one that the workspace names.
    #[serde(default)]
    pub tracking: Option<String>,
    /// The address of the storage account with the datastores. None: the one that a datastore names.
    #[serde(default)]
    pub storage: Option<String>,
    /// Where people look at a workspace.
    #[serde(default = "studio")]
    pub studio: String,
    /// How long one call may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// A batch endpoint, and what it is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchEndpointTraining {
    /// The endpoint's name.
    pub endpoint: String,
    /// The deployment. None: the endpoint's default one.
    #[serde(default)]
    pub deployment: Option<String>,
    /// The experiment that its jobs are in. None: the project's name.
    #[serde(default)]
    pub experiment: Option<String>,
    /// What goes in, by the names of the pipeline's inputs.
    #[serde(default)]
    pub inputs: BTreeMap<String, BatchInput>,
    /// What comes out, by the names of the pipeline's outputs. Files that a job must leave are looked for there.
    #[serde(default)]
    pub outputs: BTreeMap<String, BatchOutput>,
    /// Where else they are.
    #[serde(default)]
    pub result: TrainingResult,
    /// Where it is invoked. None: the address that the workspace names.
    #[serde(default)]
    pub address: Option<String>,
}

/// An input of a batch endpoint. Placeholders are filled in as in a published pipeline's parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: BatchData,
    /// Where data is.
    #[serde(default)]
    pub uri: Option<String>,
    /// What a literal is.
    #[serde(default)]
    pub value: Option<Value>,
}

/// An output of a batch endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchOutput {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: BatchData,
    /// Where it is left, with placeholders: `azureml://datastores/workspaceblobstore/paths/trainyard/{job}`.
    pub uri: String,
}

/// Types of data, as batch endpoints spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "members are named as the service names them")]
pub enum BatchData {
    Literal,
    UriFile,
    UriFolder,
    MLTable,
    MLFlowModel,
    CustomModel,
    TritonModel,
}

/// Where a training leaves the files that a run goes on with: the model, and `metrics.json` where there is one. Besides the
/// placeholders of parameters there are `{id}`, the service's name of the run, and `{step}`, that of the step that trains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingResult {
    /// The folder that they are in: `azureml://datastores/NAME/paths/PATH`, or `azureml://jobs/{step}/outputs/artifacts/paths/outputs`
    /// for what the step has uploaded.
    #[serde(default)]
    pub folder: Option<String>,
    /// Where single ones are, by their names in `trainyard.yml`.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The name of the step that trains. Its metrics and its log are read.
    #[serde(default)]
    pub step: Option<String>,
}

fn base() -> String {
    "https://management.azure.com".into()
}

fn studio() -> String {
    "https://ml.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}
