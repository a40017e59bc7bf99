//! Messages in memory, and the end of the queue at which tests stand.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::named;
use super::world::{Books, World};
use crate::ports::{Bus, Clock, Parcel, Result};

/// The way into the queue.
pub struct MemoryBus(World);

named!(MemoryBus, "messages in memory");

impl MemoryBus {
    pub(super) fn new(world: World) -> Self {
        Self(world)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn send(&self, parcels: Vec<Parcel>) -> Result<()> {
        let first = parcels.first().map(|parcel| parcel.id.clone());
        let key = first.unwrap_or_default();
        self.0.faults.around("bus.send", &key, || {
            self.0.send(&mut self.0.books(), parcels);
            Ok(())
        })
    }
}

/// A message that somebody has taken and not yet settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub parcel: Parcel,
    /// How often it was delivered, this time included.
    pub count: u32,
    at: (Timestamp, u64),
}

impl Delivery {
    /// Its number among all messages that were ever sent.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.at.1
    }
}

/// Hands out messages as a Functions host does: in order, one at a time of each session, again until they are settled.
/// No fault touches it: it is the world's side.
#[derive(Clone)]
pub struct Queue(pub(super) World);

impl Queue {
    pub(super) fn new(world: World) -> Self {
        Self(world)
    }

    /// How many messages could be taken now, by the machine's clock.
    #[must_use]
    pub fn ready(&self) -> usize {
        ready(&self.0.books(), self.0.clock.now(), None).len()
    }

    /// Takes the next message: the one that was due first, then the one that was sent first.
    #[must_use]
    pub fn take(&self) -> Option<Delivery> {
        self.take_nth(0)
    }

    /// Takes the next message of one queue.
    #[must_use]
    pub fn take_from(&self, queue: &str) -> Option<Delivery> {
        let mut books = self.0.books();
        let next = ready(&books, self.0.clock.now(), Some(queue));
        take(&mut books, *next.first()?)
    }

    /// Takes one of the messages that are [`ready`](Self::ready), counted from 0, so that a test can shuffle them.
    #[must_use]
    pub fn take_nth(&self, nth: usize) -> Option<Delivery> {
        let mut books = self.0.books();
        let next = ready(&books, self.0.clock.now(), None);
        take(&mut books, *next.get(nth)?)
    }

    /// Is done with a message: it will not come again.
    pub fn settle(&self, delivery: &Delivery) {
        self.0.books().messages.remove(&delivery.at);
    }

    /// Gives a message back: it comes again, in its old place.
    pub fn give_back(&self, delivery: &Delivery) {
        if let Some(held) = self.0.books().messages.get_mut(&delivery.at) {
            held.taken = false;
        }
    }

    /// Gives all messages back that were taken by a process that is dead.
    pub fn give_all_back(&self) {
        for held in self.0.books().messages.values_mut() {
            held.taken = false;
        }
    }

    /// When the next message that is not due yet will be.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let now = self.0.clock.now();
        let books = self.0.books();
        let mut due = books.messages.keys().map(|(due, _)| *due);
        due.find(|due| *due > now)
    }

    /// All messages that are not settled, in the order in which they would be taken.
    #[must_use]
    pub fn waiting(&self) -> Vec<Parcel> {
        let books = self.0.books();
        let parcels = books.messages.values().map(|held| held.parcel.clone());
        parcels.collect()
    }

    pub(super) fn settle_numbered(&self, sequence: u64) {
        let mut books = self.0.books();
        books.messages.retain(|at, _| at.1 != sequence);
    }

    pub(super) fn give_back_numbered(&self, sequence: u64) {
        let mut books = self.0.books();
        let held = books.messages.iter_mut().find(|(at, _)| at.1 == sequence);
        if let Some((_, held)) = held {
            held.taken = false;
        }
    }

    pub(super) fn lose_events(&self, lost: bool) {
        self.0.books().lose_events = lost;
    }
}

/// What can be taken. A session of which a message is out, or waits further ahead, waits.
fn ready(books: &Books, now: Timestamp, queue: Option<&str>) -> Vec<(Timestamp, u64)> {
    let mut busy: Vec<(&str, &str)> = Vec::new();
    let out = books.messages.values().filter(|held| held.taken);
    busy.extend(out.filter_map(|held| session(&held.parcel)));
    let mut ready = Vec::new();
    for (at, held) in books.messages.range(..=(now, u64::MAX)) {
        if held.taken || queue.is_some_and(|queue| queue != held.parcel.queue) {
            continue;
        }
        if let Some(session) = session(&held.parcel) {
            if busy.contains(&session) {
                continue;
            }
            busy.push(session);
        }
        ready.push(*at);
    }
    ready
}

fn session(parcel: &Parcel) -> Option<(&str, &str)> {
    let session = parcel.session.as_deref()?;
    Some((&parcel.queue, session))
}

fn take(books: &mut Books, at: (Timestamp, u64)) -> Option<Delivery> {
    let held = books.messages.get_mut(&at)?;
    held.taken = true;
    held.count += 1;
    Some(Delivery { parcel: held.parcel.clone(), count: held.count, at })
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages", self.0.books().messages.len())
    }
}
