//! What the broker, what it has written and the timer have in common.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::warn;

use super::commit::Flush;
use super::recent::Recent;
use super::state::State;
use crate::database::Database;

/// Completions wait this long for a commit that happens anyway. One that a crash loses is a message delivered twice,
/// which every receiver must bear.
pub(super) const COMPLETIONS_WITHIN: Duration = Duration::from_millis(5);
/// Delivery counts are for messages that crash whoever gets them; a count that matters is seldom.
pub(super) const COUNTS_WITHIN: Duration = Duration::from_secs(1);
/// After a commit of settlements that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The clock on the wall may jump (a laptop sleeps), so nobody relies on it for longer than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

pub(super) struct Shared {
    inside: Mutex<Inside>,
    recent: Mutex<Recent>,
    timer: Condvar,
}

pub(super) struct Inside {
    pub state: State,
    /// A [`Flush`] is on its way to a commit, and will take what is unsettled by then.
    flush_queued: bool,
    retry_at: Option<Instant>,
    timer_wakes: Option<Instant>,
    closing: bool,
}

impl Shared {
    pub fn new(state: State, recent: Recent) -> Arc<Self> {
        Arc::new(Self {
            inside: Mutex::new(Inside {
                state,
                flush_queued: false,
                retry_at: None,
                timer_wakes: None,
                closing: false,
            }),
            recent: Mutex::new(recent),
            timer: Condvar::new(),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what is unsettled written within this time.
    pub fn settle_within(self: &Arc<Self>, inside: &mut Inside, database: &Database, within: Duration) {
        if inside.state.unsettled.is_empty() {
            return;
        }
        if inside.flush_queued {
            database.commit_within(within);
        } else {
            inside.flush_queued = true;
            database.submit(Box::new(Flush::new(Arc::clone(self))), Some(within));
        }
    }

    /// Wakes the timer if something is due before it would look.
    pub fn set_timer(&self, inside: &Inside) {
        let now = Instant::now();
        if let Some(wait) = inside.next_due(now)
            && inside.timer_wakes.is_none_or(|wakes| now + wait < wakes)
        {
            self.timer.notify_one();
        }
    }

    /// Ends the timer.
    pub fn close(&self) {
        self.lock().closing = true;
        self.timer.notify_one();
    }

    /// Does what the time demands, until [`close`](Self::close).
    pub fn run_timer(self: &Arc<Self>, database: &Database) {
        let mut inside = self.lock();
        while !inside.closing {
            let now = Instant::now();
            inside.state.advance(Timestamp::now(), now);
            if inside.retry_at.is_none_or(|at| at <= now) {
                inside.retry_at = None;
                self.settle_within(&mut inside, database, COMPLETIONS_WITHIN);
            }
            inside = match inside.next_due(now) {
                Some(wait) => {
                    let wait = wait.min(LONGEST_SLEEP);
                    inside.timer_wakes = Some(now + wait);
                    let (inside, _) = self.timer.wait_timeout(inside, wait).unwrap_or_else(PoisonError::into_inner);
                    inside
                }
                None => {
                    inside.timer_wakes = None;
                    self.timer.wait(inside).unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }
}

impl Inside {
    /// Settlements to be written now.
    pub fn take_unsettled(&mut self) -> Vec<super::state::Settlement> {
        self.flush_queued = false;
        std::mem::take(&mut self.state.unsettled)
    }

    /// Settlements that could not be written, for another try.
    pub fn put_back(&mut self, mut settlements: Vec<super::state::Settlement>, error: &crate::database::DatabaseError) {
        let count = settlements.len();
        warn!("{count} settled messages could not be recorded, and will be again: {error}");
        settlements.append(&mut self.state.unsettled);
        self.state.unsettled = settlements;
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    fn next_due(&self, now: Instant) -> Option<Duration> {
        let retry = self.retry_at.map(|at| at.saturating_duration_since(now));
        let due = self.state.next_due(Timestamp::now(), now);
        retry.into_iter().chain(due).min()
    }
}
