//! Timer triggers: each function sleeps until its next tick, and runs once at a time.

use std::sync::Arc;
use std::time::Duration;

use azure_functions::host::{ScheduleStatus, Tick};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
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

/// When a timer ticks, in UTC, as in Azure.
#[derive(Debug)]
pub(super) struct Schedule(Cron);

impl Schedule {
    /// Reads six fields, as NCRONTAB has them and no more than that.
    pub fn parse(function: &str, schedule: &str) -> Result<Self, HostError> {
        let wrong = |reason: String| HostError::Schedule {
            function: function.to_owned(),
            schedule: schedule.to_owned(),
            reason,
        };
        if schedule.split_whitespace().count() != 6 {
            return Err(wrong("it has another number of fields".to_owned()));
        }
        // croner knows more marks than the host in Azure.
        let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | ' ' | '\t');
        let is_mark = |word: &str| ["L", "W"].iter().any(|mark| word.eq_ignore_ascii_case(mark));
        let mut words = schedule.split(|c: char| !c.is_ascii_alphanumeric());
        if !schedule.chars().all(is_known) || words.any(is_mark) {
            return Err(wrong("it has marks other than `*`, `,`, `-` and `/`".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
        parser.parse(schedule).map(Self).map_err(|error| wrong(error.to_string()))
    }

    /// The first tick after `time`; None: there is none.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.0.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false);
        next.ok().map(|next| next.timestamp())
    }
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
        let previous = self.schedule.0.find_previous_occurrence(&now.to_zoned(TimeZone::UTC), true);
        previous.ok().map(|tick| tick.timestamp()).filter(|tick| *tick > after)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_tick_when_azure_would() {
        for (schedule, from, next) in [
            ("0 */5 * * * *", "2026-03-17T09:14:12Z", "2026-03-17T09:15:00Z"),
            ("0 * * * * *", "2026-03-17T09:15:00Z", "2026-03-17T09:16:00Z"),
            ("*/10 * * * * *", "2026-03-17T09:14:12.5Z", "2026-03-17T09:14:20Z"),
            ("0 30 9 * * 1-5", "2026-03-20T10:00:00Z", "2026-03-23T09:30:00Z"),
            ("0 0 0 * * Sun", "2026-03-17T09:14:12Z", "2026-03-22T00:00:00Z"),
            ("0 0 0 13 * 5", "2026-03-17T09:14:12Z", "2026-11-13T00:00:00Z"),
            ("0 0 5 1 jan,jul *", "2026-03-17T09:14:12Z", "2026-07-01T05:00:00Z"),
        ] {
            let schedule = Schedule::parse("f", schedule).unwrap();
            assert_eq!(schedule.after(from.parse().unwrap()), Some(next.parse().unwrap()), "{schedule:?}");
        }
    }

    #[test]
    fn what_azure_refuses_is_refused() {
        for schedule in [
            "* * * * *",
            "0 0 0 L * *",
            "0 0 0 * * 1#2",
            "@hourly",
            "0 0 0 1 1 * 2027",
            "0 0 99 * * *",
            "",
            "00:05:00",
            "0 0 0 ? * *",
        ] {
            let error = Schedule::parse("sweep", schedule).unwrap_err().to_string();
            assert!(error.starts_with("function `sweep`: the schedule"), "{error}");
        }
    }
}
