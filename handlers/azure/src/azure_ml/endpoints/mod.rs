//! Managed online endpoints: one endpoint for each project and environment, one deployment in it for each release.
//!
//! ```text
//! apply   GET endpoint -> 404: PUT it; there: PUT environment version, PUT deployment
//!           endpoint or a deployment of this name not settled yet -> Transient: ask again
//! status  GET endpoint, list its deployments
//!           deployment ready, without traffic --PUT endpoint, traffic 100--> Starting
//!           with all the traffic --DELETE the older ones--> Ready
//! call    GET endpoint, POST listKeys, POST scoringUri with `azureml-model-deployment`
//! remove  traffic taken away (PUT endpoint), then DELETE deployment
//! ```
//!
//! Each of these takes minutes and answers at once; the next question finds how far it is. Which release is the newest is
//! written on the deployments themselves (tag `trainyard-applied`), so a question about an old one, however late,
//! changes nothing. The service has no conditions: one deployment of an environment at a time is the caller's promise.
//!
//! Traffic cannot be changed by PATCH: the endpoint is read, freed of what is read only, and written whole.
//!
//! Source: `mfe.json` of version 2024-10-01 in [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs),
//! folder `machinelearningservices`. Names have 32 characters:
//! [limits of online endpoints](https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas).

use std::fmt;
use std::sync::Arc;

use pipeline::names::{DeploymentName, EnvironmentName, Project};
use reqwest::Url;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};

use super::address::{Address, workspace};
use crate::credential::Credential;
use crate::http::{Client, Patience, Right, Transport};
use crate::roles;
use crate::serving::name;

mod bodies;
mod call;
mod deployments;
mod look;
mod resources;
mod settle;

const SERVICE: &str = "Azure ML online endpoints";
/// Characters of a name, at most.
const NAME_MAX: usize = 32;

const READ: Right = Right::role("look at an online endpoint", roles::WORKSPACE);
const MAKE: Right = Right::role("make an online endpoint", roles::WORKSPACE_WITH_IDENTITY);
const REGISTER: Right = Right::role("register the environment of a scoring image", roles::WORKSPACE);
const DEPLOY: Right = Right::role("make an online deployment", roles::WORKSPACE);
const SHIFT: Right = Right::role("shift the traffic of an online endpoint", roles::WORKSPACE);
const DELETE: Right = Right::role("delete an online deployment", roles::WORKSPACE);
const KEYS: Right = Right::role("read the keys of an online endpoint", roles::WORKSPACE);
const LOGS: Right = Right::role("read the log of an online deployment", roles::WORKSPACE);

/// Where endpoints are made, and on what they serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineEndpointsSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The workspace.
    pub workspace: String,
    /// The workspace's region: `westeurope`.
    pub location: String,
    /// The repository that scoring images are in, such as `contoso.azurecr.io/{project}`; `{project}` stands for the
    /// project, in lower case.
    pub images: String,
    /// The user-assigned identity that pulls them, by its resource id; it needs the role AcrPull on the registry. None:
    /// the endpoint gets an identity of its own, which can pull from the workspace's own registry only.
    #[serde(default)]
    pub identity: Option<String>,
    /// The machines' size.
    #[serde(default = "instance_type")]
    pub instance_type: String,
    /// How many machines serve.
    #[serde(default = "instance_count")]
    pub instance_count: u32,
    /// Requests that one machine answers at a time.
    #[serde(default = "requests_per_instance")]
    pub requests_per_instance: u32,
    /// The path at which the image says that it is well. The specification's pattern wants a letter or digit in it; the
    /// service takes `/` as well, where `azureml-inference-server-http` says so.
    #[serde(default = "health_path")]
    pub health_path: String,
    /// The address of Azure Resource Manager.
    #[serde(default = "cloud")]
    pub base: String,
    /// How long one call of the service may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// How long the answer of a model may take, in seconds. The service itself gives up after 180.
    #[serde(default = "answer_timeout_secs")]
    pub answer_timeout_secs: u64,
}

impl OnlineEndpointsSettings {
    /// The workspace's id.
    #[must_use]
    pub fn resource_id(&self) -> String {
        workspace(&self.subscription, &self.resource_group, &self.workspace)
    }
}

fn instance_type() -> String {
    "Standard_DS3_v2".into()
}

fn instance_count() -> u32 {
    1
}

fn requests_per_instance() -> u32 {
    2
}

/// Where `azureml-inference-server-http` says so.
fn health_path() -> String {
    "/".into()
}

fn cloud() -> String {
    "https://management.azure.com".into()
}

fn timeout_secs() -> u64 {
    crate::http::TIMEOUT_SECS
}

fn answer_timeout_secs() -> u64 {
    60
}

/// Releases as deployments of managed online endpoints.
pub struct OnlineEndpoints {
    client: Client,
    settings: OnlineEndpointsSettings,
    address: Address,
    scoring: Transport,
}

/// One deployment in one environment, under the names that the service takes.
#[derive(Debug)]
struct Place {
    endpoint: String,
    deployment: String,
}

impl OnlineEndpoints {
    /// The workspace that these settings are about. `credential` is for <https://management.azure.com>.
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn new(
        settings: OnlineEndpointsSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        settings.check()?;
        let address = Address::new(&settings.base, settings.resource_id())?;
        let transport = Transport::to(&[&address.base], settings.timeout_secs);
        let client =
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock).with_patience(Patience::SHORT);
        // Endpoints are where Resource Manager is: on the network, or in this process.
        let scoring = Transport::to(&[&address.base], settings.answer_timeout_secs);
        Ok(Self { client, settings, address, scoring })
    }

    fn endpoint_url(&self, place: &Place, below: &[&str]) -> Url {
        self.address.at(&[&["onlineEndpoints", &*place.endpoint], below].concat(), &[])
    }

    fn deployment_url(&self, place: &Place, below: &[&str]) -> Url {
        self.endpoint_url(place, &[&["deployments", &*place.deployment], below].concat())
    }

    fn place(&self, project: &Project, environment: &EnvironmentName, deployment: &DeploymentName) -> Place {
        let (project, environment) = (project.as_str(), environment.as_str());
        // An endpoint's name is there once in a region: whose it is goes into it.
        let whose = self.address.id(&[]).to_ascii_lowercase();
        let readable = format!("{project}-{environment}");
        Place {
            endpoint: name(&[&whose, project, environment, &readable], NAME_MAX),
            deployment: name(&[deployment.as_str()], NAME_MAX),
        }
    }
}

impl OnlineEndpointsSettings {
    fn check(&self) -> Result<()> {
        let wrong = |why: &str| {
            let reason = format!("the settings of online endpoints cannot work: {why}");
            Err(PortError::permanent("settings", reason))
        };
        let names = [&self.subscription, &self.resource_group, &self.workspace, &self.location, &self.instance_type];
        if names.iter().any(|name| matches!(name.trim(), "" | "." | "..") || name.contains('/')) {
            return wrong(
                "`subscription`, `resource_group`, `workspace`, `location` and `instance_type` are names, none of them empty",
            );
        }
        if !self.images.contains('/') || self.images.contains(['@', ' ']) || self.images.contains("://") {
            return wrong("`images` is a repository such as contoso.azurecr.io/diabetes");
        }
        if self.instance_count == 0 || self.requests_per_instance == 0 {
            return wrong("`instance_count` and `requests_per_instance` are 1 at least");
        }
        if !self.health_path.starts_with('/') {
            return wrong("`health_path` begins with `/`");
        }
        Ok(())
    }
}

impl fmt::Display for OnlineEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "online endpoints of Azure ML workspace {}", self.settings.workspace)
    }
}

impl fmt::Debug for OnlineEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} with {:?}", self.client)
    }
}
