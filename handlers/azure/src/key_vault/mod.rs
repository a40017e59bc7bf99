//! Azure Key Vault: the secrets of environments, a vault for each.
//!
//! ```text
//! get     secrets/{name}: the newest version
//! ```
//!
//! Source: `keyvault/data-plane/Microsoft.KeyVault/stable/7.5/secrets.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pipeline::names::{EnvironmentName, SecretName};
use reqwest::Url;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result, Secret, Secrets};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, Call, Client, Kind, Patience, Right, Transport};
use crate::roles;

const SERVICE: &str = "Azure Key Vault";
const API_VERSION: (&str, &str) = ("api-version", "7.5");

const READ: Right = Right::role("read from the vault", roles::SECRETS);

/// Which vault keeps what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyVaultSettings {
    /// Each environment's vault, by its address: `https://contoso-qa.vault.azure.net`.
    pub vaults: BTreeMap<EnvironmentName, String>,
    /// How long a value is kept before it is read again.
    #[serde(default = "kept_secs")]
    pub kept_secs: u32,
    /// How long one call may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

fn kept_secs() -> u32 {
    300
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

/// The vaults of all environments.
pub struct KeyVault {
    vaults: BTreeMap<EnvironmentName, Vault>,
    kept_for: SignedDuration,
    kept: Mutex<BTreeMap<(EnvironmentName, SecretName), (Secret, Timestamp)>>,
    clock: Arc<dyn Clock>,
}

struct Vault {
    client: Client,
    base: Url,
}

/// A secret as the service answers it.
#[derive(Deserialize)]
struct Bundle {
    value: String,
}

impl KeyVault {
    /// The vaults that these settings name. `credential` is for the scope of Key Vault.
    ///
    /// # Errors
    ///
    /// An address is none.
    pub fn new(settings: &KeyVaultSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let vault = |(environment, address): (&EnvironmentName, &String)| {
            let base = http::address(&format!("the vault of {environment}"), address)?;
            let transport = Transport::to(&[&base], settings.timeout_secs);
            let (credential, clock) = (Arc::clone(&credential), Arc::clone(&clock));
            // A client each: a vault that asks to be left alone asks nothing of the others.
            let client = Client::new(SERVICE, transport, HeaderMap::new(), credential, clock);
            Ok((environment.clone(), Vault { client: client.with_patience(Patience::SHORT), base }))
        };
        let vaults = settings.vaults.iter().map(vault).collect::<Result<_>>()?;
        let kept_for = SignedDuration::from_secs(settings.kept_secs.into());
        Ok(Self { vaults, kept_for, kept: Mutex::default(), clock })
    }

    fn kept(&self, key: &(EnvironmentName, SecretName)) -> Option<Secret> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (secret, read_at) = kept.get(key)?;
        (self.clock.now().duration_since(*read_at) < self.kept_for).then(|| secret.clone())
    }
}

#[async_trait]
impl Secrets for KeyVault {
    async fn get(&self, environment: &EnvironmentName, name: &SecretName) -> Result<Option<Secret>> {
        let key = (environment.clone(), name.clone());
        if let Some(secret) = self.kept(&key) {
            return Ok(Some(secret));
        }
        let Some(vault) = self.vaults.get(environment) else {
            let reason = format!("no vault is set for {environment}; add it to `vaults` of Key Vault");
            return Err(PortError::permanent(SERVICE, reason));
        };
        let url = http::join(&vault.base, &["secrets", name.as_str(), ""], &[API_VERSION]);
        let bundle: Bundle = match vault.client.read(Call::get(url, &READ).private()).await {
            Ok(bundle) => bundle,
            Err(error) if error.kind == Kind::Gone && error.code == "SecretNotFound" => return Ok(None),
            Err(error) => return Err(of(error.into_port(), environment, name)),
        };
        let secret = Secret::new(bundle.value);
        let kept = (secret.clone(), self.clock.now());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, kept);
        Ok(Some(secret))
    }

    async fn forget(&self, environment: &EnvironmentName, name: &SecretName) -> Result<()> {
        let key = (environment.clone(), name.clone());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        Ok(())
    }
}

/// The error with what it is about: the call says what it takes, and not for what.
fn of(error: PortError, environment: &EnvironmentName, name: &SecretName) -> PortError {
    let about = |reason: String| format!("{reason} (about {name} of {environment})");
    match error {
        PortError::Transient { backend, reason } => PortError::Transient { backend, reason: about(reason) },
        PortError::Permanent { backend, reason } => PortError::Permanent { backend, reason: about(reason) },
        conflict @ PortError::Conflict { .. } => conflict,
    }
}

impl fmt::Display for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.vaults.values().filter_map(|vault| vault.base.host_str()).collect();
        write!(f, "Azure Key Vault {}", hosts.join(", "))
    }
}

impl fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
