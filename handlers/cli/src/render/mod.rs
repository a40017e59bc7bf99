//! How what the host says is shown: pure functions from its answers to text.

pub(crate) mod events;
pub(crate) mod page;
pub(crate) mod sentences;
pub(crate) mod steps;
pub(crate) mod tables;
pub(crate) mod watches;
