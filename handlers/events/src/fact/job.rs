//! Jobs, models, and the data they are made of.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use pipeline::names::{CommitId, ModelName};
use serde::{Deserialize, Serialize};

use crate::names::{ArmId, ModelVersion};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A status of an Azure Machine Learning job: those of its run history, and those that its job API adds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum JobStatus {
            $($(#[$doc])* $name,)*
        }

        impl FromStr for JobStatus {
            type Err = String;

            /// Reads a status in any case: the only value that is documented is in lower case.
            fn from_str(text: &str) -> Result<Self, String> {
                $(if text.eq_ignore_ascii_case(stringify!($name)) {
                    return Ok(Self::$name);
                })*
                Err(format!("{} is no known status", crate::text::quoted(text)))
            }
        }
    };
}

statuses! {
    /// Known, nothing happened yet.
    NotStarted,
    /// Waits for somebody.
    Unapproved,
    /// Will be paused.
    Pausing,
    /// Is paused.
    Paused,
    /// Is being started.
    Starting,
    /// Machines are being made.
    Provisioning,
    /// The environment is being made.
    Preparing,
    /// Waits for machines.
    Queued,
    /// At it.
    Running,
    /// Outputs are being collected.
    Finalizing,
    /// Will be stopped.
    CancelRequested,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Was stopped.
    Canceled,
    /// Says nothing; may come back to any other.
    NotResponding,
    /// Not known to the service itself.
    Unknown,
}

impl JobStatus {
    /// Whether it is the last one.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

/// A job of Azure Machine Learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The workspace.
    pub workspace: ArmId,
    /// The job's name there. Every step of a pipeline and every child of a sweep is a job, too.
    pub job: String,
    /// Where it is.
    pub status: JobStatus,
    /// Its experiment's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// What kind of job it is: `azureml.StepRun`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The commit that the service saw when it took the snapshot of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// What people put on it; texts, never more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Job {
    pub(super) fn meaning(&self) -> String {
        format!("job/{}/{}/{:?}", self.workspace.as_str().to_ascii_lowercase(), self.job, self.status)
    }
}

/// Where a model is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRegistry {
    /// This Azure Machine Learning workspace.
    AzureMl(ArmId),
    /// The MLflow server whose secret we know, and its workspace if it has several.
    Mlflow(Option<String>),
}

/// A version that came into a model registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    /// Where.
    pub registry: ModelRegistry,
    /// The model.
    pub name: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// The run that made it, where the registry tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What people put on it; texts, never more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What the registry knows of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

impl RegisteredModel {
    pub(super) fn meaning(&self) -> String {
        let registry = match &self.registry {
            ModelRegistry::AzureMl(workspace) => workspace.as_str().to_ascii_lowercase(),
            ModelRegistry::Mlflow(workspace) => format!("mlflow/{}", workspace.as_deref().unwrap_or_default()),
        };
        format!("model/{registry}/{}/{}", self.name, self.version)
    }
}

/// An alias that names another version, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAlias {
    /// Where.
    pub registry: ModelRegistry,
    /// The model.
    pub name: ModelName,
    /// The alias.
    pub alias: String,
    /// The version that it names now; None when it is gone.
    pub version: Option<ModelVersion>,
}

/// A tag that was set on a version, or taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTag {
    /// Where.
    pub registry: ModelRegistry,
    /// The model.
    pub name: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// The tag.
    pub key: String,
    /// What it says now; None when it is gone.
    pub value: Option<String>,
}

/// Models that were deployed to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDeployment {
    /// The workspace.
    pub workspace: ArmId,
    /// The service.
    pub service: String,
    /// What it runs on: `ACI`, `AKS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<String>,
    /// The models and their versions.
    pub models: Vec<(ModelName, ModelVersion)>,
    /// What people put on it; texts, never more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Data that are no longer what they were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The workspace.
    pub workspace: ArmId,
    /// The monitor that saw it.
    pub monitor: String,
    /// The monitor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The job that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How much: 0 not at all, 1 completely.
    pub coefficient: f64,
    /// The data that it is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_dataset: Option<String>,
    /// The data that drifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_dataset: Option<String>,
    /// The beginning of what was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// Where a run of a Databricks job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabricksState {
    /// It began.
    Started,
    /// It ended well, or with failures of some tasks: the run has to be asked.
    Succeeded,
    /// It ended badly.
    Failed,
    /// It takes longer than somebody expected.
    Slow,
}

/// A run of a Databricks job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabricksRun {
    /// The workspace's number.
    pub workspace: String,
    /// The run's number; of a task, the task run's.
    pub run: String,
    /// Where it is.
    pub state: DatabricksState,
    /// The job's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// The task; None when the whole run is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The job's run that the task belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run: Option<String>,
}

impl DatabricksRun {
    pub(super) fn meaning(&self) -> String {
        format!("databricks/{}/{}/{:?}", self.workspace, self.run, self.state)
    }
}
