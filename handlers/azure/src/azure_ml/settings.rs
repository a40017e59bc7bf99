//! What people set for a workspace.

use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

use super::address::workspace;
use super::workspace::Whereabouts;
use crate::http;

/// A workspace, and where and in what its jobs run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureMlSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The workspace.
    pub workspace: String,
    /// The compute cluster that jobs run on.
    pub compute: AzureMlCompute,
    /// The datastore for what jobs leave and for models. None: the workspace's default datastore.
    #[serde(default)]
    pub datastore: Option<String>,
    /// The image that environments are built on.
    #[serde(default = "image")]
    pub image: String,
    /// The Python for dependency files that name none (pip requirements).
    #[serde(default = "python")]
    pub python: String,
    /// The registry's repository that scoring images are in, such as `contoso.azurecr.io/diabetes`: for jobs that run in
    /// an image (load tests). The workspace must be allowed to pull from it. None: such jobs are refused.
    #[serde(default)]
    pub images: Option<String>,
    /// Where the application is in a scoring image.
    #[serde(default = "app")]
    pub app: String,
    /// The address of Azure Resource Manager.
    #[serde(default = "base")]
    pub base: String,
    /// The address of the tracking service. None: the one that the workspace names.
    #[serde(default)]
    pub tracking: Option<String>,
    /// The address of the storage account with the datastore. None: the one that the datastore names.
    #[serde(default)]
    pub storage: Option<String>,
    /// How long one call may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// A compute cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureMlCompute {
    /// Its name.
    pub name: String,
    /// What it is made as when it is not there. None: it is never made.
    #[serde(default)]
    pub create: Option<AzureMlCluster>,
}

/// A compute cluster that costs nothing while no job runs: it shrinks to no node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureMlCluster {
    /// The machines' size: `Standard_DS3_v2`.
    pub size: String,
    /// As many nodes as run at a time, at most.
    #[serde(default = "nodes")]
    pub nodes: u32,
    /// After this long without a job a node is given back, in seconds.
    #[serde(default = "idle_secs")]
    pub idle_secs: u32,
}

fn image() -> String {
    "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest".into()
}

fn python() -> String {
    "3.12".into()
}

fn app() -> String {
    "/app".into()
}

fn base() -> String {
    "https://management.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn nodes() -> u32 {
    4
}

fn idle_secs() -> u32 {
    300
}

impl AzureMlSettings {
    /// The workspace's id.
    #[must_use]
    pub fn resource_id(&self) -> String {
        workspace(&self.subscription, &self.resource_group, &self.workspace)
    }

    /// Where that is.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            id: self.resource_id(),
            datastore: self.datastore.clone(),
            base: self.base.clone(),
            tracking: self.tracking.clone(),
            storage: self.storage.clone(),
            timeout_secs: self.timeout_secs,
        }
    }

    /// What the service would refuse only when the first job comes.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |why: &str| {
            let reason = format!("the settings of Azure ML workspace {:?} cannot work: {why}", self.workspace);
            Err(PortError::permanent("settings", reason))
        };
        let names = [&self.subscription, &self.resource_group, &self.workspace, &self.compute.name];
        if names.iter().any(|name| name.is_empty() || name.contains('/')) {
            return wrong(
                "`subscription`, `resource_group`, `workspace` and `compute.name` are names, none of them empty",
            );
        }
        if self.images.as_ref().is_some_and(|images| images.contains(['@', ' ']) || !images.contains('/')) {
            return wrong("`images` is a repository such as contoso.azurecr.io/diabetes");
        }
        if self.compute.create.as_ref().is_some_and(|cluster| cluster.size.is_empty() || cluster.nodes == 0) {
            return wrong("`compute.create` needs a size and one node at least");
        }
        Ok(())
    }
}
