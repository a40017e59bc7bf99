//! Runs as documents: loaded, kept for the next message, saved if nobody else has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pipeline::names::RunId;
use pipeline::run::{Letter, Run};

use crate::keys;
use crate::ports::{Expect, Parcel, PortError, Ports, Result, Write};

/// How many runs are kept in memory, of those that go on. Nothing depends on it but speed: a save succeeds only on the
/// version it was decided on, so a run that was kept too long is loaded again.
const KEPT: usize = 256;

/// Where a run is kept between two messages; None: it is in the store alone. Who has it locked works on the run alone:
/// a step's message is often here before the answer to the commit that sent it, and would else be decided on the run as
/// it was before.
pub(crate) type Slot = tokio::sync::Mutex<Option<Record>>;

/// A run as it was read or last saved.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub run: Box<Run>,
    version: String,
    /// Whether the mark of a run that has not ended is there.
    is_marked: bool,
}

/// Loads and saves runs.
#[derive(Debug, Default)]
pub(crate) struct Records {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with the turn in which it was last asked for.
    slots: HashMap<RunId, (u64, Arc<Slot>)>,
    turn: u64,
}

impl Record {
    /// A run that was written just now.
    pub fn new(run: Run, version: String) -> Self {
        let is_marked = run.ended.is_none();
        Self { run: Box::new(run), version, is_marked }
    }

    /// Whether something of it is still to be performed or sent.
    pub fn has_work(&self) -> bool {
        !self.run.pending.is_empty() || !self.run.outbox.is_empty()
    }
}

impl Records {
    /// The slot of a run.
    pub fn slot(&self, id: &RunId) -> Arc<Slot> {
        let mut kept = self.lock();
        kept.turn += 1;
        let turn = kept.turn;
        if let Some((last, slot)) = kept.slots.get_mut(id) {
            *last = turn;
            return Arc::clone(slot);
        }
        if kept.slots.len() == KEPT {
            // The older half at once, so that it is looked for but seldom.
            let mut turns: Vec<u64> = kept.slots.values().map(|(turn, _)| *turn).collect();
            let (_, middle, _) = turns.select_nth_unstable(KEPT / 2);
            let middle = *middle;
            kept.slots.retain(|_, (turn, _)| *turn > middle);
        }
        let slot = Arc::<Slot>::default();
        kept.slots.insert(id.clone(), (turn, Arc::clone(&slot)));
        slot
    }

    /// Keeps no run that has ended, for nothing is expected of it, and none that is not there.
    pub fn tidy(&self, id: &RunId, kept: Option<&Record>) {
        if kept.is_none_or(|record| record.run.ended.is_some()) {
            self.lock().slots.remove(id);
        }
    }

    /// The run as the store has it; None: there is no such run.
    pub async fn load(&self, ports: &Ports, id: &RunId) -> Result<Option<Record>> {
        let key = keys::run(id);
        let Some(document) = ports.store.get(&key).await? else { return Ok(None) };
        let run: Run = parse(&key, &document.body)?;
        let mut record = Record::new(run, document.version);
        record.is_marked |= record.has_work();
        Ok(Some(record))
    }

    /// Saves what was decided. With `send`, the messages of the outbox go with it.
    pub async fn save(&self, ports: &Ports, mut record: Record, send: bool) -> Result<Record> {
        let is_atomic = ports.ledger.is_atomic();
        let run = &mut record.run;
        let letters = if send { std::mem::take(&mut run.outbox) } else { Vec::new() };
        let parcels = letters.iter().map(parcel).collect();
        let is_last = send && run.ended.is_some() && run.pending.is_empty();
        let is_over = is_last && (is_atomic || letters.is_empty());
        // Without one transaction for both, the document says what is to be sent until it surely was.
        if send && !is_atomic {
            run.outbox = letters;
        }
        let key = keys::run(&run.id);
        let body = Some(serde_json::to_vec(run).expect("a run is plain data"));
        let mut writes = vec![Write { key, body, expect: Expect::Version(record.version.clone()) }];
        // Where each write is a request of its own, the mark is left to the sweep.
        let is_marked = !is_over || (record.is_marked && !is_atomic);
        if is_marked != record.is_marked {
            let body = is_marked.then(|| b"{}".to_vec());
            writes.push(Write { key: keys::active(&run.id), body, expect: Expect::Anything });
        }
        let versions = ports.ledger.commit(writes, parcels).await?;
        if send {
            record.run.outbox.clear();
        }
        record.version = versions.into_iter().next().unwrap_or_default();
        record.is_marked = is_marked;
        if is_last && !is_over {
            // Nobody saves a run again that has ended: now that its letters are sent, it says so itself.
            return Box::pin(self.save(ports, record, true)).await;
        }
        Ok(record)
    }

    /// Sends what is to be sent and leaves the document as it is: it says that this, and what was performed since, is still
    /// to be done, as after a crash. Whoever reads it before the next message saves it does both once more, which changes
    /// nothing.
    pub async fn send(&self, ports: &Ports, mut record: Record) -> Result<Record> {
        let parcels = record.run.outbox.iter().map(parcel).collect();
        ports.bus.send(parcels).await?;
        record.run.outbox.clear();
        Ok(record)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A letter as the bus takes it: to the queue of the step it is for.
pub(crate) fn parcel(letter: &Letter) -> Parcel {
    Parcel {
        queue: letter.message.step.step.name().to_owned(),
        id: letter.message.id.clone(),
        session: None,
        deliver_at: letter.deliver_at,
        body: serde_json::to_vec(&letter.message).expect("a message is plain data"),
    }
}

/// A document's content. One that cannot be read is never written over.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(key: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = format!("the document {key} cannot be read ({error}); was it made by a newer Trainyard?");
        PortError::permanent("store", reason)
    })
}
