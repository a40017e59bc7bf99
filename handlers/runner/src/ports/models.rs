//! Registered models.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::effect::Registration;
use pipeline::names::ModelName;
use pipeline::release::{Lineage, Model};
use serde::{Deserialize, Serialize};

use super::Result;

/// A version as the registry holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// Name, version, digest and metrics.
    pub model: Model,
    /// Where it comes from.
    pub lineage: Lineage,
    /// What people look for.
    pub tags: BTreeMap<String, String>,
}

/// Registered models and their versions.
#[async_trait]
pub trait ModelRegistry: Debug + Display + Send + Sync {
    /// Registers a version. A second registration for the same name and run answers the first one's version.
    async fn register(&self, registration: &Registration) -> Result<Model>;

    /// A version, if there is one.
    async fn get(&self, name: &ModelName, version: u64) -> Result<Option<ModelVersion>>;

    /// Adds tags to a version; the same tag twice takes the newer value.
    async fn tag(&self, name: &ModelName, version: u64, tags: &BTreeMap<String, String>) -> Result<()>;

    /// The versions of a model, newest first, at most `limit`.
    async fn versions(&self, name: &ModelName, limit: usize) -> Result<Vec<ModelVersion>>;
}
