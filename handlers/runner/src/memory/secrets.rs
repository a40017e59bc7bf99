//! Secrets that a test sets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::names::{EnvironmentName, SecretName};

use super::{lock, named};
use crate::ports::{Result, Secret, Secrets};

/// Secrets that nobody keeps a copy of.
#[derive(Default)]
pub struct MemorySecrets {
    values: Mutex<BTreeMap<(EnvironmentName, SecretName), Secret>>,
}

named!(MemorySecrets, "secrets in memory");

impl MemorySecrets {
    /// Gives a secret a value.
    pub fn set(&self, environment: &EnvironmentName, name: &SecretName, value: &str) {
        lock(&self.values).insert((environment.clone(), name.clone()), Secret::new(value));
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, environment: &EnvironmentName, name: &SecretName) -> Result<Option<Secret>> {
        Ok(lock(&self.values).get(&(environment.clone(), name.clone())).cloned())
    }

    async fn forget(&self, _environment: &EnvironmentName, _name: &SecretName) -> Result<()> {
        Ok(())
    }
}
