//! Processes that outlive the host: found again by their id and the moment they started, ended with all they started.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::timeout;

/// A process, told apart from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its id, which is its group's too.
    pub pid: i32,
    /// The machine's boot and the moment in it, as the system tells them.
    pub started: String,
}

/// A process in a group of its own. It goes on when this is dropped; [`stop`](Self::stop) ends it.
#[derive(Debug, Clone)]
pub struct Process {
    mark: Mark,
    end: watch::Receiver<Option<String>>,
}

impl Process {
    /// Starts a command that reads nothing and appends what it says to a file.
    pub fn spawn(command: &mut Command, log: &Path) -> io::Result<Self> {
        let log = append(log)?;
        let mut child = command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log).process_group(0).spawn()?;
        let pid = child.id().map_or(0, u32::cast_signed);
        // One that ended at once has no moment any more, and nobody will look for it.
        let started = started(pid).unwrap_or_default();
        let mark = Mark { pid, started };
        let (tell, end) = watch::channel(None);
        let leader = mark.clone();
        tokio::spawn(async move {
            let end = match child.wait().await {
                Ok(status) => ending(status),
                Err(error) => format!("an end that the system did not tell ({error})"),
            };
            leader.signal(Signal::KILL);
            tell.send_replace(Some(end));
        });
        Ok(Self { mark, end })
    }

    /// Watches over a process that an earlier host started, if it is still that one.
    pub fn adopt(mark: &Mark) -> Option<Self> {
        let watch = watch_end(mark)?;
        let (tell, end) = watch::channel(None);
        let leader = mark.clone();
        tokio::spawn(async move {
            watch.await;
            leader.signal(Signal::KILL);
            tell.send_replace(Some("an end that only its parent could have seen".into()));
        });
        Some(Self { mark: mark.clone(), end })
    }

    /// Which it is.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Waits for its end and says how it was. What it had started has ended too.
    pub async fn ended(&self) -> String {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_default(),
            Err(_) => "an end that nobody watched".into(),
        }
    }

    /// Asks it to end, and ends it if it does not within `grace`.
    pub async fn stop(&self, grace: Duration) {
        self.signal(Signal::TERM);
        if timeout(grace, self.ended()).await.is_err() {
            self.signal(Signal::KILL);
            self.ended().await;
        }
    }

    /// Ends it now, without waiting.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // After its end the id may be another's.
        if self.end.borrow().is_none() {
            self.mark.signal(signal);
        }
    }
}

impl Mark {
    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        started(self.pid).is_some_and(|started| started == self.started)
    }

    /// Signals the group. One that is gone needs no signal.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            kill_process_group(pid, signal).ok();
        }
    }

    #[cfg(test)]
    pub(super) fn kill_leader(&self) {
        let pid = Pid::from_raw(self.pid).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }
}

/// Waits for the end of a process of this machine; one that nobody knows has ended.
pub async fn ended(pid: i32) {
    let mark = started(pid).map(|started| Mark { pid, started });
    if let Some(end) = mark.as_ref().and_then(watch_end) {
        end.await;
    }
}

/// Opens a file that is only added to.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// How a process ended, in words.
fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "signal 9 (killed from outside; by the system if memory ran out)".into(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

/// Variables of the host that a server gets. Everything else stays behind, above all the host's secrets.
const PASSED: [&str; 8] = ["HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What a server gets of the host's environment, with the programs of `bin` before all others.
pub fn environment(bin: &Path) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> =
        std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| PASSED.contains(&name))).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap_or(path);
    variables.push(("PATH".into(), path));
    variables
}

/// Asks the system to end this process before others when memory runs out.
pub fn end_first_when_memory_runs_out(mark: &Mark) {
    #[cfg(target_os = "linux")]
    std::fs::write(format!("/proc/{}/oom_score_adj", mark.pid), "500").ok();
    #[cfg(not(target_os = "linux"))]
    let _ = mark;
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::Mark;

    /// When the process started; None when it has ended.
    pub fn started(pid: i32) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything, so the fields are counted from its end: state is the third.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let (state, ticks) = (fields.first()?, fields.get(19)?);
        if matches!(*state, "Z" | "X") {
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Some(format!("{} {ticks}", boot.trim()))
    }

    /// Waits for the end of a process that is not our child, without asking again and again.
    pub fn watch_end(mark: &Mark) -> Option<impl Future<Output = ()> + Send + use<>> {
        let descriptor = pidfd_open(Pid::from_raw(mark.pid)?, PidfdFlags::empty()).ok()?;
        // Only now is the id held by the descriptor; before, it could have become another's.
        if started(mark.pid)? != mark.started {
            return None;
        }
        // Deprecated for descriptors that do not own what they name; this one does.
        #[allow(deprecated)]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE).ok()?;
        Some(async move {
            descriptor.readable().await.map(drop).ok();
        })
    }

    /// Ends groups whose environment has `variable`, but for the known: a host that died between starting a process
    /// and recording it has left one behind.
    pub fn end_strays(variable: &str, known: &[i32]) {
        let mine = i32::try_from(std::process::id()).unwrap_or_default();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let marked = fs::read(process.path().join("environ"))
                .is_ok_and(|variables| variables.split(|byte| *byte == 0).any(|one| one == variable.as_bytes()));
            let group = marked.then(|| rustix::process::getpgid(Pid::from_raw(pid)).ok()).flatten();
            if let Some(group) = group.filter(|group| !known.contains(&group.as_raw_nonzero().get()) && pid != mine) {
                kill_process_group(group, Signal::KILL).ok();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::process::Command;
    use std::time::Duration;

    use super::Mark;

    /// When the process started; None when it has ended.
    pub fn started(pid: i32) -> Option<String> {
        let said = Command::new("ps").args(["-o", "state=,lstart=", "-p", &pid.to_string()]).output().ok()?;
        let said = String::from_utf8_lossy(&said.stdout);
        let (state, started) = said.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| started.trim().to_owned())
    }

    /// Waits for the end of a process that is not our child. This system wakes nobody for that, so it is asked.
    pub fn watch_end(mark: &Mark) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mark = mark.clone();
        (started(mark.pid)? == mark.started).then_some(async move {
            while started(mark.pid).is_some_and(|started| started == mark.started) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    }

    /// Other processes' environments are not to be read here.
    pub fn end_strays(_variable: &str, _known: &[i32]) {}
}

pub use system::end_strays;
use system::{started, watch_end};
