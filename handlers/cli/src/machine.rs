//! What the command line needs of the machine it runs on, and leaves to those who know it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Exit, Failure};

/// How the host is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpOptions {
    /// The folder of all local state.
    pub home: PathBuf,
    /// Where the host listens, on loopback.
    pub port: u16,
    /// A handler that runs already, say in a debugger; None: the host starts its own.
    pub handler_port: Option<u16>,
    /// The folder of `host.json` and the functions; None: what the binary brings along.
    pub script_root: Option<PathBuf>,
}

/// A host that takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Where it listens, on loopback.
    pub port: u16,
    /// It was up before.
    pub already: bool,
}

/// The parts of Trainyard that work on this machine.
///
/// Every method is called outside any async runtime, so each may start its own. An `anyhow::Error` converts to a
/// [`Failure`] with exit code 2; one that holds a [`Failure`] keeps it.
pub trait Machine {
    /// Runs the host in this process until somebody stops it.
    ///
    /// # Errors
    ///
    /// The home cannot be used ([`Exit::BadInput`]) or the port is taken ([`Exit::Unreachable`]).
    fn up(&self, options: &UpOptions) -> Result<Exit, Failure>;

    /// Starts a host that outlives this process, its log in `<home>/host.log`, and answers when it takes requests. One
    /// that works in that home already is taken as it is, whatever its port.
    ///
    /// # Errors
    ///
    /// As [`up`](Self::up); nothing is left running then.
    fn start_in_background(&self, options: &UpOptions) -> Result<Started, Failure>;

    /// Waits until a process of this machine has ended, and answers whether it has.
    fn wait_for_end(&self, process: u32, at_most: Duration) -> bool;

    /// Runs the custom handler that the Functions host starts.
    ///
    /// # Errors
    ///
    /// A setting is missing or wrong, or the port cannot be had.
    fn handler(&self, home: &Path) -> Result<Exit, Failure>;

    /// Runs one job to its end, in its folder.
    ///
    /// # Errors
    ///
    /// The folder is not a job's.
    fn job(&self, folder: &Path) -> Result<Exit, Failure>;

    /// Looks for a Python that jobs can run on. Answers a sentence: which one, or what is missing and how to get it.
    ///
    /// # Errors
    ///
    /// There is none.
    fn check_python(&self) -> Result<String, String>;

    /// Makes a git repository of a folder, with all its files in one commit on the branch `main`, and answers that
    /// commit. A folder that is one already stays as it is.
    ///
    /// # Errors
    ///
    /// The folder cannot be read or written.
    fn init_repository(&self, folder: &Path) -> Result<String, Failure>;
}
