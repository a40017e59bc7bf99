//! What the bus writes: what is sent, and what became of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use runner::ports::{Parcel, Write};
use tokio::sync::oneshot;

use super::message::Letter;
use super::recent::{Key, Recent};
use super::shared::Shared;
use super::state::Settlement;
use super::table;
use crate::database::{Change, DatabaseError, Request};
use crate::store::apply;

type Versions = Vec<String>;

/// Writes of documents and the messages that follow from them.
pub(super) struct Commit {
    shared: Arc<Shared>,
    writes: Vec<Write>,
    parcels: Vec<Parcel>,
    versions: Versions,
    sent: Vec<(Letter, Bytes)>,
    noted: Vec<Key>,
    answer: oneshot::Sender<Result<Versions, DatabaseError>>,
}

impl Commit {
    pub fn new(
        shared: Arc<Shared>,
        writes: Vec<Write>,
        parcels: Vec<Parcel>,
        answer: oneshot::Sender<Result<Versions, DatabaseError>>,
    ) -> Self {
        Self {
            shared,
            versions: Vec::with_capacity(writes.len()),
            sent: Vec::with_capacity(parcels.len()),
            noted: Vec::with_capacity(parcels.len()),
            writes,
            parcels,
            answer,
        }
    }

    fn send(&mut self, change: &Change<'_>, parcel: Parcel) -> Result<(), DatabaseError> {
        let now = Timestamp::now();
        let key = Recent::key(&parcel.queue, &parcel.id);
        let mut recent = self.shared.recent();
        if recent.has(&key, now) {
            return Ok(());
        }
        let letter = Letter {
            sequence_number: change.next_number(),
            queue: parcel.queue,
            message_id: parcel.id,
            session: parcel.session,
            enqueued_at: now,
            scheduled_for: parcel.deliver_at,
            properties: BTreeMap::new(),
            body: Bytes::new(),
        };
        recent.note(key, letter.sequence_number, now);
        self.noted.push(key);
        let body = Bytes::from(parcel.body);
        table::insert(change, &letter, &body)?;
        self.sent.push((letter, body));
        Ok(())
    }

    /// Nothing was sent after all.
    fn forget(&mut self) {
        let mut recent = self.shared.recent();
        for key in self.noted.drain(..) {
            recent.forget(&key);
        }
    }
}

impl Request for Commit {
    fn write(&mut self, change: &Change<'_>) -> Result<(), DatabaseError> {
        let mut write = || {
            for write in &self.writes {
                self.versions.push(apply(change, write)?);
            }
            for parcel in std::mem::take(&mut self.parcels) {
                self.send(change, parcel)?;
            }
            Ok(())
        };
        let written = write();
        if written.is_err() {
            // At once: the next request of this commit may send the same message.
            self.forget();
        }
        written
    }

    fn settled(mut self: Box<Self>, outcome: Result<(), DatabaseError>) {
        let answer = match outcome {
            Ok(()) => {
                if !self.sent.is_empty() {
                    let mut inside = self.shared.lock();
                    let now = Timestamp::now();
                    for (letter, body) in self.sent.drain(..) {
                        inside.state.add(letter, Some(body), 0, now);
                    }
                    self.shared.set_timer(&inside);
                }
                Ok(self.versions)
            }
            Err(error) => {
                self.forget();
                Err(error)
            }
        };
        // Nobody minds when the sender has gone.
        let _ = self.answer.send(answer);
    }
}

/// Writes all that is unsettled when it is committed.
pub(super) struct Flush {
    shared: Arc<Shared>,
    settlements: Vec<Settlement>,
    moved: Vec<Letter>,
}

impl Flush {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, settlements: Vec::new(), moved: Vec::new() }
    }
}

impl Request for Flush {
    fn write(&mut self, change: &Change<'_>) -> Result<(), DatabaseError> {
        self.settlements = self.shared.lock().take_unsettled();
        let leaving: HashSet<i64> = self.settlements.iter().filter_map(leaves).collect();
        let mut recent = self.shared.recent();
        for settlement in &self.settlements {
            if let Settlement::Counted { number, .. } = settlement
                && leaving.contains(number)
            {
                continue;
            }
            self.moved.extend(table::settle(change, settlement, &recent)?);
        }
        if let Some(up_to) = recent.sweep() {
            table::sweep(change, up_to)?;
        }
        Ok(())
    }

    fn settled(self: Box<Self>, outcome: Result<(), DatabaseError>) {
        let mut inside = self.shared.lock();
        match outcome {
            Ok(()) => {
                let now = Timestamp::now();
                for letter in self.moved {
                    inside.state.add(letter, None, 0, now);
                }
            }
            Err(error) => inside.put_back(self.settlements, &error),
        }
        self.shared.set_timer(&inside);
    }
}

fn leaves(settlement: &Settlement) -> Option<i64> {
    match settlement {
        Settlement::Done(entry) | Settlement::Moved { entry, .. } => Some(entry.letter.sequence_number),
        Settlement::Counted { .. } => None,
    }
}
