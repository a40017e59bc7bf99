//! Bad days, on purpose and in the same order every time.
//!
//! Every call of every port is a point. A crash test runs once undisturbed, asks how many points there were, and then
//! runs again for each of them with a fault at that one:
//!
//! ```text
//! for n in 1..=points { machine.faults.at(n, Fault::CrashBefore); run; machine.faults.revive(); run on; compare }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::{BACKEND, lock};
use crate::ports::{PortError, Result};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The process dies before the call has any effect.
    CrashBefore,
    /// The process dies after the call had its effect, before it learns of it.
    CrashAfter,
    /// The call has its effect and answers `Transient`.
    LostReply,
    /// The call has no effect and answers `Transient`.
    Busy,
    /// The call has no effect and answers `Conflict`. Only `store.put` and `ledger.commit` can; others go ahead.
    Conflict,
    /// The call has no effect and answers `Permanent`.
    Refused,
}

impl Fault {
    /// All of them, for tests that try each.
    pub const ALL: [Self; 6] =
        [Self::CrashBefore, Self::CrashAfter, Self::LostReply, Self::Busy, Self::Conflict, Self::Refused];
}

const DEAD: &str = "the test has stopped this process";

/// Shared by all ports of one machine: counts their calls and spoils the ones that a test names.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    trace: Vec<String>,
    counted: usize,
    plan: BTreeMap<usize, Fault>,
    next: Vec<(String, Fault)>,
    dead: bool,
    quiet: bool,
}

impl Faults {
    /// Spoils the point with this number, from 1, counted since the last [`forget`](Self::forget).
    pub fn at(&self, number: usize, fault: Fault) {
        lock(&self.0).plan.insert(number, fault);
    }

    /// Spoils the next call with this name: `store.put`. Said twice, the next two.
    pub fn at_next(&self, name: &str, fault: Fault) {
        lock(&self.0).next.push((name.to_owned(), fault));
    }

    /// How many points were passed.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.0).counted
    }

    /// The points that were passed, with what they were about: `store.put runs/r1`.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        lock(&self.0).trace.clone()
    }

    /// Counts from 1 again and forgets the faults that have not happened.
    pub fn forget(&self) {
        let mut state = lock(&self.0);
        *state = State { dead: state.dead, quiet: state.quiet, ..State::default() };
    }

    /// Counts but keeps no trace, for benches and long runs.
    pub fn keep_no_trace(&self) {
        lock(&self.0).quiet = true;
    }

    /// Whether a crash has happened and nobody has revived the process.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        lock(&self.0).dead
    }

    /// Starts the process again: calls get through from now on.
    pub fn revive(&self) {
        lock(&self.0).dead = false;
    }

    /// Whether this error is a crash that a test asked for, or a call of the process after its death.
    #[must_use]
    pub fn is_crash(error: &PortError) -> bool {
        matches!(error, PortError::Transient { reason, .. } if reason == DEAD)
    }

    /// Lets a call in, or not. What it answers goes through [`Passage::leave`].
    pub fn point(&self, name: &'static str, key: &str) -> Result<Passage<'_>> {
        let mut state = lock(&self.0);
        if state.dead {
            return Err(dead());
        }
        state.counted += 1;
        if !state.quiet {
            state.trace.push(format!("{name} {key}"));
        }
        let number = state.counted;
        let by_name = state.next.iter().position(|(next, _)| next == name);
        let fault = match by_name {
            Some(at) => Some(state.next.remove(at).1),
            None => state.plan.remove(&number),
        };
        let after = match fault {
            None => None,
            Some(fault @ (Fault::CrashAfter | Fault::LostReply)) => Some(fault),
            Some(Fault::CrashBefore) => {
                state.dead = true;
                return Err(dead());
            }
            Some(Fault::Busy) => {
                let reason = format!("{name} of {key} is busy, as the test wants it; try again");
                return Err(PortError::transient(BACKEND, reason));
            }
            Some(Fault::Refused) => {
                let reason = format!("{name} of {key} is refused, as the test wants it");
                return Err(PortError::permanent(BACKEND, reason));
            }
            Some(Fault::Conflict) if matches!(name, "store.put" | "ledger.commit") => {
                return Err(PortError::conflict(BACKEND, key));
            }
            Some(Fault::Conflict) => None,
        };
        Ok(Passage { faults: self, after })
    }

    /// Lets a call through that does its work at once.
    pub(super) fn around<T>(&self, name: &'static str, key: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let passage = self.point(name, key)?;
        passage.leave(work())
    }
}

/// A call on its way.
#[must_use]
pub struct Passage<'a> {
    faults: &'a Faults,
    after: Option<Fault>,
}

impl Passage<'_> {
    /// What the caller gets to know of the result.
    pub fn leave<T>(self, result: Result<T>) -> Result<T> {
        let mut state = lock(&self.faults.0);
        match self.after {
            Some(Fault::CrashAfter) => state.dead = true,
            Some(Fault::LostReply) if result.is_ok() => {
                let reason = "the reply is lost, as the test wants it; try again";
                return Err(PortError::transient(BACKEND, reason));
            }
            _ => {}
        }
        // A call that was under way when another one's crash came learns nothing either.
        if state.dead { Err(dead()) } else { result }
    }
}

fn dead() -> PortError {
    PortError::transient(BACKEND, DEAD)
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0);
        let dead = if state.dead { ", dead" } else { "" };
        write!(f, "{} points{dead}", state.counted)
    }
}
