//! What an invocation says, in the words of its trigger.
//!
//! Each view reads the trigger's value and, where the trigger has any, its `Metadata`. All of them take what the host
//! sends, tolerate what it leaves out, and leave the rest to [`Invocation::trigger`](crate::Invocation::trigger).

mod event_grid;
mod http_request;
mod service_bus;
mod timer;

pub use event_grid::EventGridEvent;
pub use http_request::{Claim, HttpRequest, Identity};
pub use service_bus::{BatchEncoding, BatchMessage, ServiceBusMessage};
pub use timer::Timer;
