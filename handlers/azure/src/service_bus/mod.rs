//! Azure Service Bus: messages on their way to queues. They are only sent from here: the Functions host receives.
//!
//! ```text
//! send --> lots: a queue's messages of one session, in order
//!            |-- amqp/     one connection, one link a queue; TLS on port 5671, plain towards an emulator
//!            `-- https.rs  POST {queue}/messages, where nothing but port 443 is let out
//! ```
//!
//! A lot that fits into one batch is taken as a whole or not at all. More than that Service Bus cannot give: over several
//! queues, sessions or batches each message is sent or an error comes back, and sending all of them again is harmless, as
//! each queue drops a second message with the same id (`requiresDuplicateDetection`, ten minutes).
//!
//! Sources: [AMQP 1.0 in Azure Service Bus](https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide),
//! [Send Message](https://learn.microsoft.com/rest/api/servicebus/send-message-to-queue),
//! [Send Message Batch](https://learn.microsoft.com/rest/api/servicebus/send-message-batch).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use runner::ports::{Bus, Clock, Parcel, PortError, Result};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, CallError, Kind, Right};
use crate::roles;

mod amqp;
mod connection_string;
mod https;
mod lots;
mod shared_access;
#[cfg(test)]
mod tests;

pub use connection_string::ConnectionString;

use amqp::Amqp;
use https::Https;

const SERVICE: &str = "Azure Service Bus";
const SEND: Right = Right::role("send a message", roles::SEND);
/// What each message is.
const CONTENT_TYPE: &str = "application/json";
/// Messages of one batch; Service Bus takes 4,500.
const BATCH_COUNT_MAX: usize = 1000;

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceBusTransport {
    /// AMQP 1.0 on port 5671: a connection that is kept. The faster one.
    #[default]
    Amqp,
    /// REST on port 443, for networks that let nothing else out.
    Https,
}

/// Where a namespace is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceBusSettings {
    /// The namespace's host: `contoso.servicebus.windows.net`. With a port where it is not the usual one.
    pub namespace: String,
    /// How messages travel.
    #[serde(default)]
    pub transport: ServiceBusTransport,
    /// Whether it is an emulator on this machine: AMQP without TLS, on port 5672.
    #[serde(default)]
    pub is_emulator: bool,
    /// The address for `https`; without it `https://` and the namespace.
    #[serde(default)]
    pub base: Option<String>,
    /// Bytes of the largest message over `https`: 262,144 in the Standard tier, 1,048,576 and more in Premium. Over AMQP
    /// the service says it.
    #[serde(default = "message_bytes_max")]
    pub message_bytes_max: usize,
    /// How long one try may take, with all that it needs: connection, token, link.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

impl ServiceBusSettings {
    /// A namespace as Azure has it, over AMQP.
    #[must_use]
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            transport: ServiceBusTransport::Amqp,
            is_emulator: false,
            base: None,
            message_bytes_max: message_bytes_max(),
            timeout_secs: timeout_secs(),
        }
    }
}

fn message_bytes_max() -> usize {
    256 << 10
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

/// A namespace of Azure Service Bus.
#[derive(Debug)]
pub struct ServiceBus {
    namespace: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Amqp(Amqp),
    Https(Https),
}

impl ServiceBus {
    /// What an Entra token has to be for.
    pub const RESOURCE: &str = "https://servicebus.azure.net";

    /// The namespace that these settings are about. Nothing is connected before something is sent.
    ///
    /// # Errors
    ///
    /// The namespace is no host, or the address for `https` is none.
    pub fn new(settings: ServiceBusSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let namespace = settings.namespace.clone();
        if namespace.is_empty() || namespace.contains(['/', ' ', '@', '?', '#']) {
            let reason = format!(
                "the namespace of Service Bus is {namespace:?}, which is no host; it must look like \
                 contoso.servicebus.windows.net"
            );
            return Err(PortError::permanent("settings", reason));
        }
        let way = match settings.transport {
            ServiceBusTransport::Amqp => Way::Amqp(Amqp::new(settings, credential, clock)?),
            ServiceBusTransport::Https => Way::Https(Https::new(settings, credential, clock)?),
        };
        Ok(Self { namespace, way })
    }
}

#[async_trait]
impl Bus for ServiceBus {
    async fn send(&self, parcels: Vec<Parcel>) -> Result<()> {
        let lots = lots::lots(parcels);
        let sent = match &self.way {
            Way::Amqp(amqp) => amqp.send(&lots).await,
            Way::Https(https) => https.send(&lots).await,
        };
        sent.map_err(CallError::into_port)
    }
}

impl fmt::Display for ServiceBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {}", self.namespace)
    }
}

/// There is no such queue, and what to do about it.
fn gone(queue: &str, namespace: &str, said: &str) -> CallError {
    let reason = format!(
        "could not send a message: {namespace} has no queue {queue} ({said}). Every function of a step needs a queue of \
         its name: deploy the infrastructure again, then try the run again"
    );
    CallError::without_answer(Kind::Gone, SERVICE, reason)
}

/// A message is larger than the namespace takes.
fn too_large(parcel: &Parcel, bytes: usize, bytes_max: usize, namespace: &str) -> CallError {
    let reason = format!(
        "message {} for queue {} has {bytes} bytes, and {namespace} takes {bytes_max} (256 KB in the Standard tier, 1 MB \
         and more in Premium): what is large belongs into the artifacts, or the namespace into another tier",
        parcel.id, parcel.queue
    );
    CallError::refused(SERVICE, reason)
}
