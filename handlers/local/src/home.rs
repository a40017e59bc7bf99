//! The folder that holds all state of one machine.
//!
//! ```text
//! home/
//!   version        says that the folder is ours, and of which shape
//!   lock           held by the one `up`; says by which process, since when
//!   state.db       documents and messages
//!   artifacts/     large objects by digest
//!   jobs/ images/ deployments/ python/ app/
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use crate::artifacts::LocalArtifacts;
use crate::bus::{Broker, BrokerOptions};
use crate::database::{Database, DatabaseError};
use crate::store::{LocalLedger, LocalStore};

mod error;
#[cfg(test)]
mod tests;

pub use error::{Holder, HomeError};

/// The shape of the folder. A change that an older program cannot take counts it up.
pub const VERSION: u32 = 1;

const FOLDERS: [&str; 6] = ["artifacts", "jobs", "images", "deployments", "python", "app"];
/// Longer than a look at a home takes.
const LOOKING: Duration = Duration::from_millis(10);
/// SQLite takes 512 bytes at most, with the names of its own files.
const LONGEST: usize = 480;
const FIRST_LINE: &str = "trainyard home ";

/// Where things are in a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    dir: PathBuf,
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident: $path:literal,)*) => {
        impl Layout {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> PathBuf {
                self.dir.join($path)
            })*
        }
    };
}

places! {
    /// The database.
    state: "state.db",
    /// Large objects by digest.
    artifacts: "artifacts",
    /// One folder for each job.
    jobs: "jobs",
    /// Scoring images.
    images: "images",
    /// What serves.
    deployments: "deployments",
    /// Python environments by the digest of what they are made from.
    python: "python",
    /// The staged function app.
    app: "app",
}

impl Layout {
    /// Where things are in the home at this folder, whether or not it is there.
    #[must_use]
    pub fn of(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The home itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// A home as it looks from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Where things are.
    pub layout: Layout,
    /// Who works in it now.
    pub holder: Option<Holder>,
}

/// A home that this process works in, and no other.
#[derive(Debug)]
pub struct Home {
    layout: Layout,
    broker: Broker,
    database: Database,
    // Held until the database is closed as well, which has a clone.
    _lock: Arc<File>,
}

impl Home {
    /// Takes a home for this process and makes what is not there.
    ///
    /// # Errors
    ///
    /// Each way in which a folder cannot be a home is a variant of its own.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, HomeError> {
        Self::open_with(dir, BrokerOptions::default())
    }

    /// The same with other habits of the bus.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(dir: impl Into<PathBuf>, options: BrokerOptions) -> Result<Self, HomeError> {
        let layout = Layout::of(dir);
        let at = |error: &io::Error| io_error(&layout.dir, error);
        let bytes = std::path::absolute(&layout.dir).map_or(0, |dir| dir.as_os_str().len());
        if bytes > LONGEST {
            return Err(HomeError::TooLong { dir: layout.dir, bytes, most: LONGEST });
        }
        fs::create_dir_all(&layout.dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                failed(&layout.dir, "there is a file by this name, or on the way to it")
            }
            _ => at(&error),
        })?;
        // Looked at twice: another process may be making it a home just now.
        if read_version(&layout)?.is_none()
            && !is_empty(&layout.dir).map_err(|error| at(&error))?
            && read_version(&layout)?.is_none()
        {
            return Err(HomeError::Foreign(layout.dir));
        }
        let lock = Arc::new(take_lock(&layout)?);
        if read_version(&layout)?.is_none() {
            write_version(&layout.dir).map_err(|error| at(&error))?;
        }
        for folder in FOLDERS {
            fs::create_dir_all(layout.dir.join(folder)).map_err(|error| at(&error))?;
        }
        LocalArtifacts::new(layout.artifacts()).clean().map_err(|error| at(&error))?;
        let held: Box<Arc<File>> = Box::new(Arc::clone(&lock));
        let database =
            Database::open_holding(&layout.state(), Some(held)).map_err(|error| database_error(&layout, error))?;
        let broker = Broker::open(database.clone(), options).map_err(|error| database_error(&layout, error))?;
        Ok(Self { layout, broker, database, _lock: lock })
    }

    /// Looks at a home without taking it, for tools: where things are, and who works in it.
    ///
    /// # Errors
    ///
    /// It is not there, not ours, newer, or cannot be read.
    pub fn peek(dir: impl Into<PathBuf>) -> Result<Glance, HomeError> {
        let layout = Layout::of(dir);
        if read_version(&layout)?.is_none() {
            return Err(if layout.dir.exists() {
                HomeError::Foreign(layout.dir)
            } else {
                HomeError::Absent(layout.dir)
            });
        }
        let holder = match File::open(layout.dir.join("lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&layout.dir, &error)),
            // A shared lock, let go at once: two who look do not see each other.
            Ok(mut lock) => match flock(&lock, FlockOperation::NonBlockingLockShared) {
                Ok(()) => None,
                Err(_) => Some(read_holder(&mut lock)),
            },
        };
        Ok(Glance { layout, holder })
    }

    /// Where things are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The one file of documents and messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The bus: for those who send, and for the host that delivers.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Documents.
    #[must_use]
    pub fn store(&self) -> LocalStore {
        LocalStore::new(self.database.clone())
    }

    /// Documents and messages in one transaction.
    #[must_use]
    pub fn ledger(&self) -> LocalLedger {
        LocalLedger::new(self.broker.clone())
    }

    /// Large objects.
    #[must_use]
    pub fn artifacts(&self) -> LocalArtifacts {
        LocalArtifacts::new(self.layout.artifacts())
    }
}

fn take_lock(layout: &Layout) -> Result<File, HomeError> {
    let at = |error: &io::Error| io_error(&layout.dir, error);
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(layout.dir.join("lock"))
        .map_err(|error| at(&error))?;
    let mut tries = 0;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            // Somebody may only be looking (see `peek`), which takes no time.
            Err(rustix::io::Errno::WOULDBLOCK) if tries < 3 => {
                tries += 1;
                std::thread::sleep(LOOKING);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(HomeError::InUse { dir: layout.dir.clone(), holder: read_holder(&mut lock) });
            }
            Err(error) => return Err(at(&error.into())),
        }
    }
    let holder = Holder { pid: Some(std::process::id()), since: Some(Timestamp::now()) };
    let text = serde_json::to_string(&holder).map_err(|error| failed(&layout.dir, error))?;
    lock.set_len(0).and_then(|()| lock.write_all(text.as_bytes())).map_err(|error| at(&error))?;
    Ok(lock)
}

/// What the holder wrote; nothing when it has the lock and has not written yet.
fn read_holder(lock: &mut File) -> Holder {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
    match read {
        Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
        Err(_) => Holder::default(),
    }
}

/// The version of a home; None: the folder is not one, or not yet.
fn read_version(layout: &Layout) -> Result<Option<u32>, HomeError> {
    let text = match fs::read(layout.dir.join("version")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&layout.dir, &error)),
    };
    let version = text.strip_prefix(FIRST_LINE).map(str::trim);
    match version.map(str::parse::<u32>) {
        Some(Ok(version)) if version <= VERSION => Ok(Some(version)),
        Some(Ok(version)) => {
            Err(HomeError::Newer { dir: layout.dir.clone(), found: version.into(), known: VERSION.into() })
        }
        _ => Err(HomeError::Foreign(layout.dir.clone())),
    }
}

fn write_version(dir: &Path) -> io::Result<()> {
    // Moved to its name when it is whole, so that a crash leaves no half version.
    let aside = dir.join("lock.version");
    let mut file = File::create(&aside)?;
    file.write_all(format!("{FIRST_LINE}{VERSION}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(aside, dir.join("version"))?;
    File::open(dir)?.sync_all()
}

/// Whether there is nothing in it but what we leave when we crash while we make it a home.
fn is_empty(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if name != "lock" && name != "lock.version" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn io_error(dir: &Path, error: &io::Error) -> HomeError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            HomeError::ReadOnly { dir: dir.to_owned(), detail: error.to_string() }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => HomeError::Full(dir.to_owned()),
        _ => failed(dir, error),
    }
}

fn database_error(layout: &Layout, error: DatabaseError) -> HomeError {
    let dir = layout.dir.clone();
    match error {
        DatabaseError::Corrupt(detail) | DatabaseError::Foreign(detail) => {
            HomeError::Corrupt { path: layout.state(), detail }
        }
        DatabaseError::Newer { found, known } => HomeError::Newer { dir, found, known },
        DatabaseError::ReadOnly(detail) => HomeError::ReadOnly { dir, detail },
        DatabaseError::Full => HomeError::Full(dir),
        other => failed(&dir, other),
    }
}

fn failed(dir: &Path, detail: impl std::fmt::Display) -> HomeError {
    HomeError::Failed { dir: dir.to_owned(), detail: detail.to_string() }
}
