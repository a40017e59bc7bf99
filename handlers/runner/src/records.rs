//! Runs as documents: loaded, kept for the next message, saved if nobody else has.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use pipeline::names::RunId;
use pipeline::run::{Letter, Run};

use crate::keys;
use crate::ports::{Expect, Parcel, PortError, Ports, Result, Write};

/// How many runs are kept in memory. Nothing depends on it but speed: a save succeeds only on the version it was
/// decided on, so a run that was kept too long is loaded again.
const KEPT: usize = 512;

/// A run as it was read or last saved.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub run: Run,
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
    records: HashMap<RunId, Record>,
    order: VecDeque<RunId>,
}

impl Records {
    /// The run, from memory or the store; None: there is no such run.
    pub async fn load(&self, ports: &Ports, id: &RunId) -> Result<Option<Record>> {
        if let Some(record) = self.lock().records.remove(id) {
            return Ok(Some(record));
        }
        let key = keys::run(id);
        let Some(document) = ports.store.get(&key).await? else { return Ok(None) };
        let run: Run = parse(&key, &document.body)?;
        let is_marked = run.ended.is_none() || !run.pending.is_empty() || !run.outbox.is_empty();
        Ok(Some(Record { run, version: document.version, is_marked }))
    }

    /// Saves what was decided. With `send`, the messages of the outbox go with it.
    pub async fn save(&self, ports: &Ports, mut record: Record, send: bool) -> Result<Record> {
        let is_atomic = ports.ledger.is_atomic();
        let run = &mut record.run;
        let letters = if send { std::mem::take(&mut run.outbox) } else { Vec::new() };
        let parcels = letters.iter().map(parcel).collect();
        let is_over = send && run.ended.is_some() && run.pending.is_empty();
        // Without one transaction for both, the document says what is to be sent until it surely was.
        if send && !is_atomic {
            run.outbox = letters;
        }
        let key = keys::run(&run.id);
        let body = Some(serde_json::to_vec(run).expect("a run is plain data"));
        let mut writes = vec![Write { key, body, expect: Expect::Version(record.version.clone()) }];
        let is_marked = !is_over;
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
        Ok(record)
    }

    /// Keeps a record for the run's next message.
    pub fn keep(&self, record: Record) {
        let mut kept = self.lock();
        let id = record.run.id.clone();
        if kept.records.insert(id.clone(), record).is_none() {
            kept.order.push_back(id);
        }
        while kept.order.len() > KEPT {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.records.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
