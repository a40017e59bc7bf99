//! Child processes in groups of their own, ended with all that they started; and what they are told of this machine.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::log::Log;

/// How long a command has between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(5);

/// A command and all that it starts. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Child,
    id: Option<Pid>,
}

impl Group {
    /// Starts a command that reads nothing and prints to the log.
    pub(crate) fn spawn(command: &mut Command, log: &Log) -> io::Result<Self> {
        let leader =
            command.stdin(Stdio::null()).stdout(log.handle()?).stderr(log.handle()?).process_group(0).spawn()?;
        let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { leader, id })
    }

    /// How the command ends. What it has left running is ended then too.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.leader.wait().await?;
        self.signal(Signal::KILL);
        self.id = None;
        Ok(status)
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::TERM);
        let _ = tokio::time::timeout(GRACE, self.leader.wait()).await;
        self.signal(Signal::KILL);
        let _ = self.leader.wait().await;
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Variables that a command gets from this machine. Everything else, above all whatever secrets the host has in its
/// environment, stays behind.
const PASSED: [&str; 21] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// What a command gets from this machine: where programs, home and temporary files are, the language, proxies,
/// certificates, and pip's own settings (`PIP_*`).
pub(crate) fn clean_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| PASSED.contains(&name) || name.starts_with("PIP_")))
}

/// How it ended, in words: `exit code 1`, `signal 11`.
pub(crate) fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(137), _) => "exit code 137 (it was killed, mostly because memory ran out)".into(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

/// Ends processes that a dead supervisor has left behind: those whose environment names the job's folder of outputs.
#[cfg(target_os = "linux")]
pub(super) fn end_leftovers(outputs: &Path) {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    use std::os::unix::ffi::OsStrExt as _;

    let mark = [b"TRAINYARD_OUTPUTS=", outputs.as_os_str().as_bytes()].concat();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let name = process.file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            continue;
        };
        let is_ours = |path: &Path| {
            let environment = std::fs::read(path.join("environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|v| v == mark)
        };
        // Taken hold of before it is looked at: the number may be another process's a moment later.
        if is_ours(&process.path())
            && let Ok(hold) = pidfd_open(id, PidfdFlags::empty())
            && is_ours(&process.path())
        {
            let _ = pidfd_send_signal(hold, Signal::KILL);
        }
    }
}

/// Elsewhere nobody tells whose a process is; what is left behind ends by itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_leftovers(_outputs: &Path) {}

/// Whether somebody else ended it: the system for lack of memory, a person, a machine that shuts down.
pub(super) fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    by(Signal::KILL) || by(Signal::TERM)
}
