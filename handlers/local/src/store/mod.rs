//! Documents in the one file.

use std::fmt;

use async_trait::async_trait;
use runner::ports::{Document, Expect, PortError, Result, Store, Write};
use rusqlite::OptionalExtension;

use crate::database::{Change, Database, DatabaseError};

mod ledger;
#[cfg(test)]
mod tests;

pub use ledger::LocalLedger;

const BACKEND: &str = "local store";

/// The embedded [`Store`].
#[derive(Debug, Clone)]
pub struct LocalStore {
    database: Database,
}

impl LocalStore {
    /// The documents of a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "documents in {}", self.database.path().display())
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        let key = key.to_owned();
        self.database
            .read(move |reading| {
                let mut select = reading.prepare("SELECT version, body FROM documents WHERE key = ?1")?;
                let found = select
                    .query_row([key], |row| {
                        let version: i64 = row.get(0)?;
                        Ok(Document { version: version.to_string(), body: row.get(1)? })
                    })
                    .optional()?;
                Ok(found)
            })
            .await
            .map_err(port_error)
    }

    async fn put(&self, key: &str, body: Vec<u8>, expect: Expect) -> Result<String> {
        let write = Write { key: key.to_owned(), body: Some(body), expect };
        self.database.write(move |change| apply(change, &write)).await.map_err(port_error)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let write = Write { key: key.to_owned(), body: None, expect: Expect::Anything };
        self.database.write(move |change| apply(change, &write).map(drop)).await.map_err(port_error)
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        // The smallest text after `after` is `after` and a zero.
        let from = after.map_or_else(String::new, |after| format!("{after}\0"));
        let from = from.max(prefix.to_owned());
        let until = end_of(prefix);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database
            .read(move |reading| {
                let mut keys = Vec::new();
                // Two statements, so that each is one walk along the index.
                let mut select = match &until {
                    Some(_) => reading
                        .prepare("SELECT key FROM documents WHERE key >= ?1 AND key < ?3 ORDER BY key LIMIT ?2")?,
                    None => reading.prepare("SELECT key FROM documents WHERE key >= ?1 ORDER BY key LIMIT ?2")?,
                };
                let mut rows = match &until {
                    Some(until) => select.query((&from, limit, until))?,
                    None => select.query((&from, limit))?,
                };
                while let Some(row) = rows.next()? {
                    keys.push(row.get(0)?);
                }
                Ok(keys)
            })
            .await
            .map_err(port_error)
    }
}

/// Performs one write and answers the document's new version, which is empty when it was removed.
pub(crate) fn apply(change: &Change<'_>, write: &Write) -> Result<String, DatabaseError> {
    let Write { key, body, expect } = write;
    let version = change.next_number();
    let changed = match (body, expect) {
        (Some(body), Expect::Absent) => change.execute(
            "INSERT INTO documents (key, version, body) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO NOTHING",
            (key, version, body),
        )?,
        (Some(body), Expect::Anything) => change.execute(
            "INSERT INTO documents (key, version, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body",
            (key, version, body),
        )?,
        (Some(body), Expect::Version(expected)) => change.execute(
            "UPDATE documents SET version = ?2, body = ?3 WHERE key = ?1 AND version = ?4",
            (key, version, body, parsed(expected)),
        )?,
        (None, Expect::Version(expected)) => {
            change.execute("DELETE FROM documents WHERE key = ?1 AND version = ?2", (key, parsed(expected)))?
        }
        (None, Expect::Anything) => {
            change.execute("DELETE FROM documents WHERE key = ?1", [key])?;
            1
        }
        (None, Expect::Absent) => {
            let mut select = change.prepare("SELECT 1 FROM documents WHERE key = ?1")?;
            usize::from(!select.exists([key])?)
        }
    };
    match (changed, body) {
        (0, _) => Err(DatabaseError::Conflict { key: key.clone() }),
        (_, Some(_)) => Ok(version.to_string()),
        (_, None) => Ok(String::new()),
    }
}

/// A version that was never ours is a version that no document has.
fn parsed(version: &str) -> i64 {
    version.parse().unwrap_or(-1)
}

/// The smallest text after all that begin with `prefix`; None: there is none.
fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // UTF-8 sorts as its characters do. Between U+D7FF and U+E000 there are none.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

fn port_error(error: DatabaseError) -> PortError {
    error.for_port(BACKEND)
}
