//! What the host starts: which program, with which arguments, where, and in which environment.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::super::HostError;
use super::super::app::App;
use super::super::parent::HOST_PIPE;

/// How many lines of stderr end up in the report of a crash.
const LAST_WORDS: usize = 3;

/// A handler that is not started yet, and can be started again.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub executable: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    root: PathBuf,
    environment: Vec<(String, String)>,
    port: u16,
}

/// A handler's process. Dropping it kills it.
pub(super) struct Process {
    pub child: Child,
    /// Its end is how the process hears that the host has gone. Tokio would close it on `wait` were it not taken.
    _pipe: Option<ChildStdin>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    readers: [JoinHandle<()>; 2],
}

/// Picks a port that is free now. A restarted handler gets it again.
pub(crate) fn free_port() -> Result<u16, HostError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let port = listener.and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(|source| HostError::Listen { port: 0, source })
}

impl Launch {
    pub fn new(app: &App, port: u16) -> Self {
        let description = &app.host.custom_handler.description;
        // As in the real host, what is not set becomes nothing.
        let expand = |text: &str| {
            let mut text = text.to_owned();
            while let Err(missing) = app.settings.expand(&text) {
                text = text.replace(&format!("%{missing}%"), "");
            }
            app.settings.expand(&text).unwrap_or(text)
        };
        let folder = |member: &str| {
            let folder = description.other.get(member).and_then(serde_json::Value::as_str);
            folder.map_or_else(|| app.root.clone(), |folder| app.root.join(expand(folder)))
        };
        let executable = expand(&description.default_executable_path);
        let arguments = expand(&description.arguments.join(" "));
        Self {
            executable: find(&folder("workerDirectory"), Path::new(&executable)),
            arguments: split(&arguments),
            directory: folder("workingDirectory"),
            root: app.root.clone(),
            environment: app.settings.added().map(|(name, value)| (name.into(), value.into())).collect(),
            port,
        }
    }

    pub(super) fn start(&self) -> Result<Process, HostError> {
        let id = Uuid::new_v4().to_string();
        let port = self.port.to_string();
        let mut child = Command::new(&self.executable)
            .args(&self.arguments)
            .current_dir(&self.directory)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
            .env("FUNCTIONS_HTTPWORKER_ID", &id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.root)
            .env(HOST_PIPE, "1")
            // Ctrl+C in the host's terminal is meant for the host, which lets the handler end what is under way.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| HostError::HandlerStart { executable: self.executable.clone(), source })?;
        let last_words: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let stdout = child.stdout.take().map(|stdout| lines(stdout, on_stdout));
        let keep = Arc::clone(&last_words);
        let stderr = child.stderr.take().map(|stderr| lines(stderr, move |line| on_stderr(line, &keep)));
        let none = || tokio::spawn(std::future::ready(()));
        let readers = [stdout.unwrap_or_else(none), stderr.unwrap_or_else(none)];
        Ok(Process { _pipe: child.stdin.take(), child, last_words, readers })
    }
}

impl Process {
    /// The last lines on stderr, once the process has ended.
    pub async fn last_words(&mut self) -> String {
        // What it has started may hold the pipes open; a second is enough for what is in them.
        let read = async {
            for reader in &mut self.readers {
                // A reader that panicked has nothing more to say.
                let _ = reader.await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), read).await;
        let lines = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("\n  {line}")).collect()
    }
}

/// Under the folder if it is there; else ourselves if that is our name; else whatever `PATH` has.
fn find(folder: &Path, executable: &Path) -> PathBuf {
    let staged = folder.join(executable);
    if staged.is_file() {
        return staged;
    }
    match std::env::current_exe() {
        Ok(ours) if ours.file_name() == executable.file_name() => ours,
        _ => executable.to_owned(),
    }
}

/// Splits at blanks, except within double quotes: the host joins the list, and the system splits it again.
fn split(arguments: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut current, mut in_quotes, mut is_open) = (String::new(), false, false);
    for c in arguments.chars() {
        match c {
            '"' => (in_quotes, is_open) = (!in_quotes, true),
            c if c.is_whitespace() && !in_quotes => {
                if is_open {
                    all.push(std::mem::take(&mut current));
                }
                is_open = false;
            }
            c => {
                current.push(c);
                is_open = true;
            }
        }
    }
    if is_open {
        all.push(current);
    }
    all
}

fn lines(pipe: impl AsyncRead + Send + Unpin + 'static, mut each: impl FnMut(&str) + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // Not `lines()`: what is not UTF-8 must not end the log.
        while let Ok(1..) = pipe.read_until(b'\n', &mut line).await {
            each(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    })
}

fn on_stdout(line: &str) {
    info!(target: "handler", "{line}");
}

fn on_stderr(line: &str, keep: &Mutex<VecDeque<String>>) {
    if line.to_ascii_lowercase().contains("warn") {
        warn!(target: "handler", "{line}");
    } else {
        error!(target: "handler", "{line}");
    }
    let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == LAST_WORDS {
        kept.pop_front();
    }
    kept.push_back(line.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_as_the_system_does() {
        assert_eq!(split("handler  --name \"a b\"c \"\""), ["handler", "--name", "a bc", ""]);
        assert!(split(" ").is_empty());
    }

    #[test]
    fn the_executable_is_the_staged_one_or_ourselves_or_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let ours = std::env::current_exe().unwrap();
        let name = Path::new(ours.file_name().unwrap());
        assert_eq!(find(folder.path(), name), ours);
        std::fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(find(folder.path(), name), folder.path().join(name));
        assert_eq!(find(folder.path(), Path::new("python3")), Path::new("python3"));
    }
}
