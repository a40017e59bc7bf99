//! Timer triggers: each function sleeps until its next tick, and runs once at a time.

use std::sync::Arc;
use std::time::Duration;

use azure_functions::host::{ScheduleStatus, Tick};
use jiff::{SignedDuration, Timestamp};
use pipeline::schedule::Schedule;
use tracing::error;

use super::HostError;
use super::app::Entry;
use super::bus::call;
use super::handler::{Handler, report};
use super::stop::Stop;

/// The clock on the wall may jump (a laptop sleeps), so nobody relies on it for longer than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(15 * 60);

/// A tick that comes later than this is past due.
const LATE: SignedDuration = SignedDuration::from_secs(1);

/// Timers that tick more often have no record.
const WITHOUT_RECORD: SignedDuration = SignedDuration::from_secs(60);

/// When a function's timer ticks.
pub(super) fn schedule(function: &str, schedule: &str) -> Result<Schedule, HostError> {
    let wrong = |reason| HostError::Schedule { function: function.to_owned(), schedule: schedule.to_owned(), reason };
    Schedule::parse(schedule).map_err(wrong)
}

/// Runs one function when it is time.
pub(super) struct Timer {
    pub entry: Arc<Entry>,
    pub schedule: Schedule,
    pub handler: Arc<Handler>,
    pub stop: Stop,
}

impl Timer {
    pub async fn run(self) {
        let started = Timestamp::now();
        let mut last = None;
        let mut due = self.schedule.after(started);
        while let Some(tick) = due {
            tokio::select! {
                () = self.stop.requested() => return,
                () = until(tick) => {}
            }
            let now = Timestamp::now();
            let status = self.has_record(tick).then_some(ScheduleStatus {
                last,
                next: tick,
                last_updated: last.unwrap_or(started),
            });
            self.fire(&Tick { status, is_past_due: now.duration_since(tick) > LATE }).await;
            last = Some(now);
            // A tick that fell into the run is made up for at once, and only one.
            let missed = self.schedule.after(tick).filter(|next| *next <= Timestamp::now());
            due = missed.and_then(|_| self.last_before(Timestamp::now(), tick)).or_else(|| self.schedule.after(tick));
        }
        error!("Function `{}` will never run: its schedule has no further tick", self.entry.name);
    }

    async fn fire(&self, tick: &Tick) {
        if let Err(error) = self.handler.invoke(&self.entry, call(&self.entry).timer(tick)).await {
            report(&self.entry, &error, "it runs again at its next tick");
        }
    }

    /// The last of the ticks between the two times.
    fn last_before(&self, now: Timestamp, after: Timestamp) -> Option<Timestamp> {
        self.schedule.until(now).filter(|tick| *tick > after)
    }

    fn has_record(&self, tick: Timestamp) -> bool {
        let next = self.schedule.after(tick);
        next.is_none_or(|next| next.duration_since(tick) >= WITHOUT_RECORD)
    }
}

/// A run by hand is a tick without a past.
pub(super) fn by_hand(entry: &Entry) -> String {
    call(entry).timer(&Tick { status: None, is_past_due: false })
}

async fn until(time: Timestamp) {
    loop {
        let left = Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default();
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}
