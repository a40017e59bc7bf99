//! What the backends share: the documents and messages of one machine, and how the world tells what happened.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use pipeline::effect::ReplyTo;
use pipeline::event::{Event, Message};

use super::clock::TestClock;
use super::faults::Faults;
use super::tally::Tally;
use super::{BACKEND, lock};
use crate::ports::{Clock, Document, Expect, Parcel, PortError, Result, Write};

/// A second message with the same id is dropped for this long.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// A shared handle.
#[derive(Clone, Default)]
pub(super) struct World {
    pub faults: Faults,
    pub tally: Tally,
    pub clock: TestClock,
    books: Arc<Mutex<Books>>,
}

/// Documents and messages, behind one lock because a commit is about both.
#[derive(Default)]
pub(super) struct Books {
    pub documents: BTreeMap<String, Document>,
    writes: u64,
    /// In the order of delivery: when it is due, then when it was sent.
    pub messages: BTreeMap<(Timestamp, u64), Held>,
    sent: u64,
    seen: HashSet<(String, String)>,
    seen_in_order: VecDeque<(Timestamp, (String, String))>,
    pub lose_events: bool,
}

/// A message in the queue.
pub(super) struct Held {
    pub parcel: Parcel,
    /// How often it was delivered.
    pub count: u32,
    /// Somebody has it.
    pub taken: bool,
}

impl World {
    pub fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Sends, in one go.
    pub fn send(&self, books: &mut Books, parcels: Vec<Parcel>) {
        let now = self.clock.now();
        for parcel in parcels {
            let key = format!("{}/{}", parcel.queue, parcel.id);
            let new = books.send(parcel, now);
            self.tally.note("message", &key, new);
        }
    }

    /// Tells a step what happened, as a platform does that lives on when the handler is dead.
    pub fn tell(&self, reply_to: &ReplyTo, what: &str, event: Event) {
        let message = Message {
            id: format!("{}/{}/{}/{what}", reply_to.run, reply_to.step, reply_to.attempt),
            run: reply_to.run.clone(),
            step: reply_to.step.clone(),
            attempt: reply_to.attempt,
            event,
        };
        let parcel = Parcel {
            queue: message.step.step.name().to_owned(),
            id: message.id.clone(),
            session: None,
            deliver_at: None,
            body: serde_json::to_vec(&message).expect("a message has string keys only"),
        };
        let mut books = self.books();
        if !books.lose_events {
            self.send(&mut books, vec![parcel]);
        }
    }
}

impl Books {
    /// Writes a document.
    pub fn put(&mut self, key: &str, body: Vec<u8>, expect: &Expect) -> Result<String> {
        self.check(key, expect)?;
        self.writes += 1;
        let version = self.writes.to_string();
        let document = Document { version: version.clone(), body };
        self.documents.insert(key.to_owned(), document);
        Ok(version)
    }

    /// Performs all writes or none.
    pub fn write(&mut self, writes: Vec<Write>) -> Result<Vec<String>> {
        let mut versions = Vec::with_capacity(writes.len());
        let mut before = Vec::with_capacity(writes.len());
        for write in writes {
            let old = self.documents.get(&write.key).cloned();
            let written = match write.body {
                Some(body) => self.put(&write.key, body, &write.expect),
                None => self.check(&write.key, &write.expect).map(|()| {
                    self.documents.remove(&write.key);
                    String::new()
                }),
            };
            match written {
                Ok(version) => versions.push(version),
                Err(error) => {
                    self.undo(before);
                    return Err(error);
                }
            }
            before.push((write.key, old));
        }
        Ok(versions)
    }

    fn undo(&mut self, before: Vec<(String, Option<Document>)>) {
        for (key, old) in before.into_iter().rev() {
            match old {
                Some(document) => self.documents.insert(key, document),
                None => self.documents.remove(&key),
            };
        }
    }

    fn check(&self, key: &str, expect: &Expect) -> Result<()> {
        let found = self.documents.get(key).map(|document| &document.version);
        let as_expected = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
            Expect::Anything => true,
        };
        if as_expected { Ok(()) } else { Err(PortError::conflict(BACKEND, key)) }
    }

    /// Queues a message unless it was sent a short while ago.
    fn send(&mut self, parcel: Parcel, now: Timestamp) -> bool {
        while let Some((at, _)) = self.seen_in_order.front()
            && now.duration_since(*at) >= REMEMBERED
        {
            if let Some((_, key)) = self.seen_in_order.pop_front() {
                self.seen.remove(&key);
            }
        }
        let key = (parcel.queue.clone(), parcel.id.clone());
        if !self.seen.insert(key.clone()) {
            return false;
        }
        self.seen_in_order.push_back((now, key));
        self.sent += 1;
        let due = parcel.deliver_at.map_or(now, |at| at.max(now));
        let held = Held { parcel, count: 0, taken: false };
        self.messages.insert((due, self.sent), held);
        true
    }
}
