//! Jobs as processes. Each has a folder with all that is known of it, and a supervisor process that does the work and
//! outlives the host; the host starts supervisors, waits for their end and tells the pipeline.
//!
//! ```text
//! submit --> folder --> queue --> supervisor --result.json--> artifacts --> JobFinished
//!                         ^           |
//!                         `--killed---' (three starts in all, then it has failed)
//! ```
//!
//! A supervisor holds the lock in its folder from its first to its last moment, so whether it is alive is a question
//! that the system answers, also to a host that did not start it.

mod command;
pub(crate) mod files;
mod folder;
mod load;
pub(crate) mod log;
mod outputs;
mod platform;
pub(crate) mod process;
mod stop;
mod supervise;
#[cfg(test)]
mod tests;
pub(crate) mod unpack;
mod watch;

pub use log::Log;
pub use platform::{LocalJobs, Settings, UnpackImage};
pub use supervise::supervise;
