//! Azure Service Bus, as far as a sender sees it, and a receiver for tests.
//!
//! [`Namespace`] speaks AMQP 1.0 on a port of its own, frame by frame, as the service does in what senders have seen of it:
//! `$cbs` before all else, a null target and then a detach for a queue that is not there, dispositions that are settled,
//! batches of format 0x80013700. [`Rest`] is the same over HTTP, a part of the other fakes. Behind both are [`Queues`].
//!
//! Sources: [AMQP 1.0 in Azure Service Bus](https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide),
//! [Send Message](https://learn.microsoft.com/rest/api/servicebus/send-message-to-queue),
//! [message headers and properties](https://learn.microsoft.com/rest/api/servicebus/message-headers-and-properties).

mod connection;
mod delivery;
mod fault;
mod frames;
mod namespace;
mod queues;
mod rest;
mod signature;
mod transfers;

pub use fault::Fault;
pub use namespace::{Namespace, PutToken};
pub use queues::{Kind, Message, Queues, Refusal};
pub use rest::Rest;
