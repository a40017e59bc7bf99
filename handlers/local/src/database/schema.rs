//! The tables, and how the file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::DatabaseError;

/// The shape of the file. A change that an older program cannot take counts it up.
pub const VERSION: i64 = 1;

/// Says that the file is ours: `trny`.
const APPLICATION: i64 = 0x7472_6e79;

/// Files up to this size are checked page by page when they are opened; of larger ones that would take seconds.
const CHECKED_BYTES: u64 = 16 << 20;

// Documents are a table with an index beside it, not a table ordered by key: bodies are kilobytes, and so a listing
// reads keys alone and an update touches one tree. `number` is never reused (see `Change::next_number`), so messages
// are always added at the end of theirs.
const TABLES: &str = "
    CREATE TABLE numbers (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), reserved INTEGER NOT NULL) STRICT;
    INSERT INTO numbers VALUES (1, 0);
    CREATE TABLE documents (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        session TEXT,
        enqueued_us INTEGER NOT NULL,
        deliver_us INTEGER,
        delivery_count INTEGER NOT NULL,
        properties TEXT,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE taken (
        number INTEGER PRIMARY KEY,
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        enqueued_us INTEGER NOT NULL
    ) STRICT;
";

/// Opens the file for the one that writes, making it if it is not there.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, DatabaseError> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    check(&connection, size)?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // A commit is on the disk when it is answered.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if count_of_tables(&connection)? == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
    }
    Ok(connection)
}

/// Opens the file for one that reads.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn check(connection: &Connection, size: u64) -> Result<(), DatabaseError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id")?;
    let version = pragma("user_version")?;
    if count_of_tables(connection)? == 0 {
        return Ok(());
    }
    if application != APPLICATION {
        return Err(DatabaseError::Foreign("it has tables, and none of them ours; move it away".into()));
    }
    if version > VERSION {
        return Err(DatabaseError::Newer { found: version, known: VERSION });
    }
    if size <= CHECKED_BYTES {
        let found: Option<String> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).optional()?;
        if let Some(found) = found.filter(|found| found != "ok") {
            return Err(DatabaseError::Corrupt(found.replace('\n', " ")));
        }
    }
    Ok(())
}

fn count_of_tables(connection: &Connection) -> Result<i64, DatabaseError> {
    Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
}
