//! Azure Container Instances: one container group for each release, with an address of its own.
//!
//! ```text
//! apply   GET group -> 404: PUT group; there and at work: nothing; there and failed or replaced: DELETE, then PUT
//! status  GET group, list the environment's groups
//!           running and healthy --PATCH tag trainyard-serving--> Ready, and the older groups are deleted
//! call    the same look, then POST fqdn:5001/score
//! ```
//!
//! Who serves is written on the groups themselves: each has the time at which it was asked for (`trainyard-applied`) and,
//! once it was ready, the time at which it took the environment over (`trainyard-serving`). The latest to take over
//! serves. So a question about an old release, however late, changes nothing.
//!
//! CPU, memory and ports of a group cannot be changed in place, and its address is its own: a new release is a new
//! group. Clients read the address of an environment from its release.
//!
//! Source: `containerInstance.json` of version 2023-05-01 in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs), folder `containerinstance`.

use std::fmt;
use std::sync::Arc;

use pipeline::names::{DeploymentName, EnvironmentName, Project};
use reqwest::Url;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, Client, Patience, Right, Transport};
use crate::serving::{ApiKey, Caller, ImageSettings, Puller, ServingParts, filled, name};
use crate::{resource_id, roles};

mod body;
mod deployments;
mod group;
mod look;

const SERVICE: &str = "Azure Container Instances";
const API_VERSION: (&str, &str) = ("api-version", "2023-05-01");
/// What the container in a group is called.
const CONTAINER: &str = "scoring";
/// Characters of a group's name, at most.
const NAME_MAX: usize = 63;

const READ: Right = Right::role("look at container groups", roles::CONTAINER_GROUPS);
const CREATE: Right = Right::role("create a container group", roles::CONTAINER_GROUPS_WITH_IDENTITY);
const TAG: Right = Right::role("tag a container group", roles::CONTAINER_GROUPS);
const DELETE: Right = Right::role("delete a container group", roles::CONTAINER_GROUPS);
const LOGS: Right = Right::role("read a container's log", roles::CONTAINER_GROUPS);

/// Where container groups are made, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerInstancesSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The region: `westeurope`.
    pub location: String,
    /// Where images are pulled from.
    pub image: ImageSettings,
    /// As whom they are pulled.
    #[serde(default)]
    pub pull: Pull,
    /// The key that callers have to show, if the image asks for one.
    #[serde(default)]
    pub api_key: Option<ApiKey>,
    /// Where a group is called; `{fqdn}` stands for its name in the DNS.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// The address of Azure Resource Manager.
    #[serde(default = "cloud")]
    pub base: String,
    /// How long one call of the service may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// How long the answer of a model may take.
    #[serde(default = "answer_timeout_secs")]
    pub answer_timeout_secs: u64,
}

/// As whom images are pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pull {
    /// Anybody may pull them.
    #[default]
    Anybody,
    /// A user-assigned identity with the role AcrPull on the registry, by its resource id.
    Identity(String),
    /// A user of the registry.
    User {
        /// The name.
        username: String,
        /// The name of the secret that is the password.
        secret: String,
    },
}

impl ContainerInstancesSettings {
    /// The id of the resource group that container groups are made in.
    #[must_use]
    pub fn resource_id(&self) -> String {
        resource_id::group(&self.subscription, &self.resource_group)
    }
}

fn endpoint() -> String {
    "http://{fqdn}:5001".into()
}

fn cloud() -> String {
    "https://management.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn answer_timeout_secs() -> u64 {
    60
}

/// Releases as container groups.
#[derive(Debug)]
pub struct ContainerInstances {
    client: Client,
    settings: ContainerInstancesSettings,
    base: Url,
    puller: Puller,
    caller: Caller,
}

/// One deployment in one environment.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    project: &'a Project,
    environment: &'a EnvironmentName,
    deployment: &'a DeploymentName,
}

impl Place<'_> {
    /// What its group is called: lower-case letters, digits and single hyphens.
    fn group(&self) -> String {
        name(&[self.project.as_str(), self.environment.as_str(), self.deployment.as_str()], NAME_MAX)
    }
}

impl ContainerInstances {
    /// The resource group that these settings are about.
    ///
    /// # Errors
    ///
    /// An address is none, or a setting is missing.
    pub fn new(
        settings: ContainerInstancesSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        parts: ServingParts,
    ) -> Result<Self> {
        let named = [
            ("subscription", &settings.subscription),
            ("resource_group", &settings.resource_group),
            ("location", &settings.location),
        ];
        for (what, text) in named {
            if matches!(text.trim(), "" | "." | "..") || text.contains('/') {
                let reason = format!("`{what}` of Container Instances is {text:?}, which is no name");
                return Err(PortError::permanent("settings", reason));
            }
        }
        if !settings.endpoint.contains("{fqdn}") {
            let reason = format!("`endpoint` of Container Instances is {:?}, without {{fqdn}}", settings.endpoint);
            return Err(PortError::permanent("settings", reason));
        }
        let base = http::address("the address of Azure Resource Manager", &settings.base)?;
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let client =
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock).with_patience(Patience::SHORT);
        let example = filled(&settings.endpoint, &[("fqdn", "label.region.azurecontainer.io")]);
        let example = http::address("`endpoint` of Container Instances", &example)?;
        let ServingParts { promote, secrets } = parts;
        let puller = Puller::new(settings.image.clone(), promote)?;
        let caller = Caller::new(SERVICE, &example, settings.answer_timeout_secs, settings.api_key.clone(), secrets)?;
        Ok(Self { client, settings, base, puller, caller })
    }

    /// An address below the container groups.
    fn url(&self, below: &[&str]) -> Url {
        let group = self.settings.resource_id();
        let provider = ["providers", "Microsoft.ContainerInstance", "containerGroups"];
        http::join(&self.base, &[&resource_id::segments(&group)[..], &provider, below].concat(), &[API_VERSION])
    }

    /// The label in the DNS, of which there is one in a region: made from all that names the group.
    fn label(&self, group: &str) -> String {
        let ContainerInstancesSettings { subscription, resource_group, .. } = &self.settings;
        name(&[subscription, resource_group, group], NAME_MAX)
    }
}

impl fmt::Display for ContainerInstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} in {}", self.settings.resource_group)
    }
}
