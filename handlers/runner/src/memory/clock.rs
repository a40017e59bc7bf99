//! A clock that stands still.

use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::lock;
use crate::ports::Clock;

/// A clock that only a test turns. Clones show the same time.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// Turns it to a moment, also backwards.
    pub fn set(&self, now: Timestamp) {
        *lock(&self.0) = now;
    }

    /// Turns it on.
    pub fn advance_secs(&self, secs: u64) {
        let mut now = lock(&self.0);
        let step = SignedDuration::from_secs(i64::try_from(secs).unwrap_or(i64::MAX));
        *now = now.saturating_add(step).unwrap_or(Timestamp::MAX);
    }

    /// Turns it to a moment unless it is past it already.
    pub fn advance_to(&self, moment: Timestamp) {
        let mut now = lock(&self.0);
        *now = moment.max(*now);
    }
}

impl Default for TestClock {
    /// Shows 2026-01-01 00:00:00 UTC.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Timestamp::constant(1_767_225_600, 0))))
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}
