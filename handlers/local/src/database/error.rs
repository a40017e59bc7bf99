//! What goes wrong with the file.

use runner::ports::PortError;
use rusqlite::ErrorCode;

/// Why the database did not do what it was asked. Nothing of a failed request is in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// Somebody else wrote first.
    #[error("{key} has changed meanwhile")]
    Conflict {
        /// Which document.
        key: String,
    },
    /// What was asked can never be done.
    #[error("{0}")]
    Refused(String),
    /// No space left.
    #[error(
        "the disk is full: nothing was written and nothing is damaged; free some space, and the next try works without a restart"
    )]
    Full,
    /// The folder or the file may not be written.
    #[error("state.db cannot be written: {0}; nothing was written")]
    ReadOnly(String),
    /// Another program holds a lock on the file.
    #[error("another program keeps state.db locked ({0}); nothing was written; close tools that have the file open")]
    Busy(String),
    /// The file is no database any more.
    #[error("state.db is damaged ({0}): stop, keep a copy of the home, and restore state.db from a backup")]
    Corrupt(String),
    /// The file is of another program.
    #[error("state.db is not a database of Trainyard: {0}")]
    Foreign(String),
    /// The file was made by a newer program.
    #[error("state.db has version {found} and this program knows {known}: use a newer program")]
    Newer {
        /// Of the file.
        found: i64,
        /// Of this program.
        known: i64,
    },
    /// Everything else: reading or writing failed.
    #[error("state.db could not be used: {0}")]
    Failed(String),
    /// The database is being closed.
    #[error("the database is closed")]
    Closed,
}

impl DatabaseError {
    /// The same for a port: is another try worth it?
    #[must_use]
    pub fn for_port(self, backend: &'static str) -> PortError {
        match self {
            Self::Conflict { key } => PortError::conflict(backend, key),
            Self::Refused(_) | Self::Corrupt(_) | Self::Foreign(_) | Self::Newer { .. } => {
                PortError::permanent(backend, self)
            }
            Self::Full | Self::ReadOnly(_) | Self::Busy(_) | Self::Failed(_) | Self::Closed => {
                PortError::transient(backend, self)
            }
        }
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        let said = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(said),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(said),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(said),
            _ => Self::Failed(said),
        }
    }
}
