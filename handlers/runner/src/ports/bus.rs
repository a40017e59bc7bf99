//! Messages between steps.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Result;

/// A message on its way to a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The queue: the name of the function that takes it.
    pub queue: String,
    /// Made from what caused it. A second one with the same id within ten minutes is dropped by the bus.
    pub id: String,
    /// Messages of one session are taken one after the other, in order. None where order does not matter.
    pub session: Option<String>,
    /// None: at once.
    pub deliver_at: Option<Timestamp>,
    /// JSON.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// Sends messages; the Functions host delivers them, at least once, to the function named like the queue.
#[async_trait]
pub trait Bus: Debug + Display + Send + Sync {
    /// Sends these, all or none. Sending one twice (by its id) is the same as once. They are durable when this answers.
    async fn send(&self, parcels: Vec<Parcel>) -> Result<()>;
}
