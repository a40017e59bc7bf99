//! The one connection that writes: a thread has it, and lends it to who is alone.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection, Params};
use tokio::sync::oneshot;

use super::DatabaseError;

/// Numbers are reserved in the file this many at a time, so that counting costs no write.
const RESERVED: i64 = 1000;

/// After a commit the writer looks again by itself within this time. So what comes in the meantime and need not be
/// written at once (a step's message is taken, and done with) wakes nobody.
const WATCHFUL: Duration = Duration::from_millis(5);

/// A commit that takes no longer than this is quick: the thread that asks for it may as well make it, since waking another
/// one, and being woken by it, takes as long.
const QUICK: Duration = Duration::from_millis(1);

/// Something to write.
pub(crate) trait Request: Send {
    /// Writes. An error undoes what this request wrote.
    fn write(&mut self, change: &Change<'_>) -> Result<(), DatabaseError>;

    /// Is told after the commit, in the order of the writes. After an error nothing of it is in the file, also when
    /// `write` went well.
    fn settled(self: Box<Self>, outcome: Result<(), DatabaseError>);
}

/// The transaction that a request writes in.
#[derive(Debug)]
pub struct Change<'a> {
    connection: &'a Connection,
    next: &'a Cell<i64>,
}

impl Change<'_> {
    /// Runs a statement, prepared once, and answers how many rows it changed.
    ///
    /// # Errors
    ///
    /// The statement is wrong or the file cannot be written.
    pub fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, DatabaseError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// A statement, prepared once.
    ///
    /// # Errors
    ///
    /// The statement is wrong or the file cannot be read.
    pub fn prepare(&self, sql: &'static str) -> Result<CachedStatement<'_>, DatabaseError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// A number that is greater than every one before it and never comes again, also after a restart.
    #[must_use]
    pub fn next_number(&self) -> i64 {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }
}

/// A request made of a function.
pub(super) struct Closure<T, F> {
    work: Option<F>,
    value: Option<T>,
    answer: oneshot::Sender<Result<T, DatabaseError>>,
}

impl<T, F> Closure<T, F> {
    pub(super) fn new(work: F, answer: oneshot::Sender<Result<T, DatabaseError>>) -> Self {
        Self { work: Some(work), value: None, answer }
    }
}

impl<T, F> Request for Closure<T, F>
where
    T: Send,
    F: FnOnce(&Change<'_>) -> Result<T, DatabaseError> + Send,
{
    fn write(&mut self, change: &Change<'_>) -> Result<(), DatabaseError> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(change)?);
        }
        Ok(())
    }

    fn settled(self: Box<Self>, outcome: Result<(), DatabaseError>) {
        let Self { value, answer, .. } = *self;
        // Nobody minds when the asker has gone.
        let _ = answer.send(outcome.and_then(|()| value.ok_or(DatabaseError::Closed)));
    }
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Box<dyn Request>>,
    /// How many of them somebody is about to have committed.
    offered: usize,
    /// When they are to be committed at the latest; in the past: now.
    due: Option<Instant>,
    /// When the writer looks next, if nobody wakes it; None: it is at work, or would sleep on.
    looks_at: Option<Instant>,
    closing: bool,
}

impl Waiting {
    fn take(&mut self) -> Vec<Box<dyn Request>> {
        (self.due, self.offered) = (None, 0);
        mem::take(&mut self.requests)
    }
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that wait, as soon as they are due; None: nothing will come any more.
    fn take(&self) -> Option<Vec<Box<dyn Request>>> {
        let mut waiting = self.lock();
        let watchful_until = Instant::now() + WATCHFUL;
        loop {
            let now = Instant::now();
            if waiting.due.is_some_and(|due| due <= now || waiting.closing) {
                waiting.looks_at = None;
                return Some(waiting.take());
            }
            if waiting.closing {
                return None;
            }
            let watchful = (now < watchful_until).then_some(watchful_until);
            waiting.looks_at = waiting.due.into_iter().chain(watchful).min();
            waiting = match waiting.looks_at {
                Some(at) => self.arrived.wait_timeout(waiting, at - now).unwrap_or_else(PoisonError::into_inner).0,
                None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

pub(super) struct Writer {
    queue: Arc<Queue>,
    committer: Arc<Mutex<Committer>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, DatabaseError> {
        let reserved: i64 = connection.query_row("SELECT reserved FROM numbers", [], |row| row.get(0))?;
        let queue = Arc::new(Queue::default());
        let committer = Committer { connection, next: Cell::new(reserved + 1), reserved, took: Duration::ZERO };
        let committer = Arc::new(Mutex::new(committer));
        let (their_queue, their_committer) = (Arc::clone(&queue), Arc::clone(&committer));
        let thread = std::thread::Builder::new()
            .name("state.db writer".into())
            .spawn(move || {
                while let Some(batch) = their_queue.take() {
                    their_committer.lock().unwrap_or_else(PoisonError::into_inner).commit(batch);
                }
            })
            .map_err(|error| DatabaseError::Failed(format!("no thread to be had: {error}")))?;
        Ok(Self { queue, committer, thread: Some(thread) })
    }

    /// Adds a request for the [`Offer`] to have committed.
    pub(super) fn offer(&self, request: Box<dyn Request>) -> Offer<'_> {
        let mut waiting = self.queue.lock();
        waiting.requests.push(request);
        waiting.offered += 1;
        Offer { writer: self, is_open: true }
    }

    /// Commits what waits, unless commits are slow, or one is under way.
    fn commit_here(&self) -> bool {
        let mut committer = match self.committer.try_lock() {
            Ok(committer) => committer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if committer.took > QUICK {
            return false;
        }
        let batch = self.queue.lock().take();
        committer.commit(batch);
        true
    }

    pub(super) fn submit(&self, request: Box<dyn Request>, within: Option<Duration>) {
        let mut waiting = self.queue.lock();
        waiting.requests.push(request);
        self.set_due(waiting, within.unwrap_or_default());
    }

    pub(super) fn commit_within(&self, within: Duration) {
        let waiting = self.queue.lock();
        if !waiting.requests.is_empty() {
            self.set_due(waiting, within);
        }
    }

    fn set_due(&self, mut waiting: MutexGuard<'_, Waiting>, within: Duration) {
        let due = Instant::now() + within;
        let sooner = waiting.due.is_none_or(|before| due < before);
        if sooner {
            waiting.due = Some(due);
        }
        let looks_too_late = waiting.looks_at.is_none_or(|at| due < at);
        drop(waiting);
        if sooner && looks_too_late {
            self.queue.arrived.notify_one();
        }
    }
}

/// A request that is in the queue, and of which nobody has told the thread yet. Dropping it does.
pub(super) struct Offer<'a> {
    writer: &'a Writer,
    is_open: bool,
}

impl Offer<'_> {
    /// Commits on this thread if nobody else has offered anything, and that is quick; otherwise it is the writer's.
    pub(super) fn commit(mut self) {
        let offered = self.writer.queue.lock().offered;
        self.is_open = match offered {
            // It was taken along.
            0 => false,
            1 => !self.writer.commit_here(),
            _ => true,
        };
    }
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.writer.commit_within(Duration::ZERO);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().closing = true;
        self.queue.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A writer that panicked has told those who waited already, by going.
            let _ = thread.join();
        }
    }
}

struct Committer {
    connection: Connection,
    next: Cell<i64>,
    reserved: i64,
    /// How long the last commit took.
    took: Duration,
}

impl Committer {
    /// Commits what waited. A request that panics takes its batch along (their askers hear that by the dropped answer),
    /// and not those after it.
    fn commit(&mut self, batch: Vec<Box<dyn Request>>) {
        let begun = Instant::now();
        let committed = catch_unwind(AssertUnwindSafe(|| self.commit_and_settle(batch)));
        if committed.is_err() && !self.connection.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
        self.took = begun.elapsed();
    }

    fn commit_and_settle(&mut self, mut batch: Vec<Box<dyn Request>>) {
        let mut outcomes = Vec::with_capacity(batch.len());
        let committed = self.transaction(&mut batch, &mut outcomes);
        if committed.is_err() && !self.connection.is_autocommit() {
            // What cannot be rolled back either is found out by the next BEGIN.
            let _ = self.run("ROLLBACK");
        }
        for (number, request) in batch.into_iter().enumerate() {
            let outcome = match (&committed, outcomes.get_mut(number)) {
                // A request's own error says more than the batch's.
                (_, Some(outcome @ Err(_))) => mem::replace(outcome, Ok(())),
                (Err(error), _) => Err(error.clone()),
                (Ok(()), _) => Ok(()),
            };
            request.settled(outcome);
        }
    }

    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Request>],
        outcomes: &mut Vec<Result<(), DatabaseError>>,
    ) -> Result<(), DatabaseError> {
        self.run("BEGIN IMMEDIATE")?;
        for request in batch {
            self.run("SAVEPOINT request")?;
            let change = Change { connection: &self.connection, next: &self.next };
            let outcome = request.write(&change);
            if let Err(error) = &outcome {
                if self.connection.is_autocommit() {
                    // SQLite has given the whole transaction up (the disk is full): the others lose theirs too.
                    return Err(error.clone());
                }
                self.run("ROLLBACK TO request")?;
            }
            self.run("RELEASE request")?;
            outcomes.push(outcome);
        }
        let next = self.next.get();
        let mut reserved = self.reserved;
        if next > reserved {
            reserved = next + RESERVED;
            self.connection.prepare_cached("UPDATE numbers SET reserved = ?1")?.execute([reserved])?;
        }
        self.run("COMMIT")?;
        self.reserved = reserved;
        Ok(())
    }

    fn run(&self, sql: &'static str) -> Result<(), DatabaseError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
