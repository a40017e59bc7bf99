//! What is where, in memory: a plain machine that is told the time and touches no disk.
//!
//! ```text
//!             .--due--  Scheduled
//!             v
//! sent --> Available --taken--> Locked --completed--------------------------> gone
//!             ^                   |----abandoned, or the lock ended--.
//!             `-----fewer than `max_deliveries` deliveries-----------|
//!                    the dead letters <--as many, or dead-lettered---'
//! ```
//!
//! What is settled is gone from here at once and from the file a little later: see [`Settlement`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

use super::message::{Counts, DEAD_LETTER_SOURCE, Letter, LockLost};
use super::queue::Queue;
use super::{BrokerOptions, DEAD_LETTERS};

/// Bodies are kept in memory up to this many bytes in all; the others are read when they are handed out.
const KEPT_BODIES: usize = 64 << 20;

/// Something about a message that is to be written soon.
#[derive(Debug, Clone)]
pub(super) enum Settlement {
    /// It is done with.
    Done(Entry),
    /// It was handed out this often.
    Counted { number: i64, count: u32 },
    /// It goes to another queue.
    Moved { entry: Entry, to: &'static str, reason: String, description: String },
}

/// A message, and how it stands.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// All but the body, which is empty here.
    pub letter: Letter,
    /// None: it is in the file alone.
    pub body: Option<Bytes>,
    pub delivery_count: u32,
    pub standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Available,
    Scheduled(Timestamp),
    Locked { token: Uuid, until: Instant },
}

/// What was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub lock: Uuid,
    pub delivery_count: u32,
    pub letter: Letter,
    pub body: Option<Bytes>,
}

#[derive(Debug)]
pub(super) struct State {
    options: BrokerOptions,
    queues: HashMap<String, Queue>,
    entries: HashMap<i64, Entry>,
    locks: HashMap<Uuid, i64>,
    lock_ends: BTreeSet<(Instant, i64)>,
    due: BTreeSet<(Timestamp, i64)>,
    kept_bodies: usize,
    dead: HashMap<String, usize>,
    /// To be written, in this order.
    pub unsettled: Vec<Settlement>,
}

impl State {
    pub fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            queues: HashMap::new(),
            entries: HashMap::new(),
            locks: HashMap::new(),
            lock_ends: BTreeSet::new(),
            due: BTreeSet::new(),
            kept_bodies: 0,
            dead: HashMap::new(),
            unsettled: Vec::new(),
        }
    }

    /// What wakes receivers of a queue.
    pub fn arrivals(&mut self, queue: &str) -> Arc<Notify> {
        Arc::clone(&self.queue(queue).arrived)
    }

    fn queue(&mut self, name: &str) -> &mut Queue {
        if !self.queues.contains_key(name) {
            self.queues.insert(name.to_owned(), Queue::default());
        }
        self.queues.entry(name.to_owned()).or_default()
    }

    /// A message that is in the file now.
    pub fn add(&mut self, letter: Letter, body: Option<Bytes>, delivery_count: u32, now: Timestamp) {
        let number = letter.sequence_number;
        let body = body.filter(|body| self.kept_bodies + body.len() <= KEPT_BODIES);
        self.kept_bodies += body.as_ref().map_or(0, Bytes::len);
        if let Some(source) = letter.properties.get(DEAD_LETTER_SOURCE) {
            *self.dead.entry(source.clone()).or_default() += 1;
        }
        let standing = match letter.scheduled_for {
            Some(at) if at > now => Standing::Scheduled(at),
            _ => Standing::Available,
        };
        let queue = self.queue(&letter.queue);
        queue.members.insert(number);
        match standing {
            Standing::Scheduled(at) => {
                queue.scheduled += 1;
                self.due.insert((at, number));
            }
            _ => queue.offer(number, letter.session.as_deref()),
        }
        let entry = Entry { letter, body, delivery_count, standing };
        let worn_out = standing == Standing::Available && self.is_worn_out(&entry);
        self.entries.insert(number, entry);
        if worn_out {
            self.give_up(number);
        }
    }

    /// Hands out up to `max` messages.
    pub fn take(&mut self, queue: &str, max: usize, now: Instant) -> Vec<Taken> {
        let until = now + self.options.lock_duration;
        let queue = self.queues.entry(queue.to_owned()).or_default();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(number) = queue.ready.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&number) else {
                continue;
            };
            let token = Uuid::new_v4();
            entry.delivery_count += 1;
            entry.standing = Standing::Locked { token, until };
            queue.locked += 1;
            self.locks.insert(token, number);
            self.lock_ends.insert((until, number));
            self.unsettled.push(Settlement::Counted { number, count: entry.delivery_count });
            taken.push(Taken {
                lock: token,
                delivery_count: entry.delivery_count,
                letter: entry.letter.in_queue(),
                body: entry.body.clone(),
            });
        }
        if !queue.ready.is_empty() {
            // One wake-up may stand for several messages: pass it on.
            queue.arrived.notify_one();
        }
        taken
    }

    pub fn complete(&mut self, lock: Uuid) -> Result<(), LockLost> {
        let number = *self.locks.get(&lock).ok_or(LockLost(lock))?;
        if let Some(entry) = self.remove(number) {
            self.unsettled.push(Settlement::Done(entry));
        }
        Ok(())
    }

    pub fn abandon(&mut self, lock: Uuid) -> Result<(), LockLost> {
        let number = *self.locks.get(&lock).ok_or(LockLost(lock))?;
        self.unlock(number);
        Ok(())
    }

    pub fn renew(&mut self, lock: Uuid, now: Instant) -> Result<Duration, LockLost> {
        let number = *self.locks.get(&lock).ok_or(LockLost(lock))?;
        if let Some(entry) = self.entries.get_mut(&number)
            && let Standing::Locked { until, .. } = &mut entry.standing
        {
            self.lock_ends.remove(&(*until, number));
            *until = now + self.options.lock_duration;
            self.lock_ends.insert((*until, number));
        }
        Ok(self.options.lock_duration)
    }

    pub fn dead_letter(&mut self, lock: Uuid, reason: &str, description: &str) -> Result<(), LockLost> {
        let number = *self.locks.get(&lock).ok_or(LockLost(lock))?;
        self.bury(number, reason, description);
        Ok(())
    }

    /// Does what the time demands.
    pub fn advance(&mut self, now: Timestamp, instant: Instant) {
        while let Some(&(at, number)) = self.due.first()
            && at <= now
        {
            self.due.remove(&(at, number));
            if let Some(entry) = self.entries.get_mut(&number) {
                entry.standing = Standing::Available;
                if let Some(queue) = self.queues.get_mut(&entry.letter.queue) {
                    queue.scheduled -= 1;
                    queue.offer(number, entry.letter.session.as_deref());
                }
            }
        }
        while let Some(&(until, number)) = self.lock_ends.first()
            && until <= instant
        {
            self.unlock(number);
        }
    }

    /// How long until the time demands something.
    pub fn next_due(&self, now: Timestamp, instant: Instant) -> Option<Duration> {
        let scheduled = self.due.first().map(|(at, _)| {
            // Rounded up: waking a little early would mean waking twice.
            Duration::try_from(at.duration_since(now)).unwrap_or_default() + Duration::from_millis(1)
        });
        let lock = self.lock_ends.first().map(|(until, _)| until.saturating_duration_since(instant));
        scheduled.into_iter().chain(lock).min()
    }

    /// Takes a lock back: the message is available again, or has had its chances.
    fn unlock(&mut self, number: i64) {
        let Some(entry) = self.entries.get(&number) else {
            return;
        };
        if self.is_worn_out(entry) {
            return self.give_up(number);
        }
        self.release(number);
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.standing = Standing::Available;
            if let Some(queue) = self.queues.get_mut(&entry.letter.queue) {
                queue.offer(number, entry.letter.session.as_deref());
            }
        }
    }

    /// Forgets a message's lock and place in its session.
    fn release(&mut self, number: i64) {
        let Some(entry) = self.entries.get(&number) else {
            return;
        };
        let Some(queue) = self.queues.get_mut(&entry.letter.queue) else {
            return;
        };
        match entry.standing {
            Standing::Locked { token, until } => {
                queue.locked -= 1;
                self.locks.remove(&token);
                self.lock_ends.remove(&(until, number));
            }
            Standing::Scheduled(at) => {
                queue.scheduled -= 1;
                self.due.remove(&(at, number));
            }
            Standing::Available => {}
        }
        queue.withdraw(number, entry.letter.session.as_deref());
    }

    fn remove(&mut self, number: i64) -> Option<Entry> {
        self.release(number);
        let entry = self.entries.remove(&number)?;
        if let Some(queue) = self.queues.get_mut(&entry.letter.queue) {
            queue.members.remove(&number);
        }
        self.kept_bodies -= entry.body.as_ref().map_or(0, Bytes::len);
        if let Some(source) = entry.letter.properties.get(DEAD_LETTER_SOURCE)
            && let Some(dead) = self.dead.get_mut(source)
        {
            *dead -= 1;
        }
        Some(entry)
    }

    fn is_worn_out(&self, entry: &Entry) -> bool {
        entry.delivery_count >= self.options.max_deliveries
    }

    fn give_up(&mut self, number: i64) {
        let description = format!("the message was handed out {} times and never settled", self.options.max_deliveries);
        self.bury(number, "MaxDeliveryCountExceeded", &description);
    }

    fn bury(&mut self, number: i64, reason: &str, description: &str) {
        if let Some(entry) = self.remove(number) {
            let to = if entry.letter.queue == DEAD_LETTERS { super::BURIED } else { DEAD_LETTERS };
            self.unsettled.push(Settlement::Moved {
                entry,
                to,
                reason: reason.to_owned(),
                description: description.to_owned(),
            });
        }
    }

    pub fn counts(&self, name: &str) -> Counts {
        let dead = self.dead.get(name).copied().unwrap_or(0);
        self.queues.get(name).map_or(Counts { dead, ..Counts::default() }, |queue| Counts {
            active: queue.members.len() - queue.scheduled - queue.locked,
            scheduled: queue.scheduled,
            locked: queue.locked,
            dead,
        })
    }

    /// The names of all queues that were used, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.queues.keys().cloned().collect();
        names.sort();
        names
    }

    /// Messages of a queue in the order of their numbers, from after one.
    pub fn peek(&self, queue: &str, after: i64, max: usize) -> Vec<Entry> {
        let numbers = self.queues.get(queue).into_iter();
        numbers
            .flat_map(|queue| queue.members.range(after.saturating_add(1)..))
            .filter_map(|number| self.entries.get(number).cloned())
            .take(max)
            .collect()
    }
}
