//! The crate from outside: what the host sends over a real socket, and the files that the host reads.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod answers;
mod files;
mod odd_envelopes;
mod replay;
mod support;
mod views;
