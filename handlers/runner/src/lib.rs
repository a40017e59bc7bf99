//! The loop between decisions and the world: load, decide, save, perform, send. And the traits of that world.

mod builds;
pub mod conformance;
mod infrastructure;
pub mod intake;
pub mod keys;
mod later;
pub mod memory;
mod people;
mod perform;
pub mod ports;
pub mod reception;
mod records;
pub mod reports;
mod retrain;
mod runner;
pub mod snapshot;
mod sweep;
pub mod watch;

pub use people::STATUS_CONTEXT;
pub use runner::{Handled, Runner};
pub use sweep::Swept;
