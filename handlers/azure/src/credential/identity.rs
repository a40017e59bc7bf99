//! Which identity we are, chosen by what the environment says and never by trying: asking an endpoint that is not there
//! takes as long as its timeout, and a second choice that happens to work hides that the first is broken.
//!
//! ```text
//! IDENTITY_ENDPOINT, IDENTITY_HEADER   the app's managed identity; AZURE_CLIENT_ID: a user-assigned one
//! AZURE_FEDERATED_TOKEN_FILE           workload identity of a cluster      \
//! AZURE_CLIENT_SECRET                  an application with a secret         > with AZURE_TENANT_ID, AZURE_CLIENT_ID
//! AZURE_CLIENT_CERTIFICATE_PATH        an application with a certificate   /
//! none of them                         whoever is signed in to the Azure CLI; AZURE_TENANT_ID: in this tenant
//! ```
//!
//! `AZURE_CLOUD` chooses the cloud, `AZURE_AUTHORITY_HOST` another address for its tokens.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use azure_core::credentials::Secret;
use reqwest::Url;
use runner::ports::{PortError, Result};

use super::Credential;
use super::cloud::Cloud;
use super::command_line::CommandLine;
use super::entra::{Application, Entra, Proof};
use super::managed_identity::ManagedIdentity;
use crate::http;

const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const GUARD: &str = "IDENTITY_HEADER";
const FEDERATED: &str = "AZURE_FEDERATED_TOKEN_FILE";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
const CLOUD: &str = "AZURE_CLOUD";
/// Set by the platform where a Functions app runs.
const IN_AZURE: &str = "WEBSITE_INSTANCE_ID";

/// Who we are towards Azure.
#[derive(Clone)]
pub struct Identity {
    kind: Kind,
    cloud: Cloud,
}

#[derive(Clone)]
enum Kind {
    Managed { endpoint: Url, guard: Secret, client_id: Option<String> },
    Application(Arc<Entra>),
    CommandLine(CommandLine),
}

impl Identity {
    /// The identity that these variables are about. `lookup` gives a variable's value; an empty one counts as not set.
    ///
    /// # Errors
    ///
    /// The variables contradict each other, or one is missing: the error says which.
    pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let cloud = get(CLOUD).map_or(Ok(Cloud::default()), |name| name.parse())?;
        let ways = [ENDPOINT, FEDERATED, SECRET, CERTIFICATE];
        let set: Vec<&str> = ways.into_iter().filter(|name| get(name).is_some()).collect();
        let need = |name: &str, of: &str| {
            get(name).ok_or_else(|| refuse(format!("{of} is set and {name} is not; set it, or unset {of}")))
        };
        let kind = match set[..] {
            [] => {
                if let Some(name) = [GUARD, CLIENT].into_iter().find(|name| get(name).is_some()) {
                    let missing = if name == GUARD { ENDPOINT.into() } else { ways.join(", ") };
                    return Err(refuse(format!("{name} is set and none of {missing} is; set one, or unset {name}")));
                }
                if get(IN_AZURE).is_some() {
                    return Err(refuse(
                        "this app has no identity: switch on its managed identity (`az functionapp identity assign`), \
                         then restart it",
                    ));
                }
                Kind::CommandLine(CommandLine::new(get(TENANT), get("PATH")))
            }
            [ENDPOINT] => Kind::Managed {
                endpoint: http::address(ENDPOINT, &need(ENDPOINT, ENDPOINT)?)?,
                guard: need(GUARD, ENDPOINT)?.into(),
                client_id: get(CLIENT),
            },
            [way] => {
                let value = need(way, way)?;
                let proof = match way {
                    FEDERATED => Proof::Federated(PathBuf::from(value)),
                    SECRET => Proof::Secret(value.into()),
                    _ => Proof::Certificate(PathBuf::from(value)),
                };
                let application = Application { tenant: need(TENANT, way)?, client_id: need(CLIENT, way)?, proof };
                Kind::Application(Arc::new(Entra::new(application, cloud, authority(get(AUTHORITY))?)))
            }
            [one, other, ..] => {
                return Err(refuse(format!(
                    "{one} and {other} are both set, and each is another identity; keep one of them"
                )));
            }
        };
        Ok(Self { kind, cloud })
    }

    /// This identity where a service asks for `scope`: `https://vault.azure.net/.default`. A caller keeps each token.
    #[must_use]
    pub fn credential(&self, scope: impl Into<String>) -> Arc<dyn Credential> {
        let scope = scope.into();
        match &self.kind {
            Kind::Managed { endpoint, guard, client_id } => {
                Arc::new(ManagedIdentity::at(endpoint.clone(), guard.clone(), &scope, client_id.clone()))
            }
            Kind::Application(entra) => Arc::new(entra.for_scope(scope)),
            Kind::CommandLine(line) => Arc::new(line.for_scope(scope)),
        }
    }

    /// The cloud that it belongs to.
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.credential("").identity())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} in {}", self.cloud)
    }
}

/// Another address for tokens. Secrets go there, so it is `https`, or on this machine.
fn authority(text: Option<String>) -> Result<Option<Url>> {
    let Some(text) = text else { return Ok(None) };
    let url = http::address(AUTHORITY, &text)?;
    if url.scheme() != "https" && !matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        return Err(refuse(format!("{AUTHORITY} is {text}: secrets are sent there, so it must be https")));
    }
    Ok(Some(url))
}

fn refuse(reason: impl fmt::Display) -> PortError {
    PortError::permanent("identity", reason)
}
