//! Documents and the messages that follow from them.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Bus, Expect, Parcel, Result, Store};

/// One write of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Which document.
    pub key: String,
    /// What it becomes; None: it is removed.
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
    /// What it must be.
    pub expect: Expect,
}

/// Writes documents and sends the messages that follow from them.
///
/// Where store and bus are one database this is one transaction ([`is_atomic`](Self::is_atomic)). Elsewhere the first
/// write decides: it carries the messages in its own outbox, so that a crash before they are sent loses none.
#[async_trait]
pub trait Ledger: Debug + Display + Send + Sync {
    /// Performs the writes in this order, then sends the messages. Answers the new version of each written document
    /// (empty for a removed one). A `Conflict` on any write means that nothing was sent; where the ledger is not
    /// atomic the writes before it stay.
    async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>>;

    /// Whether a crash leaves either all of a commit or nothing.
    fn is_atomic(&self) -> bool;
}

/// The ledger of a store and a bus that know nothing of each other.
#[derive(Debug, Clone)]
pub struct SaveThenSend {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

impl SaveThenSend {
    /// Joins them.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus }
    }
}

impl Display for SaveThenSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, then {}", self.store, self.bus)
    }
}

#[async_trait]
impl Ledger for SaveThenSend {
    async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>> {
        let mut versions = Vec::with_capacity(writes.len());
        for write in writes {
            versions.push(match write.body {
                Some(body) => self.store.put(&write.key, body, write.expect).await?,
                None => self.store.delete(&write.key).await.map(|()| String::new())?,
            });
        }
        if !parcels.is_empty() {
            self.bus.send(parcels).await?;
        }
        Ok(versions)
    }

    fn is_atomic(&self) -> bool {
        false
    }
}
