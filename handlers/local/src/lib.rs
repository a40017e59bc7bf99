//! The embedded backends: all that Azure is to a delivery, on one machine.
//!
//! State is one SQLite file plus folders below one home. What a backend promises is in `runner::ports`, and it is held
//! to the same `runner::conformance` functions as every other backend.

pub mod artifacts;
pub mod bus;
pub mod database;
pub mod deployments;
pub mod home;
pub mod host;
pub mod images;
pub mod infrastructure;
pub mod jobs;
pub mod link;
pub mod machine;
pub mod models;
pub mod python;
pub mod secrets;
pub mod source;
pub mod store;
