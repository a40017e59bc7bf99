//! Why a folder cannot be a home.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is none.
    #[error("{0} is not a home of Trainyard: there is no such folder; `trainyard up` makes it")]
    Absent(PathBuf),
    /// It has files, and they are not ours.
    #[error(
        "{0} has files in it and is not a home of Trainyard: choose an empty folder or a new one (--home or TRAINYARD_HOME)"
    )]
    Foreign(PathBuf),
    /// Another process works in it.
    #[error("{dir} is in use by {holder}: stop that one first, or choose another folder (--home or TRAINYARD_HOME)")]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// It was made by a newer program.
    #[error("{dir} was made by a newer Trainyard (version {found}, this one knows {known}): use the newer one")]
    Newer {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// Its database is no database any more.
    #[error(
        "{path} is damaged ({detail}): keep a copy of the folder, then restore the file from a backup, or move it away to begin anew"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Nothing can be written there.
    #[error("{dir} cannot be written ({detail}): give this user the right to write there, or choose another folder")]
    ReadOnly {
        /// The folder.
        dir: PathBuf,
        /// What was tried.
        detail: String,
    },
    /// SQLite opens no file by such a long name.
    #[error("the path of a home may have {most} bytes, and this one has {bytes}: choose a shorter one ({dir})")]
    TooLong {
        /// The folder.
        dir: PathBuf,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// No space left.
    #[error("the disk that holds {0} is full: free some space and try again")]
    Full(PathBuf),
    /// Everything else.
    #[error("{dir} cannot be used as a home: {detail}")]
    Failed {
        /// The folder.
        dir: PathBuf,
        /// What happened.
        detail: String,
    },
}

/// Who works in a home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process, if it has said so already.
    pub pid: Option<u32>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, self.since) {
            (Some(pid), Some(since)) => write!(f, "process {pid} since {since:.0}"),
            (Some(pid), None) => write!(f, "process {pid}"),
            _ => f.write_str("another process"),
        }
    }
}
