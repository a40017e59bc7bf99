//! The host's half of the talk, for a small host of one's own: what a request says, and what an answer means.
//!
//! A [`Call`] renders the body of a request as the real host does, byte for byte (the fixtures are rebuilt from their
//! parts in this crate's tests); [`Answer::read`] judges what came back as the real host does. Connections, processes
//! and triggers are the caller's.

mod answer;
mod envelope;
mod http;
mod json;
mod queue;

pub use answer::{Answer, BadAnswer, HttpAnswer};
pub use envelope::{Call, ScheduleStatus, Tick};
pub use http::{CallerRequest, RequestBody};
pub use queue::QueueMessage;

/// The version of the real host whose habits these are.
pub const HOST_VERSION: &str = "4.1037.0";

#[cfg(test)]
mod tests;
