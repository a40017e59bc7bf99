//! One folder for each step. Its head is the table of its transitions; its `decide` is all that it decides.
//!
//! A step answers `None` to news that comes late, twice or is about something else: that changes nothing, and is
//! recorded as ignored.

use crate::decision::{Context, Decision};
use crate::event::{Event, Step};
use crate::run::StepRecord;

pub mod approve;
pub mod check;
pub mod deploy;
pub mod evaluate;
mod job;
pub mod package;
pub mod profile;
pub mod provision;
pub mod register;
pub mod rollback;
pub mod smoke_test;
pub mod test_image;
#[cfg(test)]
pub(crate) mod testing;
pub mod train;

/// Decides what a step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    match cx.key.step {
        Step::Check => check::decide(record, event, cx),
        Step::Provision => provision::decide(record, event, cx),
        Step::Train => train::decide(record, event, cx),
        Step::Evaluate => evaluate::decide(record, event, cx),
        Step::Register => register::decide(record, event, cx),
        Step::Package => package::decide(record, event, cx),
        Step::TestImage => test_image::decide(record, event, cx),
        Step::Profile => profile::decide(record, event, cx),
        Step::Deploy => deploy::decide(record, event, cx),
        Step::SmokeTest => smoke_test::decide(record, event, cx),
        Step::Approve => approve::decide(record, event, cx),
        Step::Rollback => rollback::decide(record, event, cx),
    }
}
