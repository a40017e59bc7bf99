//! Schedules as Azure Functions has them: NCRONTAB, six fields with the seconds first, in UTC.
//!
//! Source: "Timer trigger for Azure Functions", NCRONTAB expressions.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// When something is due, again and again.
#[derive(Debug, Clone)]
pub struct Schedule(Cron);

impl Schedule {
    /// Reads six fields, as NCRONTAB has them and no more than that.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn parse(schedule: &str) -> Result<Self, String> {
        if schedule.split_whitespace().count() != 6 {
            return Err(
                "it has another number of fields than six: second, minute, hour, day, month, weekday".to_owned()
            );
        }
        // croner knows more marks than the host in Azure.
        let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | ' ' | '\t');
        let is_mark = |word: &str| ["L", "W"].iter().any(|mark| word.eq_ignore_ascii_case(mark));
        let mut words = schedule.split(|c: char| !c.is_ascii_alphanumeric());
        if !schedule.chars().all(is_known) || words.any(is_mark) {
            return Err("it has marks other than `*`, `,`, `-` and `/`".to_owned());
        }
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
        parser.parse(schedule).map(Self).map_err(|error| error.to_string())
    }

    /// The first tick after `time`; None: there is none.
    #[must_use]
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.0.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false);
        next.ok().map(|next| next.timestamp())
    }

    /// The last tick at `time` or before it; None: there was none.
    #[must_use]
    pub fn until(&self, time: Timestamp) -> Option<Timestamp> {
        let previous = self.0.find_previous_occurrence(&time.to_zoned(TimeZone::UTC), true);
        previous.ok().map(|tick| tick.timestamp())
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
            let schedule = Schedule::parse(schedule).unwrap();
            let (from, next) = (from.parse().unwrap(), next.parse().unwrap());
            assert_eq!(schedule.after(from), Some(next), "{schedule:?}");
            assert_eq!(schedule.until(next), Some(next), "{schedule:?}");
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
            assert!(Schedule::parse(schedule).is_err(), "{schedule}");
        }
    }
}
