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

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::HeaderMap;
use runner::ports::{Artifacts, Clock, PortError, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use crate::credential::{Anybody, Credential};
use crate::http::{Call, CallError, Client, Kind, Patience, Right, Transport};
use crate::roles::WORKSPACE as ROLE;

mod address;
mod endpoints;
mod jobs;
mod mlflow;
mod models;
mod place;
mod settings;
mod workspace;

pub use endpoints::{OnlineEndpoints, OnlineEndpointsSettings};
pub use settings::{AzureMlCluster, AzureMlCompute, AzureMlSettings};

use address::Address;
use workspace::{Datastore, Workspace};

const SERVICE: &str = "Azure Machine Learning";
const API_VERSION: (&str, &str) = ("api-version", "2024-10-01");
const READ: Right = Right::role("read the workspace", ROLE);

/// A workspace.
pub struct AzureMl {
    settings: AzureMlSettings,
    address: Address,
    /// Azure Resource Manager and, with the same token, the tracking service.
    client: Client,
    /// For addresses that carry their own signature.
    opened: Client,
    storage: Arc<dyn Credential>,
    clock: Arc<dyn Clock>,
    artifacts: Arc<dyn Artifacts>,
    /// Read once, for it does not change.
    workspace: OnceCell<Workspace>,
    datastores: Mutex<BTreeMap<String, Datastore>>,
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
        let address = Address::new(&settings.base, settings.resource_id())?;
        let client = |credential: Arc<dyn Credential>| {
            let transport = Transport::to(&[&address.base], settings.timeout_secs);
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock.clone()).with_patience(Patience::SHORT)
        };
        let (client, opened) = (client(management), client(Arc::new(Anybody)));
        let (workspace, datastores) = Default::default();
        Ok(Self { settings, address, client, opened, storage, clock, artifacts, workspace, datastores })
    }

    /// Reads something in the workspace, if it is there.
    async fn find<T: DeserializeOwned>(&self, segments: &[&str], right: &Right) -> Result<Option<T>> {
        present(self.client.read(Call::get(self.address.at(segments, &[]), right)).await)
    }

    /// Makes something in the workspace, or finds that it is made.
    async fn make<T: DeserializeOwned>(&self, segments: &[&str], body: Value, right: &Right) -> Result<T> {
        let call = Call::send(Method::PUT, self.address.at(segments, &[]), body, right);
        self.client.read(call).await.map_err(CallError::into_port)
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
        write!(f, "Azure ML workspace {}", self.settings.workspace)
    }
}

impl fmt::Debug for AzureMl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureMl")
            .field("settings", &self.settings)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
