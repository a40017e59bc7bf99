//! How often a call is tried again by itself, before the message that asked for it has to wait for its next turn.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;

use super::error::{CallError, Kind};

/// The longest pause after a service has said that there were too many calls, and not when to come back.
const LONGEST: Duration = Duration::from_secs(30);
/// The first pause; each one after it is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// Tries after the first one, and the longest pause before one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    tries: u32,
    longest: Duration,
}

impl Patience {
    /// Nothing is tried again.
    pub const NONE: Self = Self { tries: 0, longest: Duration::ZERO };
    /// For a service whose calls may be repeated: short weather is waited out, and no function is held up by it.
    pub const SHORT: Self = Self { tries: 3, longest: Duration::from_secs(2) };

    /// How long to wait before another try; None: no more.
    pub fn pause(self, tried: u32, error: &CallError, now: Timestamp) -> Option<Duration> {
        if error.kind != Kind::Unavailable || tried >= self.tries {
            return None;
        }
        if let Some(until) = error.until {
            // Asking before that moment would only be refused again. A little later, for clocks differ.
            let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default() + FIRST;
            return (wait <= self.longest).then_some(wait);
        }
        Some(backoff(tried, self.longest))
    }
}

/// How long to leave a service alone that says for the so-manieth time in a row, counted from 0, that there were too many
/// calls, and not when to come back.
pub(super) fn unpaced(refused: u32) -> Duration {
    backoff(refused, LONGEST)
}

/// Between half of a pause and all of it, so that many who failed together do not come back together.
fn backoff(tried: u32, longest: Duration) -> Duration {
    let full = FIRST.saturating_mul(1 << tried.min(8)).min(longest);
    let chance = RandomState::new().hash_one(tried) % 1000;
    full.mul_f64(0.5 + f64::from(u32::try_from(chance).unwrap_or_default()) / 2000.0)
}
