//! The tick of a timer trigger.
//!
//! Source: `src/WebJobs.Extensions/Extensions/Timers/TimerInfo.cs` in `Azure/azure-webjobs-sdk-extensions`.

use jiff::Timestamp;

use crate::{DecodeError, Invocation, Value};

/// One tick. The times are absent for a timer without a monitor, and for one that ticks more than once a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// Whether the tick comes late, for instance because no instance was up.
    pub is_past_due: bool,
    /// When the run before this one began, if there was one.
    pub last: Option<Timestamp>,
    /// The tick that was due next when the last run ended: about now.
    pub next: Option<Timestamp>,
    /// When `last` and `next` were written.
    pub last_updated: Option<Timestamp>,
}

impl Invocation {
    /// Reads the invocation as a timer's tick.
    ///
    /// # Errors
    ///
    /// When there is no trigger value. A run by hand, whose value is any text, is a tick that is not past due.
    pub fn timer(&self) -> Result<Timer, DecodeError> {
        let timer = self.trigger()?.members();
        let is_past_due = timer.get("IsPastDue").and_then(|late| late.parse().ok());
        let status = timer.get("ScheduleStatus").map(Value::members);
        let status = status.unwrap_or_default();
        let time = |name| status.get(name)?.time().filter(is_set);
        Ok(Timer {
            is_past_due: is_past_due.unwrap_or_default(),
            last: time("Last"),
            next: time("Next"),
            last_updated: time("LastUpdated"),
        })
    }
}

/// Before the first run the host sends .NET's `MinValue`, in some zones a few minutes off.
fn is_set(time: &Timestamp) -> bool {
    *time > Timestamp::UNIX_EPOCH
}
