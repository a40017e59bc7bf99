//! Registered models, kept as documents of the store.
//!
//! ```text
//! models/<name>/versions/<10 digits, counting down>   one version; the newest sorts first
//! models/<name>/runs/<run>                            which version this run claims
//! ```
//!
//! A run first claims the version after the newest, then writes it where nothing may be yet. Whoever finds another
//! run's version there moves its claim and tries again. So a run has its version wherever a crash left it, a repeat
//! finds it, and no number is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::Registration;
use pipeline::names::{ModelName, RunId};
use pipeline::release::Model;
use runner::ports::{Expect, ModelRegistry, ModelVersion, PortError, Result, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

const BACKEND: &str = "the local model registry";
/// Ten digits, so that a listing in byte order is one by number.
const LARGEST: u64 = 9_999_999_999;
/// So many others may win before a writer gives up for now.
const TRIES: usize = 100;

/// The model registry on one machine.
#[derive(Debug, Clone)]
pub struct LocalModels {
    store: Arc<dyn Store>,
}

/// Which version a run claims. It moves only when another run's version is found there.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    version: u64,
}

impl LocalModels {
    /// The registry whose documents are in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, String)>> {
        let Some(document) = self.store.get(key).await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&document.body).map_err(|error| {
            let reason = format!("the document {key} cannot be read: {error}");
            PortError::permanent(BACKEND, reason)
        })?;
        Ok(Some((value, document.version)))
    }

    async fn write<T: Serialize + Sync>(&self, key: &str, value: &T, expect: Expect) -> Result<()> {
        let body = serde_json::to_vec(value).expect("documents are plain data");
        self.store.put(key, body, expect).await.map(drop)
    }

    async fn next_version(&self, name: &ModelName) -> Result<u64> {
        let newest = self.store.list(&versions_prefix(name), None, 1).await?;
        match newest.first() {
            Some(key) => version_in(key).map(|version| version + 1),
            None => Ok(1),
        }
    }

    /// The version that the run claims now.
    async fn claim(&self, name: &ModelName, run: &RunId) -> Result<(u64, Option<String>)> {
        match self.read::<Claim>(&claim_key(name, run)).await? {
            Some((claim, document)) => Ok((claim.version, Some(document))),
            None => Ok((self.next_version(name).await?, None)),
        }
    }
}

impl fmt::Display for LocalModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BACKEND} in {}", self.store)
    }
}

#[async_trait]
impl ModelRegistry for LocalModels {
    async fn register(&self, registration: &Registration) -> Result<Model> {
        let name = &registration.name;
        let run = &registration.lineage.run;
        let claim_key = claim_key(name, run);

        for _ in 0..TRIES {
            let (version, claimed) = self.claim(name, run).await?;
            if claimed.is_none() {
                match self.write(&claim_key, &Claim { version }, Expect::Absent).await {
                    Ok(()) => {}
                    Err(PortError::Conflict { .. }) => continue,
                    Err(error) => return Err(error),
                }
            }

            let key = version_key(name, version);
            let held = version_of(registration, version);
            match self.write(&key, &held, Expect::Absent).await {
                Ok(()) => return Ok(held.model),
                Err(PortError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.read::<ModelVersion>(&key).await? {
                Some((there, _)) if there.lineage.run == *run => return Ok(there.model),
                _ => {}
            }

            // Another run was faster. The claim moves on, unless a repeat of this run has moved it already.
            let Some((_, document)) =
                self.read::<Claim>(&claim_key).await?.filter(|(claim, _)| claim.version == version)
            else {
                continue;
            };
            let claim = Claim { version: self.next_version(name).await? };
            match self.write(&claim_key, &claim, Expect::Version(document)).await {
                Ok(()) | Err(PortError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let reason = format!("too many register versions of {name} at the same time; try again");
        Err(PortError::transient(BACKEND, reason))
    }

    async fn get(&self, name: &ModelName, version: u64) -> Result<Option<ModelVersion>> {
        if version > LARGEST {
            return Ok(None);
        }
        let found = self.read(&version_key(name, version)).await?;
        Ok(found.map(|(version, _)| version))
    }

    async fn tag(&self, name: &ModelName, version: u64, tags: &BTreeMap<String, String>) -> Result<()> {
        let key = version_key(name, version.min(LARGEST));
        for _ in 0..TRIES {
            let Some((mut held, document)) = self.read::<ModelVersion>(&key).await? else {
                let reason = format!("there is no version {version} of {name} to put tags on");
                return Err(PortError::permanent(BACKEND, reason));
            };
            held.tags.extend(tags.clone());
            match self.write(&key, &held, Expect::Version(document)).await {
                Err(PortError::Conflict { .. }) => {}
                done => return done,
            }
        }
        let reason = format!("too many put tags on {name}:{version} at the same time; try again");
        Err(PortError::transient(BACKEND, reason))
    }

    async fn versions(&self, name: &ModelName, limit: usize) -> Result<Vec<ModelVersion>> {
        let keys = self.store.list(&versions_prefix(name), None, limit).await?;
        let mut versions = Vec::with_capacity(keys.len());
        for key in keys {
            versions.extend(self.read(&key).await?.map(|(version, _)| version));
        }
        Ok(versions)
    }
}

fn version_of(registration: &Registration, version: u64) -> ModelVersion {
    ModelVersion {
        model: Model {
            name: registration.name.clone(),
            version,
            digest: registration.digest.clone(),
            metrics: registration.metrics.clone(),
        },
        lineage: registration.lineage.clone(),
        tags: registration.tags.clone(),
    }
}

fn versions_prefix(name: &ModelName) -> String {
    format!("models/{name}/versions/")
}

fn version_key(name: &ModelName, version: u64) -> String {
    format!("{}{:010}", versions_prefix(name), LARGEST - version)
}

fn claim_key(name: &ModelName, run: &RunId) -> String {
    format!("models/{name}/runs/{run}")
}

fn version_in(key: &str) -> Result<u64> {
    let digits = key.rsplit('/').next().unwrap_or_default();
    match digits.parse::<u64>() {
        Ok(left) if left <= LARGEST => Ok(LARGEST - left),
        _ => {
            let reason = format!("the key {key} does not end in a version");
            Err(PortError::permanent(BACKEND, reason))
        }
    }
}
