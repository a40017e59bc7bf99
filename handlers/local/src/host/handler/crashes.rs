//! When the host gives up on a handler: the third crash with less than half an hour between one and the next.

use std::time::{Duration, Instant};

const LIMIT: u32 = 3;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 60);

/// The crashes so far.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    count: u32,
    last: Option<Instant>,
}

impl Crashes {
    /// Counts one more; the answer is the count if it is one too many.
    pub fn count(&mut self, now: Instant) -> Option<u32> {
        let is_old = self.last.is_some_and(|last| now.duration_since(last) > FORGOTTEN_AFTER);
        self.count = if is_old { 1 } else { self.count + 1 };
        self.last = Some(now);
        (self.count >= LIMIT).then_some(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_crash_in_a_row_is_one_too_many() {
        let mut crashes = Crashes::default();
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert_eq!(crashes.count(start), None);
        assert_eq!(crashes.count(minutes(29)), None);
        assert_eq!(crashes.count(minutes(58)), Some(3));
    }

    #[test]
    fn a_crash_is_forgotten_after_half_an_hour_of_peace() {
        let mut crashes = Crashes::default();
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        for at in [0, 1, 32, 33] {
            assert_eq!(crashes.count(minutes(at)), None, "{at}");
        }
        assert_eq!(crashes.count(minutes(34)), Some(3));
    }
}
