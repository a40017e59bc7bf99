//! What a delivery decides. Nothing here waits, reads a clock or touches the world: a decision is a plain function
//! from what is known (the run, one event, the time) to what should happen (a new state, effects, messages).

pub mod comment;
pub mod decision;
pub mod effect;
pub mod environment;
pub mod event;
pub mod infrastructure;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod release;
pub mod run;
pub mod schedule;
pub mod steps;
pub mod why;

mod advance;

pub use advance::{advance, may_retry, start};
