//! The loop between decisions and the world: load, decide, save, perform, send. And the traits of that world.

pub mod conformance;
pub mod memory;
pub mod ports;
