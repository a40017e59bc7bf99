//! The threads that read.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{CachedStatement, Connection};

use super::{DatabaseError, schema};

const THREADS: usize = 2;

/// A connection that only reads.
#[derive(Debug)]
pub struct Reading<'a> {
    connection: &'a Connection,
}

impl Reading<'_> {
    /// A statement, prepared once.
    ///
    /// # Errors
    ///
    /// The statement is wrong or the file cannot be read.
    pub fn prepare(&self, sql: &'static str) -> Result<CachedStatement<'_>, DatabaseError> {
        Ok(self.connection.prepare_cached(sql)?)
    }
}

type Job = Box<dyn FnOnce(&Reading<'_>) + Send>;

#[derive(Default)]
struct Queue {
    state: Mutex<(VecDeque<Job>, bool)>,
    arrived: Condvar,
}

pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, DatabaseError> {
        // Made first: when a later thread cannot be had, dropping this ends those before it.
        let mut readers = Self { queue: Arc::default(), threads: Vec::new() };
        for _ in 0..THREADS {
            let connection = schema::open_for_reading(path)?;
            let queue = Arc::clone(&readers.queue);
            let thread = std::thread::Builder::new()
                .name("state.db reader".into())
                .spawn(move || serve(&connection, &queue))
                .map_err(|error| DatabaseError::Failed(format!("no thread to be had: {error}")))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    pub(super) fn run(&self, job: Job) {
        let mut state = self.queue.lock();
        state.0.push_back(job);
        drop(state);
        self.queue.arrived.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, (VecDeque<Job>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(connection: &Connection, queue: &Queue) {
    loop {
        let mut state = queue.lock();
        let job = loop {
            match state.0.pop_front() {
                Some(job) => break job,
                None if state.1 => return,
                None => {
                    state = queue.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(state);
        // Whoever asked hears of a panic by the dropped answer; the thread stays for the others.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&Reading { connection })));
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.lock().1 = true;
        self.queue.arrived.notify_all();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != std::thread::current().id() {
                // A reader that panicked has told its asker already, by going.
                let _ = thread.join();
            }
        }
    }
}
