//! Versioned documents.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Result;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Changes with each write; says nothing else.
    pub version: String,
    /// JSON.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// What a document must be for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// It must not be there.
    Absent,
    /// It must be at this version.
    Version(String),
    /// Whatever it is.
    Anything,
}

/// Versioned documents by key. Keys are paths of names: `runs/<id>`, `environments/<project>/<environment>`.
#[async_trait]
pub trait Store: Debug + Display + Send + Sync {
    /// The document, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Document>>;

    /// Writes a document and answers its new version. A document that is not what is expected is a `Conflict` and stays.
    async fn put(&self, key: &str, body: Vec<u8>, expect: Expect) -> Result<String>;

    /// Removes a document; one that is not there is removed already.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Keys that begin with `prefix`, in byte order, at most `limit` of them, all after `after`. Cheap at any size.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>>;
}
