//! The promises of the ports, one public async function each. Every backend calls them all from its own tests.
//!
//! A function panics where a promise is broken. It makes keys and ids of its own each time, so it can be called on a
//! backend that has other things in it, or that it was called on before.

// A broken promise is a panic here, as in every test.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

pub mod artifacts;
pub mod bus;
pub mod deployments;
pub mod images;
pub mod infrastructure;
pub mod jobs;
pub mod ledger;
pub mod models;
pub mod secrets;
pub mod source;
pub mod store;

/// A name that nobody used before, without anything that a backend could mind in a name.
#[must_use]
pub fn fresh(name: &str) -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    format!("{name}-{:x}-{process:x}-{call:x}", Timestamp::now().as_nanosecond())
}
