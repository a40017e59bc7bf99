//! What people set for a workspace and for the training of each project.

use std::collections::BTreeMap;

use pipeline::names::Project;
use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http;

/// A workspace, and how projects are trained in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabricksSettings {
    /// The workspace's address: `https://adb-1234567890123456.7.azuredatabricks.net`.
    pub workspace: String,
    /// Each project's training.
    pub projects: BTreeMap<Project, DatabricksTraining>,
    /// How long one call may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// How a project is trained. Its code stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabricksTraining {
    /// The repository, whose commit Databricks checks out by itself. None: the notebook is in the workspace.
    #[serde(default)]
    pub git: Option<DatabricksGit>,
    /// The notebook: relative to the repository and without its ending (`notebooks/train`), or absolute in the workspace
    /// (`/Shared/train`). None: the training command is `python FILE ARGUMENTS...`, and that file of the repository runs.
    #[serde(default)]
    pub notebook: Option<String>,
    /// Where it runs.
    pub cluster: DatabricksCluster,
    /// Libraries to install, as the Jobs API takes them: `{"pypi": {"package": "scikit-learn==1.5.0"}}`.
    #[serde(default)]
    pub libraries: Vec<Value>,
    /// A folder of a Unity Catalog volume (`/Volumes/main/ml/trainyard`). A job gets a folder of its own in it, named by
    /// `TRAINYARD_OUTPUTS`, and what it leaves there is read.
    #[serde(default)]
    pub outputs: Option<String>,
    /// Where a notebook leaves its model when it neither says so nor knows `TRAINYARD_OUTPUTS`: a file of a volume or of
    /// DBFS (`dbfs:/mnt/models/model.pkl`).
    #[serde(default)]
    pub model_path: Option<String>,
    /// Ids of the MLflow experiments that a notebook logs to. Its metrics are read there when it says none itself.
    #[serde(default)]
    pub experiments: Vec<String>,
}

/// A repository, as Databricks is told of it. A private one needs a git credential of the run's identity in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabricksGit {
    /// Its address: `https://github.com/contoso/diabetes`.
    pub url: String,
    /// Who has it: `gitHub`, `azureDevOpsServices`, `gitLab`, ...
    pub provider: String,
}

/// Where a run works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabricksCluster {
    /// On a cluster that is there, by its id. It is started when it sleeps.
    Existing(String),
    /// On one that is made for the run, as the Clusters API describes it: `spark_version`, `node_type_id`, `num_workers`.
    New(Map<String, Value>),
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

impl DatabricksSettings {
    /// What the service would refuse only when a run has come as far as its training.
    pub(super) fn check(&self) -> Result<()> {
        for (project, training) in &self.projects {
            let wrong = |why: &str| {
                let reason = format!("the Databricks training of project {project} cannot work: {why}");
                Err(PortError::permanent("settings", reason))
            };
            match (&training.git, &training.notebook) {
                (None, None) => return wrong("set `git`, or a `notebook` of the workspace"),
                (Some(_), Some(path)) if path.starts_with('/') => {
                    return wrong("with `git`, `notebook` is a path in the repository and does not begin with `/`");
                }
                (None, Some(path)) if !path.starts_with('/') => {
                    return wrong("without `git`, `notebook` is a path in the workspace and begins with `/`");
                }
                _ => {}
            }
            match &training.cluster {
                DatabricksCluster::Existing(id) if id.is_empty() => return wrong("`cluster.existing` is empty"),
                DatabricksCluster::New(cluster) if !cluster.contains_key("spark_version") => {
                    return wrong("`cluster.new` has no `spark_version`");
                }
                DatabricksCluster::New(cluster) if cluster.get("spark_env_vars").is_some_and(|it| !it.is_object()) => {
                    return wrong("`spark_env_vars` of `cluster.new` is no object");
                }
                _ => {}
            }
            if training.outputs.as_ref().is_some_and(|folder| !folder.starts_with("/Volumes/")) {
                return wrong("`outputs` is a folder of a volume and begins with `/Volumes/`");
            }
        }
        Ok(())
    }
}
