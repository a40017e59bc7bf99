//! Azure Machine Learning: jobs and registered models of a workspace.
//!
//! ```text
//! submit    GET jobs/{name} -> code, environments, compute, datastore where they are not there yet -> PUT jobs/{name}
//! status    GET jobs/{name} -> what the launcher left on the datastore, or MLflow's metrics, or the run's error
//! register  GET models/{name}/versions/{n} -> the file where it is, or a copy of it -> PUT models/{name}/versions/{n}
//! ```
//!
//! Everything has a name that is made from what it is for: a job has its own, code and environments that of their
//! content, a model version the run's number. So a repeat finds what the first time made, and `status` needs the name
//! alone.
//!
//! Sources: `machinelearningservices/resource-manager/Microsoft.MachineLearningServices/stable/2024-10-01` and
//! `machinelearningservices/data-plane/.../runHistory.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs); what they leave open is as the package
//! [azure-ai-ml](https://pypi.org/project/azure-ai-ml/) does it.

use std::fmt;
use std::sync::Arc;

use runner::ports::{Artifacts, Clock, PortError, Result};

use crate::credential::Credential;
use crate::http::{CallError, Kind, Right};
use crate::roles::WORKSPACE as ROLE;

mod address;
mod compute;
mod endpoints;
mod existing;
mod history;
mod job;
mod jobs;
mod mlflow;
mod models;
mod place;
mod settings;
mod tags;
mod workspace;

pub use endpoints::{OnlineEndpoints, OnlineEndpointsSettings};
pub use existing::{
    BatchData, BatchEndpointSettings, BatchEndpointTraining, BatchInput, BatchOutput, ExistingTraining,
    PublishedPipeline, PublishedPipelineSettings, PublishedPipelineTraining, TrainingResult,
};
pub use settings::{AzureMlCluster, AzureMlCompute, AzureMlSettings};

use workspace::Workspace;

const SERVICE: &str = "Azure Machine Learning";
const API_VERSION: (&str, &str) = ("api-version", "2024-10-01");
const READ: Right = Right::role("read the workspace", ROLE);

/// A workspace.
pub struct AzureMl {
    settings: AzureMlSettings,
    workspace: Workspace,
    artifacts: Arc<dyn Artifacts>,
}

impl AzureMl {
    /// A workspace, called as `management` (for <https://management.azure.com>), with its storage account opened by
    /// `storage` (for <https://storage.azure.com>). Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn new(
        settings: AzureMlSettings,
        management: Arc<dyn Credential>,
        storage: Arc<dyn Credential>,
        artifacts: Arc<dyn Artifacts>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        settings.check()?;
        let workspace = Workspace::new(settings.whereabouts(), management, storage, clock)?;
        Ok(Self { settings, workspace, artifacts })
    }
}

/// None for what is not there. Where the workspace itself is not, that is said: the settings lead nowhere.
fn present<T>(answer: Result<T, CallError>) -> Result<Option<T>> {
    const NOWHERE: [&str; 3] = ["ResourceGroupNotFound", "SubscriptionNotFound", "ParentResourceNotFound"];
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == Kind::Gone && !NOWHERE.contains(&error.code.as_str()) => Ok(None),
        Err(error) => Err(error.into_port()),
    }
}

fn refused(reason: impl fmt::Display) -> PortError {
    PortError::permanent(SERVICE, reason)
}

impl fmt::Display for AzureMl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.workspace.fmt(f)
    }
}

impl fmt::Debug for AzureMl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureMl")
            .field("settings", &self.settings)
            .field("client", &self.workspace.client)
            .finish_non_exhaustive()
    }
}
