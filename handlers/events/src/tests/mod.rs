//! What every sender's tests use, and the tests that are about all senders.

mod hostile;
mod properties;
pub(crate) mod samples;
mod watched;
