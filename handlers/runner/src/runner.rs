//! The loop: load, decide, save, perform, send. Everything that can fail is here, in this order, and the order is the
//! product's promise.

use jiff::SignedDuration;
use pipeline::advance;
use pipeline::event::{Event, Message};
use pipeline::run::{Letter, Pending, Run};
use tracing::{debug, warn};

use crate::ports::{PortError, Ports, Result};
use crate::records::{Record, Records, parcel};

/// How often a message is decided again after somebody else saved the run first.
const CONFLICTS: u32 = 50;
/// Pauses between tries of an effect, in milliseconds, before it is put off.
const PAUSES_MS: [u64; 2] = [50, 400];
/// Seconds until an effect that was put off is tried again.
const PUT_OFF_SECS: i64 = 15;
/// How long after the end of a run people are still told of it.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Performs what is decided.
#[derive(Debug)]
pub struct Runner {
    pub(crate) ports: Ports,
    pub(crate) records: Records,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is in the run's journal, or had been before, or changes nothing.
    Done,
    /// It can never be handled; why.
    Unknown(String),
}

impl Runner {
    /// A runner on these ports. It keeps nothing that cannot be lost.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, records: Records::default() }
    }

    /// The outside world, for those who only look.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Takes one message to its end: what it causes is on record, performed and sent.
    ///
    /// # Errors
    ///
    /// `Transient`: the same message may be handed in again and harms nothing.
    pub async fn handle(&self, message: &Message) -> Result<Handled> {
        let slot = self.records.slot(&message.run);
        let mut kept = slot.lock().await;
        let handled = self.handle_alone(message, &mut kept).await;
        self.records.tidy(&message.run, kept.as_ref());
        handled
    }

    /// The same, with no other message of this run under way in this process.
    async fn handle_alone(&self, message: &Message, kept: &mut Option<Record>) -> Result<Handled> {
        for turn in 0..CONFLICTS {
            let record = match kept.take() {
                Some(record) => Some(record),
                None => self.records.load(&self.ports, &message.run).await?,
            };
            let Some(mut record) = record else {
                return Ok(Handled::Unknown(format!("there is no run {}", message.run)));
            };
            let changed = advance(&mut record.run, message, self.ports.clock.now());
            if !changed && !record.has_work() {
                *kept = Some(record);
                return Ok(Handled::Done);
            }
            // In a box: a message that changes nothing, and those are many, should not carry this future about.
            match Box::pin(self.settle(record)).await {
                Ok(record) => {
                    *kept = Some(record);
                    return Ok(Handled::Done);
                }
                Err(PortError::Conflict { key, .. }) => {
                    debug!(run.id = %message.run, "Somebody else wrote {key} first, turn {turn}");
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(PortError::transient("runner", format!("run {} is too busy; the message comes again", message.run)))
    }

    /// Puts a message on its way to its step. It is durable when this answers, and handled after that; if it takes but one
    /// commit to handle it, already then.
    ///
    /// # Errors
    ///
    /// What the bus says.
    pub async fn tell(&self, message: &Message) -> Result<()> {
        if self.ports.ledger.is_atomic() && self.is_decided_at_once(message).await {
            return Ok(());
        }
        let letter = Letter { deliver_at: None, message: message.clone() };
        self.ports.bus.send(vec![parcel(&letter)]).await
    }

    /// Decides on a message and saves that, unless something would have to be performed for it: whoever tells us should not
    /// wait for a service that may be away, or for a step that is at work. Whatever goes wrong, the message goes to its step.
    async fn is_decided_at_once(&self, message: &Message) -> bool {
        let slot = self.records.slot(&message.run);
        let Ok(mut kept) = slot.try_lock() else { return false };
        let record = match kept.take() {
            Some(record) => Some(record),
            None => self.records.load(&self.ports, &message.run).await.ok().flatten(),
        };
        if let Some(record) = record {
            let mut decided = record.clone();
            let is_news = advance(&mut decided.run, message, self.ports.clock.now());
            *kept = if !is_news || !decided.run.pending.is_empty() {
                Some(record)
            } else if let Ok(saved) = self.records.save(&self.ports, decided, true).await {
                self.records.tidy(&message.run, Some(&saved));
                *kept = Some(saved);
                return true;
            } else {
                None
            };
        }
        self.records.tidy(&message.run, kept.as_ref());
        false
    }

    /// Performs what is pending, then sends what is to be sent.
    pub(crate) async fn settle(&self, mut record: Record) -> Result<Record> {
        // All that is pending is in the document; and: so is all that was learned.
        let (mut is_on_record, mut is_saved) = (false, false);
        while let Some(at) = next(&record.run.pending) {
            let pending = record.run.pending[at].clone();
            if pending.effect.goes_on_by_itself() && !is_on_record {
                record = self.records.save(&self.ports, record, false).await?;
                (is_on_record, is_saved) = (true, true);
            }
            // In a box: it is by far the largest part of this future, and most messages need none of it.
            let answer = match Box::pin(self.try_to_perform(&record.run, &pending)).await {
                Ok(answer) => answer,
                Err(PortError::Permanent { reason, .. }) => {
                    let what = pending.effect.describe();
                    warn!(run.id = %record.run.id, "Could not {what}: {reason}");
                    Some(if pending.effect.is_for_people() {
                        Event::NotTold { what, reason }
                    } else {
                        Event::Refused { what, reason }
                    })
                }
                Err(PortError::Transient { reason, .. }) if self.is_old_news(&record.run, &pending) => {
                    let what = pending.effect.describe();
                    warn!(run.id = %record.run.id, "Gave up, a day after the end: {what}: {reason}");
                    Some(Event::NotTold { what, reason: format!("given up, a day after the run's end: {reason}") })
                }
                Err(PortError::Transient { backend, reason }) => {
                    warn!(run.id = %record.run.id, "Put off, {}: {backend}: {reason}", pending.effect.describe());
                    self.put_off_effect(&mut record.run, &pending);
                    break;
                }
                Err(conflict) => return Err(conflict),
            };
            record.run.pending.remove(at);
            if let Some(event) = answer {
                let Pending { id, step, attempt, .. } = pending;
                let message = Message { id, run: record.run.id.clone(), step, attempt, event };
                let pending_before = record.run.pending.len();
                is_saved &= !advance(&mut record.run, &message, self.ports.clock.now());
                is_on_record &= record.run.pending.len() == pending_before;
            }
        }
        let goes_on = record.run.ended.is_none();
        if is_on_record && is_saved && goes_on && !self.ports.ledger.is_atomic() {
            return self.records.send(&self.ports, record).await;
        }
        self.records.save(&self.ports, record, true).await
    }

    /// Whether nobody waits for it any more, so that a code host that never comes back is not asked for ever.
    fn is_old_news(&self, run: &Run, pending: &Pending) -> bool {
        let since = |at| self.ports.clock.now().duration_since(at);
        pending.effect.is_for_people() && run.ended.as_ref().is_some_and(|ended| since(ended.at) > NEWS_FOR)
    }

    async fn try_to_perform(&self, run: &Run, pending: &Pending) -> Result<Option<Event>> {
        for pause in PAUSES_MS {
            match self.perform(run, pending).await {
                Err(PortError::Transient { .. }) => {
                    tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
                }
                other => return other,
            }
        }
        self.perform(run, pending).await
    }

    /// The effect stays pending, and the run is woken to try again. Failing the message instead would use up its
    /// deliveries within seconds.
    fn put_off_effect(&self, run: &mut Run, pending: &Pending) {
        let now = self.ports.clock.now();
        let message = Message {
            id: format!("{}/again-{}", pending.id, now.as_second() / PUT_OFF_SECS),
            run: run.id.clone(),
            step: pending.step.clone(),
            attempt: pending.attempt,
            event: Event::PollDue,
        };
        let deliver_at = Some(now + SignedDuration::from_secs(PUT_OFF_SECS));
        run.outbox.push(Letter { deliver_at, message });
    }
}

/// What is performed next: whatever only tells people something comes last, so that a code host that is away holds
/// nothing up.
fn next(pending: &[Pending]) -> Option<usize> {
    let at = pending.iter().position(|pending| !pending.effect.is_for_people());
    at.or(if pending.is_empty() { None } else { Some(0) })
}

#[cfg(test)]
mod tests;
