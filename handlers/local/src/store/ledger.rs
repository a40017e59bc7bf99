//! Documents and messages in one transaction.

use std::fmt;

use async_trait::async_trait;
use runner::ports::{Ledger, Parcel, Result, Write};

use crate::bus::Broker;

/// The embedded [`Ledger`]: one commit of the one file.
#[derive(Debug, Clone)]
pub struct LocalLedger {
    broker: Broker,
}

impl LocalLedger {
    /// The ledger of a broker and of the documents in the same file.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

impl fmt::Display for LocalLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "documents and {}", self.broker)
    }
}

#[async_trait]
impl Ledger for LocalLedger {
    async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>> {
        self.broker.commit(writes, parcels).await.map_err(|error| error.for_port("local ledger"))
    }

    fn is_atomic(&self) -> bool {
        true
    }
}
