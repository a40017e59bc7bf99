//! Scoring images.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::effect::BuildSpec;
use pipeline::names::{BuildName, Digest};
use serde::{Deserialize, Serialize};

use super::Result;

/// How a build does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BuildStatus {
    /// No such build.
    Unknown,
    /// At work.
    Running,
    /// The image is there.
    Built {
        /// Its digest.
        digest: Digest,
    },
    /// It could not be built.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Builds and keeps scoring images. An image is known by its digest, never by a tag.
#[async_trait]
pub trait Images: Debug + Display + Send + Sync {
    /// Builds a name once, however often it is asked; answers how the build does. The same inputs give the same digest.
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus>;

    /// How a build does.
    async fn status(&self, build: &BuildName) -> Result<BuildStatus>;

    /// Whether an image is there.
    async fn has(&self, image: &Digest) -> Result<bool>;
}
