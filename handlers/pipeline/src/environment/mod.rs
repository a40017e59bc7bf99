//! An environment: what serves there, who may change it, what could be put back.
//!
//! ```text
//! free --Acquire--> held by a run --Deployed--> unproven --Proven--> free
//!                        |                         `-----Failed--> free, the last good release serves
//!                        `--Leave--> free
//! ```
//!
//! One run at a time changes an environment; the others queue, in order. That is what makes "the model that serves"
//! a fact that an evaluation can rest on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{EnvironmentEvent, Event, Message, StepKey};
use crate::names::{Digest, EnvironmentName, Project, RunId};
use crate::release::Release;
use crate::run::Letter;

/// How many good releases are kept to go back to.
const KEPT: usize = 3;
/// How many changes people can look back on.
const REMEMBERED: usize = 50;

/// An environment's document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Whose.
    pub project: Project,
    /// Which.
    pub name: EnvironmentName,
    /// What serves; None: nothing.
    pub current: Option<Release>,
    /// Whether what serves passed its smoke test here.
    pub proven: bool,
    /// Releases that passed their smoke test here, newest first.
    pub good: Vec<Release>,
    /// Who may change it now.
    pub holder: Option<Claim>,
    /// Who is next, in order.
    pub queue: Vec<Claim>,
    /// Images that failed here. They come back only when a person asks for exactly them.
    pub quarantine: Vec<Digest>,
    /// What changed, newest first.
    pub history: Vec<Change>,
    /// Messages that are to be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Letter>,
}

/// A run's wish to change an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Who.
    pub run: RunId,
    /// Its number.
    pub number: u64,
    /// A person asked for exactly this release.
    pub explicit: bool,
    /// The image that it brings; None: it wants the release before the one that serves.
    pub image: Option<Digest>,
    /// Whom to tell.
    pub reply_to: (StepKey, u32),
    /// Since when.
    pub since: Timestamp,
}

/// One change of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// By which run.
    pub run: RunId,
    /// What, in a sentence.
    pub what: String,
}

impl Environment {
    /// An environment in which nothing was ever deployed.
    #[must_use]
    pub fn new(project: Project, name: EnvironmentName) -> Self {
        Self {
            project,
            name,
            current: None,
            proven: false,
            good: Vec::new(),
            holder: None,
            queue: Vec::new(),
            quarantine: Vec::new(),
            history: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// The release to compare with: what serves and was proven here, or the last that was.
    #[must_use]
    pub fn champion(&self) -> Option<&Release> {
        match &self.current {
            Some(current) if self.proven => Some(current),
            _ => self.good.first(),
        }
    }

    /// Takes an event of a run; `cause` is the message that brought it. Answers what the run is told at once.
    pub fn take(&mut self, run: &RunId, event: &EnvironmentEvent, cause: &str, now: Timestamp) -> Option<Event> {
        match event {
            EnvironmentEvent::Acquire { number, image, explicit, reply_to } => {
                let claim = Claim {
                    run: run.clone(),
                    number: *number,
                    explicit: *explicit,
                    image: image.clone(),
                    reply_to: reply_to.clone(),
                    since: now,
                };
                Some(self.acquire(claim))
            }
            EnvironmentEvent::Deployed { release } => {
                if self.is_held_by(run) && self.current.as_ref() != Some(&**release) {
                    self.remember(now, run, format!("run {} deployed {}", release.number, release.image.short()));
                    self.current = Some((**release).clone());
                    self.proven = false;
                }
                None
            }
            EnvironmentEvent::Proven => {
                if self.is_held_by(run) {
                    if let Some(current) = &self.current {
                        let (number, current) = (current.number, current.clone());
                        self.good.retain(|good| good.deployment != current.deployment);
                        self.good.insert(0, current);
                        self.good.truncate(KEPT + 1);
                        self.proven = true;
                        self.remember(now, run, format!("the release of run {number} passed its smoke test"));
                    }
                    self.pass_on(cause, now);
                }
                None
            }
            EnvironmentEvent::Failed { rolled_back_to } => {
                if self.is_held_by(run) {
                    self.replace_failed(run, rolled_back_to.as_deref(), now);
                    self.pass_on(cause, now);
                }
                None
            }
            EnvironmentEvent::Leave => {
                self.queue.retain(|claim| claim.run != *run);
                if self.is_held_by(run) {
                    self.pass_on(cause, now);
                }
                None
            }
        }
    }

    fn acquire(&mut self, claim: Claim) -> Event {
        if self.is_held_by(&claim.run) {
            let granted = self.granted(&claim);
            self.holder = Some(claim);
            return granted;
        }
        if let Some(refusal) = self.refuse(&claim) {
            self.queue.retain(|queued| queued.run != claim.run);
            return refusal;
        }
        if let Some(holder) = self.holder.as_ref().map(|holder| holder.run.clone()) {
            if let Some(known) = self.queue.iter_mut().find(|queued| queued.run == claim.run) {
                known.reply_to = claim.reply_to;
            } else {
                self.queue.push(claim);
            }
            return Event::EnvironmentBusy { holder };
        }
        self.queue.retain(|queued| queued.run != claim.run);
        let granted = self.granted(&claim);
        self.holder = Some(claim);
        granted
    }

    /// An older run never overwrites a newer one's release, and what failed here does not come back, unless a person asks
    /// for exactly that.
    fn refuse(&self, claim: &Claim) -> Option<Event> {
        if claim.explicit {
            return None;
        }
        if let Some(current) = self.current.as_ref().filter(|current| current.number > claim.number) {
            let reason = format!("run {} is newer and already serves in {}", current.number, self.name);
            return Some(Event::EnvironmentRefused { reason, superseded: true });
        }
        let image = claim.image.as_ref().filter(|image| self.quarantine.contains(image))?;
        let reason = format!(
            "image {} failed in {} before and is in quarantine; a person can bring it back with `trainyard retry`",
            image.short(),
            self.name
        );
        Some(Event::EnvironmentRefused { reason, superseded: false })
    }

    fn granted(&self, claim: &Claim) -> Event {
        let serves = |good: &&Release| self.current.as_ref().is_some_and(|now| now.deployment == good.deployment);
        let last_good = self.good.iter().find(|good| !(claim.image.is_none() && serves(good))).cloned();
        Event::EnvironmentGranted { current: self.current.clone(), last_good }
    }

    fn replace_failed(&mut self, run: &RunId, rolled_back_to: Option<&Release>, now: Timestamp) {
        let failed = self.current.take();
        if let Some(failed) = &failed {
            let is_other = rolled_back_to.is_none_or(|good| good.image != failed.image);
            if is_other && !self.quarantine.contains(&failed.image) {
                self.quarantine.push(failed.image.clone());
            }
            self.good.retain(|good| good.deployment != failed.deployment);
        }
        match rolled_back_to {
            Some(good) => {
                self.remember(now, run, format!("the release of run {} was put back", good.number));
                self.current = Some(good.clone());
                self.proven = true;
            }
            None => {
                self.remember(now, run, "the release failed and there was none to put back".into());
                self.current = failed;
                self.proven = false;
            }
        }
    }

    /// Gives the environment to the next in the queue.
    fn pass_on(&mut self, cause: &str, now: Timestamp) {
        self.holder = None;
        while !self.queue.is_empty() {
            let mut next = self.queue.remove(0);
            next.since = now;
            let refusal = self.refuse(&next);
            let is_refused = refusal.is_some();
            let (step, attempt) = next.reply_to.clone();
            let run = next.run.clone();
            let event = refusal.unwrap_or_else(|| self.granted(&next));
            let id = format!("{cause}/{}/{run}", self.name);
            self.outbox.push(Letter { deliver_at: None, message: Message { id, run, step, attempt, event } });
            if !is_refused {
                self.holder = Some(next);
                return;
            }
        }
    }

    fn is_held_by(&self, run: &RunId) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.run == *run)
    }

    fn remember(&mut self, at: Timestamp, run: &RunId, what: String) {
        self.history.insert(0, Change { at, run: run.clone(), what });
        self.history.truncate(REMEMBERED);
    }
}

#[cfg(test)]
mod tests;
