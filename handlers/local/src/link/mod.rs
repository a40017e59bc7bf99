//! The ports of another process: the handler's calls, performed by the host that holds the backends.
//!
//! ```text
//! handler: Ports --> Remote --> Connection === one Unix socket, frames ===> serve --> Ports :host
//!                                  (many calls in flight, answered in any order)
//! ```
//!
//! A frame is a length, the number of the call, what it is (a method, or how it went) and a MessagePack body. The
//! first frame is the handshake: a token, and the version that both must speak. When the connection is lost, calls
//! under way and those that follow answer `Transient`, and the next call dials again.
//!
//! The clock is not carried: both processes are on one machine.

mod client;
mod connection;
mod frame;
mod method;
mod remote;
mod server;
mod socket;

#[cfg(test)]
mod tests;

pub use client::{LinkError, connect};
pub use frame::FRAME_MAX;
pub use server::{listen, place, serve};

/// What errors of the link call themselves.
const BACKEND: &str = "link";

/// The version of the frames. Both ends are one binary, except for a moment while it is replaced.
const VERSION: u32 = 1;

/// The first frame.
#[derive(serde::Serialize, serde::Deserialize)]
struct Hello<'a> {
    version: u32,
    #[serde(borrow)]
    token: std::borrow::Cow<'a, str>,
}

/// The answer to it: what a caller wants to know without asking each time.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Welcome {
    /// Whether the host's ledger is.
    is_atomic: bool,
    /// What the host's backends call themselves, in the order of the fields of `Ports`.
    names: [String; 9],
}
