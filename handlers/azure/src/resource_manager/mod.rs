//! Azure Resource Manager: infrastructure as templates, and what an identity may do.
//!
//! ```text
//! plan      deployments/{name}/validate, deployments/{name}/whatIf -> an operation, looked at later
//! apply     deployments/{name}: adopted, or put
//! status    deployments/{name}; of a failed one its operations
//! cancel    deployments/{name}/cancel
//! Doctor    {resource}/providers/Microsoft.Authorization/permissions, locations/{location}/usages
//! ```
//!
//! A template is JSON: nothing over REST compiles Bicep, so repositories keep what `az bicep build` makes. It is applied
//! in the mode `Incremental`, never `Complete`, which removes whatever a template does not name.
//!
//! Source: `resources/resource-manager/Microsoft.Resources/stable/2024-07-01/resources.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pipeline::names::{InfrastructureName, Project};
use reqwest::Url;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};

use crate::credential::{Cloud, Credential};
use crate::http::{self, Client, Patience, Right, Transport};
use crate::resource_id::{self, segments};
use crate::roles;

mod deployments;
mod doctor;
mod needs;
mod read;
mod rights;

pub use doctor::{Doctor, DoctorSettings, Finding};
pub use needs::Place;

const SERVICE: &str = "Azure Resource Manager";
const API_VERSION: (&str, &str) = ("api-version", "2024-07-01");

const PLAN: Right = Right::role("look what the infrastructure would change", roles::INFRASTRUCTURE);
const APPLY: Right = Right::role("apply the infrastructure", roles::INFRASTRUCTURE_WITH_ROLES);
const LOOK: Right = Right::role("look how the infrastructure does", roles::INFRASTRUCTURE);

/// Where infrastructure goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceManagerSettings {
    /// The subscription's id.
    pub subscription: String,
    /// Each project's resource group. It is here and not in the repository, so that nobody's code chooses it.
    pub groups: BTreeMap<Project, String>,
    /// The service's address.
    #[serde(default = "base")]
    pub base: String,
    /// How long one call may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

impl ResourceManagerSettings {
    /// The id of one of the groups.
    #[must_use]
    pub fn resource_id(&self, group: &str) -> String {
        resource_id::group(&self.subscription, group)
    }
}

fn base() -> String {
    Cloud::Public.hosts().resource_manager.into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

/// Resource groups of one subscription.
#[derive(Debug)]
pub struct ResourceManager {
    client: Client,
    settings: ResourceManagerSettings,
    base: Url,
}

impl ResourceManager {
    /// The groups that these settings name. `credential` is for the scope of Azure Resource Manager.
    ///
    /// # Errors
    ///
    /// The address is none, or a name could lead elsewhere.
    pub fn new(
        settings: ResourceManagerSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        for name in settings.groups.values().chain([&settings.subscription]) {
            if matches!(name.trim(), "" | "." | "..") {
                let reason = format!("{name:?} is no subscription or resource group; set the one on its page");
                return Err(PortError::permanent("settings", reason));
            }
        }
        let base = http::address("the address of Azure Resource Manager", &settings.base)?;
        let client = client(&base, settings.timeout_secs, credential, clock);
        Ok(Self { client, settings, base })
    }

    fn group(&self, project: &Project) -> Result<&str> {
        self.settings.groups.get(project).map(String::as_str).ok_or_else(|| {
            let reason =
                format!("no resource group is set for project {project}; add it to `groups` of Azure Resource Manager");
            PortError::permanent(SERVICE, reason)
        })
    }

    /// An address of a deployment.
    fn deployment(&self, project: &Project, name: &InfrastructureName, below: &[&str]) -> Result<Url> {
        let group = self.settings.resource_id(self.group(project)?);
        let path = ["providers", "Microsoft.Resources", "deployments", name.as_str()];
        Ok(http::join(&self.base, &[&segments(&group)[..], &path, below].concat(), &[API_VERSION]))
    }

    /// The address of what was done for a deployment, which is not below the deployment itself.
    fn operations(&self, project: &Project, name: &InfrastructureName) -> Result<Url> {
        let group = self.settings.resource_id(self.group(project)?);
        let path = ["deployments", name.as_str(), "operations"];
        Ok(http::join(&self.base, &[&segments(&group)[..], &path].concat(), &[API_VERSION]))
    }
}

fn client(base: &Url, timeout_secs: u64, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Client {
    let transport = Transport::to(&[base], timeout_secs);
    Client::new(SERVICE, transport, HeaderMap::new(), credential, clock).with_patience(Patience::SHORT)
}

impl fmt::Display for ResourceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<_> = self.settings.groups.values().map(String::as_str).collect();
        write!(f, "Azure Resource Manager {}", groups.join(", "))
    }
}
