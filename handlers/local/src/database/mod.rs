//! The one SQLite file that holds documents and messages.
//!
//! ```text
//! callers --requests--> queue --all that wait--> writer: BEGIN, each in a savepoint, COMMIT --answers--> callers
//! callers --reads-----> queue -----------------> reader threads, each with a connection of its own
//! ```
//!
//! A commit costs one flush of the disk, whatever is in it. So the writer takes all requests that came in during the
//! last flush into the next: alone, a request is about as fast as SQLite; many together share the price. Each request
//! has a savepoint of its own, so a conflict of one leaves the others as they are. Nobody is answered before the
//! commit. Reads never wait for a commit (SQLite's write-ahead log).
//!
//! The writer is a thread, since a flush takes as long as the disk likes. Who is alone writes himself as long as the disk is
//! quick: two threads that wake each other take as long as such a commit.

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

mod error;
mod reader;
mod schema;
mod writer;

pub use error::DatabaseError;
pub use reader::Reading;
pub use schema::VERSION;
pub use writer::Change;
pub(crate) use writer::Request;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

/// The database of one home. Clones are the same database; the last one dropped writes what is left and closes it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

// Fields are dropped in this order: the writer closes last, which folds the log back into the one file, and the lock on
// the home goes when nothing is written any more.
struct Inner {
    readers: reader::Readers,
    writer: writer::Writer,
    path: PathBuf,
    _held: Option<Box<dyn Any + Send + Sync>>,
}

impl Database {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// The file is damaged, is no database of ours, is newer than this program, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Self::open_holding(path, None)
    }

    /// Opens the file and keeps `held` for as long as anything may still be written to it.
    pub(crate) fn open_holding(path: &Path, held: Option<Box<dyn Any + Send + Sync>>) -> Result<Self, DatabaseError> {
        let connection = schema::open_for_writing(path)?;
        let writer = writer::Writer::start(connection)?;
        let readers = reader::Readers::start(path)?;
        Ok(Self { inner: Arc::new(Inner { writer, readers, path: path.to_owned(), _held: held }) })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `work` in the next commit and answers after it. An error of `work` undoes what `work` wrote, and nothing
    /// else. Nobody else can write while `work` runs: it must be short and wait for nothing.
    ///
    /// # Errors
    ///
    /// What `work` says, or that the commit failed: then nothing of it was written.
    pub async fn write<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&Change<'_>) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(writer::Closure::new(work, answer)), None);
        answered.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Runs `work` on a connection that only reads, and sees all that was committed before.
    ///
    /// # Errors
    ///
    /// What `work` says.
    pub async fn read<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&Reading<'_>) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.inner.readers.run(Box::new(move |reading| {
            // Nobody minds when the asker has gone.
            let _ = answer.send(work(reading));
        }));
        answered.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// The same for who is not in a task, such as a program that starts.
    pub(crate) fn read_blocking<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&Reading<'_>) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.inner.readers.run(Box::new(move |reading| {
            let _ = answer.send(work(reading));
        }));
        answered.recv().unwrap_or(Err(DatabaseError::Closed))
    }

    /// Puts a request into the next commit; with `within`, it may wait that long for another one to ride with.
    pub(crate) fn submit(&self, request: Box<dyn Request>, within: Option<Duration>) {
        self.inner.writer.submit(request, within);
    }

    /// The same, at once. Who turns out to be alone with it writes it himself where commits are quick, and then it is
    /// written when this returns.
    pub(crate) async fn submit_now(&self, request: Box<dyn Request>) {
        let offer = self.inner.writer.offer(request);
        // Whoever else is ready to write adds his request meanwhile.
        tokio::task::yield_now().await;
        offer.commit();
    }

    /// Makes a commit happen within this time, for a request that was submitted with more patience.
    pub(crate) fn commit_within(&self, within: Duration) {
        self.inner.writer.commit_within(within);
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
