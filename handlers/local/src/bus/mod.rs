//! The embedded durable bus. It keeps the habits of Azure Service Bus, so that what works here works there.
//!
//! Messages are handed out under a lock, and come again when the lock ends or they are given back; after ten times they
//! go to the queue [`DEAD_LETTERS`]. The file is the truth, and memory says who has what: after a restart all that was
//! handed out is available again. Sending is durable when it is answered. Settling is not: it is written with the next
//! commit, since a crash before that means no more than one delivery too many.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use runner::ports::{Bus, Parcel, PortError, Result, Write};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::database::{Database, DatabaseError};

mod commit;
mod message;
mod queue;
mod recent;
mod shared;
mod state;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use message::{
    Counts, DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, DEAD_LETTER_SOURCE, Delivery, Letter, LockLost,
};

use commit::Commit;
use recent::Recent;
use shared::{COMPLETIONS_WITHIN, COUNTS_WITHIN, Inside, Shared};
use state::{State, Taken};

/// Where messages go that nobody could settle, whatever queue they were in.
pub const DEAD_LETTERS: &str = "dead-letters";

/// Where a dead letter goes that nobody could settle either. Nothing takes from here by itself.
pub const BURIED: &str = "dead-letters/$deadletterqueue";

const BACKEND: &str = "local bus";

/// The habits of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOptions {
    /// How long a message is its receiver's alone. Default: a minute.
    pub lock_duration: Duration,
    /// How often a message is handed out before it is a dead letter. Default: ten times.
    pub max_deliveries: u32,
    /// How long a second message with the same id is dropped. Default: ten minutes.
    pub duplicate_window: Duration,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self { lock_duration: Duration::from_secs(60), max_deliveries: 10, duplicate_window: Duration::from_secs(600) }
    }
}

/// The one bus of a database: takes messages in, and hands them out. Clones are the same bus.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    database: Database,
    options: BrokerOptions,
    timer: Option<JoinHandle<()>>,
}

impl Broker {
    /// Opens the bus with all messages that the database has. There must be one broker of a database at a time.
    ///
    /// # Errors
    ///
    /// The messages cannot be read.
    pub fn open(database: Database, options: BrokerOptions) -> Result<Self, DatabaseError> {
        let theirs = options.clone();
        let shared = database.read_blocking(move |reading| {
            let now = Timestamp::now();
            let window = SignedDuration::try_from(theirs.duplicate_window).unwrap_or(SignedDuration::MAX);
            let mut recent = Recent::new(window);
            table::load_recent(reading, &mut recent, now, window)?;
            let mut state = State::new(theirs);
            table::load(reading, &mut state, now)?;
            Ok(Shared::new(state, recent))
        })?;
        let (theirs, their_database) = (Arc::clone(&shared), database.clone());
        let timer = std::thread::Builder::new()
            .name("bus timer".into())
            .spawn(move || theirs.run_timer(&their_database))
            .map_err(|error| DatabaseError::Failed(format!("no thread to be had: {error}")))?;
        Ok(Self { inner: Arc::new(Inner { shared, database, options, timer: Some(timer) }) })
    }

    /// Waits until a queue has messages and hands out up to `max` of them. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// The messages' bodies cannot be read; they are available again.
    pub async fn receive(&self, queue: &str, max: usize) -> Result<Vec<Delivery>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let arrivals = self.inner.shared.lock().state.arrivals(queue);
        loop {
            let arrived = arrivals.notified();
            tokio::pin!(arrived);
            // From here on no arrival is missed, also one between the look and the wait.
            arrived.as_mut().enable();
            let taken = self.inner.act(COUNTS_WITHIN, |state| state.take(queue, max, Instant::now()));
            if !taken.is_empty() {
                return self.deliver(taken).await;
            }
            arrived.await;
        }
    }

    /// The message is done with.
    ///
    /// # Errors
    ///
    /// The lock is gone.
    pub fn complete(&self, lock: Uuid) -> Result<(), LockLost> {
        self.inner.act(COMPLETIONS_WITHIN, |state| state.complete(lock))
    }

    /// The message is given back, and available at once; after too many deliveries it is a dead letter.
    ///
    /// # Errors
    ///
    /// The lock is gone.
    pub fn abandon(&self, lock: Uuid) -> Result<(), LockLost> {
        self.inner.act(COMPLETIONS_WITHIN, |state| state.abandon(lock))
    }

    /// The lock begins anew. Answers until when it holds.
    ///
    /// # Errors
    ///
    /// The lock is gone.
    pub fn renew(&self, lock: Uuid) -> Result<Timestamp, LockLost> {
        self.inner.act(COUNTS_WITHIN, |state| state.renew(lock, Instant::now())).map(from_now)
    }

    /// The message goes to [`DEAD_LETTERS`].
    ///
    /// # Errors
    ///
    /// The lock is gone.
    pub fn dead_letter(&self, lock: Uuid, reason: &str, description: &str) -> Result<(), LockLost> {
        self.inner.act(Duration::ZERO, |state| state.dead_letter(lock, reason, description))
    }

    /// Shows up to `max` messages of a queue, whatever they wait for, in the order of their numbers, from after one
    /// (0: from the first). They stay as they are.
    ///
    /// # Errors
    ///
    /// Their bodies cannot be read.
    pub async fn peek(&self, queue: &str, after: i64, max: usize) -> Result<Vec<Letter>> {
        let entries = self.inner.shared.lock().state.peek(queue, after, max);
        let mut letters = Vec::with_capacity(entries.len());
        for entry in entries {
            let body = match entry.body {
                Some(body) => Some(body),
                // It may have been settled meanwhile.
                None => self.body(entry.letter.sequence_number).await?,
            };
            if let Some(body) = body {
                let mut letter = entry.letter.in_queue();
                letter.body = body;
                letters.push(letter);
            }
        }
        Ok(letters)
    }

    /// How many messages a queue has.
    #[must_use]
    pub fn counts(&self, queue: &str) -> Counts {
        self.inner.shared.lock().state.counts(queue)
    }

    /// The queues that were used since the start or have messages, in order.
    #[must_use]
    pub fn queues(&self) -> Vec<String> {
        self.inner.shared.lock().state.names()
    }

    /// Performs writes of documents and sends messages in one transaction, and answers the documents' new versions.
    /// Receivers see the messages only after the commit.
    ///
    /// # Errors
    ///
    /// A document has changed meanwhile, or nothing can be written: then nothing was.
    pub(crate) async fn commit(&self, writes: Vec<Write>, parcels: Vec<Parcel>) -> Result<Vec<String>, DatabaseError> {
        for parcel in &parcels {
            check(parcel)?;
        }
        let (answer, answered) = oneshot::channel();
        let shared = Arc::clone(&self.inner.shared);
        let commit = Commit::new(shared, writes, parcels, answer);
        self.inner.database.submit_now(Box::new(commit)).await;
        answered.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Finds the bodies that are in the file alone.
    async fn deliver(&self, taken: Vec<Taken>) -> Result<Vec<Delivery>> {
        let locked_until = from_now(self.inner.options.lock_duration);
        let mut guard = GiveBack { broker: self, locks: taken.iter().map(|taken| taken.lock).collect() };
        let mut deliveries = Vec::with_capacity(taken.len());
        for mut one in taken {
            let number = one.letter.sequence_number;
            one.letter.body = match one.body {
                Some(body) => body,
                None => self.body(number).await?.ok_or_else(|| {
                    PortError::permanent(BACKEND, format!("message {number} is not in state.db any more"))
                })?,
            };
            deliveries.push(Delivery {
                lock: one.lock,
                locked_until,
                delivery_count: one.delivery_count,
                message: one.letter,
            });
        }
        guard.locks.clear();
        Ok(deliveries)
    }

    async fn body(&self, number: i64) -> Result<Option<bytes::Bytes>> {
        self.inner
            .database
            .read(move |reading| table::body(reading, number))
            .await
            .map_err(|error| error.for_port(BACKEND))
    }
}

impl Inner {
    /// Does something in memory, and has what follows from it written.
    fn act<T>(&self, within: Duration, act: impl FnOnce(&mut State) -> T) -> T {
        let mut inside = self.shared.lock();
        let answer = act(&mut inside.state);
        self.settle(&mut inside, within);
        self.shared.set_timer(&inside);
        answer
    }

    fn settle(&self, inside: &mut Inside, within: Duration) {
        self.shared.settle_within(inside, &self.database, within);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(timer) = self.timer.take()
            && timer.thread().id() != std::thread::current().id()
        {
            // A timer that panicked has nothing more to say.
            let _ = timer.join();
        }
        self.settle(&mut self.shared.lock(), Duration::ZERO);
    }
}

/// Gives messages back when they do not get to their receiver.
struct GiveBack<'a> {
    broker: &'a Broker,
    locks: Vec<Uuid>,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        for lock in self.locks.drain(..) {
            // One that has ended meanwhile is back already.
            let _ = self.broker.abandon(lock);
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("database", &self.inner.database).finish_non_exhaustive()
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages in {}", self.inner.database.path().display())
    }
}

#[async_trait]
impl Bus for Broker {
    async fn send(&self, parcels: Vec<Parcel>) -> Result<()> {
        let sent = self.commit(Vec::new(), parcels).await;
        sent.map(drop).map_err(|error| error.for_port(BACKEND))
    }
}

fn check(parcel: &Parcel) -> Result<(), DatabaseError> {
    let wrong = if parcel.queue.is_empty() || parcel.queue.len() > 260 {
        "the name of a queue has 1 to 260 bytes"
    } else if parcel.id.is_empty() {
        "a message needs an id, made from what caused it"
    } else {
        return Ok(());
    };
    Err(DatabaseError::Refused(format!("message {:?} to queue {:?} cannot be sent: {wrong}", parcel.id, parcel.queue)))
}

fn from_now(duration: Duration) -> Timestamp {
    Timestamp::now()
        .saturating_add(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}
