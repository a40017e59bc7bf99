//! Why the host does not run.

use std::io;
use std::path::PathBuf;

use azure_functions::{FunctionError, HostJsonError};

/// Why the host cannot start, or why it stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Another program listens on the port.
    #[error(
        "port {port} is taken: another host is running (`trainyard down` stops it) or another program listens there; \
         or choose another port"
    )]
    PortBusy {
        /// The port.
        port: u16,
    },
    /// The port cannot be had for another reason.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the app cannot be read.
    #[error("cannot read {path}: {reason}; the script root must hold host.json")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `host.json` is wrong.
    #[error(transparent)]
    HostJson(#[from] HostJsonError),
    /// A `function.json` is wrong.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// There is nothing to run.
    #[error("there are no functions: neither {root}/*/function.json nor {root}/functions/*/function.json is there")]
    NoFunctions {
        /// The script root.
        root: PathBuf,
    },
    /// A binding names a setting that is not there.
    #[error(
        "function `{function}` uses the setting %{setting}%, which is not set: put it into the environment or into \
         `Values` of local.settings.json"
    )]
    Setting {
        /// The function.
        function: String,
        /// The setting.
        setting: String,
    },
    /// A route is not one.
    #[error("function `{function}`: the route `{route}` is not supported: {reason}")]
    Route {
        /// The function.
        function: String,
        /// The route.
        route: String,
        /// What is wrong.
        reason: String,
    },
    /// A schedule is not one.
    #[error("function `{function}`: the schedule `{schedule}` is not six fields such as `0 */5 * * * *`: {reason}")]
    Schedule {
        /// The function.
        function: String,
        /// The schedule.
        schedule: String,
        /// What is wrong.
        reason: String,
    },
    /// The handler's process cannot be started.
    #[error("cannot start the handler `{executable}`, which host.json names: {source}")]
    HandlerStart {
        /// The program.
        executable: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The handler crashed too often.
    #[error("the handler crashed {crashes} times, and the host gave up; the last time it {how}{last_words}")]
    HandlerCrashed {
        /// How often, with less than half an hour between one and the next.
        crashes: u32,
        /// How it ended.
        how: String,
        /// The last lines that it wrote to stderr.
        last_words: String,
    },
    /// A part of the host ended that never does.
    #[error("the host broke: {0}")]
    Broken(String),
}
