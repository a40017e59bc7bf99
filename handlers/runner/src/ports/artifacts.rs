//! Large objects, known by their digest.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::names::Digest;

use super::Result;

/// Content-addressed objects: snapshots, model files, reports. Never changed, so a repeat is harmless.
#[async_trait]
pub trait Artifacts: Debug + Display + Send + Sync {
    /// Keeps these bytes and answers their digest.
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest>;

    /// The bytes. What is not there is a `Permanent` error that names the digest.
    async fn get(&self, digest: &Digest) -> Result<Vec<u8>>;
}
