//! The sweep: every wait whose poll or deadline is due, every effect and message that a crash left behind.
//!
//! With every event lost a run still ends, only later; this is why.

use pipeline::environment::Environment;
use pipeline::event::{EnvironmentEvent, Event, Message};
use pipeline::names::RunId;
use pipeline::run::Run;
use tracing::{info, warn};

use crate::keys;
use crate::ports::{Expect, Result};
use crate::reception;
use crate::records::parse;
use crate::runner::Runner;

/// How many runs are listed at a time.
const PAGE: usize = 200;

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Runs that have not ended.
    pub active: usize,
    /// Of these, woken because a poll or deadline was due or something was left undone.
    pub woken: usize,
}

impl Runner {
    /// Looks at every run that has not ended, and wakes those that are due.
    ///
    /// # Errors
    ///
    /// `Transient`: the store is away. A run that cannot be woken is left for the next sweep and does not stop this one.
    pub async fn sweep(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.store.list(keys::ACTIVE, after.as_deref(), PAGE).await?;
            for key in &page {
                swept.active += 1;
                let Some(id) = key.strip_prefix(keys::ACTIVE).and_then(|id| id.parse().ok()) else { continue };
                match self.wake(&id).await {
                    Ok(woken) => swept.woken += usize::from(woken),
                    Err(error) => warn!(run.id = %id, "Left for the next sweep: {error}"),
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => break,
            }
        }
        self.free_environments().await?;
        reception::forget(&self.ports).await?;
        if swept.woken > 0 {
            info!("Woke {} of {} active runs", swept.woken, swept.active);
        }
        Ok(swept)
    }

    /// Takes environments away from runs that are over. A run that was ended at the very moment at which it was granted
    /// one never learned of it, and nobody else could change the environment ever after.
    async fn free_environments(&self) -> Result<()> {
        let store = &self.ports.store;
        let mut after: Option<String> = None;
        loop {
            let page = store.list(keys::ENVIRONMENTS, after.as_deref(), PAGE).await?;
            for key in &page {
                let Some(document) = store.get(key).await? else { continue };
                let environment: Environment = parse(key, &document.body)?;
                for claim in environment.holder.iter().chain(&environment.queue) {
                    let key = keys::run(&claim.run);
                    let Some(document) = store.get(&key).await? else { continue };
                    let run: Run = parse(&key, &document.body)?;
                    if is_over(&run) {
                        warn!(run.id = %run.id, "Took {} away from a run that is over", environment.name);
                        let cause = format!("{}/over-in-{}-since-{}", run.id, environment.name, claim.since);
                        self.tell_environment(&run, &environment.name, &EnvironmentEvent::Leave, &cause).await?;
                    }
                }
            }
            after = page.last().cloned();
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    async fn wake(&self, id: &RunId) -> Result<bool> {
        let key = keys::run(id);
        let Some(document) = self.ports.store.get(&key).await? else {
            self.ports.store.delete(&keys::active(id)).await?;
            return Ok(false);
        };
        let run: Run = parse(&key, &document.body)?;
        if is_over(&run) {
            return self.unmark(id).await.map(|()| false);
        }
        let Some(message) = due(&run, self.ports.clock.now()) else { return Ok(false) };
        self.handle(&message).await?;
        Ok(true)
    }

    /// Removes the mark of a run that is over: a crash came between its last save and this. Somebody may ask for another
    /// try at this very moment, so the run is looked at once more.
    async fn unmark(&self, id: &RunId) -> Result<()> {
        let store = &self.ports.store;
        store.delete(&keys::active(id)).await?;
        let key = keys::run(id);
        let Some(document) = store.get(&key).await? else { return Ok(()) };
        if !is_over(&parse(&key, &document.body)?) {
            store.put(&keys::active(id), b"{}".to_vec(), Expect::Anything).await?;
        }
        Ok(())
    }
}

/// Nothing of this run is left to do.
fn is_over(run: &Run) -> bool {
    run.ended.is_some() && run.pending.is_empty() && run.outbox.is_empty()
}

/// The message that wakes a run now; None: it may sleep on.
fn due(run: &Run, now: jiff::Timestamp) -> Option<Message> {
    let message = |id: String, step: &pipeline::event::StepKey, attempt: u32, event: Event| Message {
        id,
        run: run.id.clone(),
        step: step.clone(),
        attempt,
        event,
    };
    if let Some((key, record, wait)) = run.waiting() {
        let name = format!("{}/{key}/{}", run.id, record.attempt);
        if wait.deadline <= now {
            return Some(message(
                format!("{name}/deadline-{}", wait.deadline),
                key,
                record.attempt,
                Event::DeadlinePassed,
            ));
        }
        if let Some(poll_at) = wait.poll_at.filter(|poll_at| *poll_at <= now) {
            return Some(message(format!("{name}/poll-{poll_at}"), key, record.attempt, Event::PollDue));
        }
    }
    // A crash between deciding and doing: whatever message drives the run finishes the work.
    let left = !run.pending.is_empty() || !run.outbox.is_empty();
    let key = run.pending.first().map(|pending| &pending.step).or_else(|| run.plan.first())?;
    left.then(|| message(format!("{}/wake-{}", run.id, now.as_second()), key, 1, Event::PollDue))
}
