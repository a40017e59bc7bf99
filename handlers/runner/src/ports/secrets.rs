//! What nobody is to see.

use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use pipeline::names::{EnvironmentName, SecretName};

use super::Result;

/// A secret's value. It is not in logs, in errors, in messages or in documents: it has no text and cannot be saved.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// This value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Keeps secrets of environments: the key that a deployment asks for, the password of a registry.
///
/// Backends that need a secret are given this port. The loop is not: what it knows is written down.
#[async_trait]
pub trait Secrets: Debug + Display + Send + Sync {
    /// The value, if there is such a secret. It may be some minutes old.
    async fn get(&self, environment: &EnvironmentName, name: &SecretName) -> Result<Option<Secret>>;

    /// Forgets a value that is refused where it is used, so that the next [`get`](Self::get) reads it anew: it may have
    /// been exchanged meanwhile. One that is not known is forgotten already.
    async fn forget(&self, environment: &EnvironmentName, name: &SecretName) -> Result<()>;
}
