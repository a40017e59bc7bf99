//! The vendor's inference server, `azureml-inference-server-http`, run for one unpacked image.
//!
//! By itself it listens on all addresses, writes a line for each request and opens a control socket. A settings file
//! for the gunicorn inside it turns that off: a hook runs before the sockets are opened. It sends no telemetry unless
//! it is given a key; it is told so all the same.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;
use uuid::Uuid;

use super::http::{self, HttpClient};
use super::process::{self, Process, append};

/// The program of the inference server, in the environment's folder of programs.
const PROGRAM: &str = "azmlinfsrv";
/// The variable by which processes of a home are found again.
pub const HOME_VARIABLE: &str = "TRAINYARD_SERVED_FROM";

/// What is to be served, and how.
#[derive(Debug, Clone)]
pub struct Server {
    /// The environment's folder of programs.
    pub python_bin: PathBuf,
    /// The unpacked image's folder of the application.
    pub app: PathBuf,
    /// The scoring script, as a path in `app`.
    pub entry: String,
    /// A folder for what the server is told.
    pub folder: PathBuf,
    /// Where its words go.
    pub log: PathBuf,
    /// Threads that one request may use.
    pub threads: u32,
    /// More variables.
    pub variables: Vec<(String, String)>,
}

/// A server that was started; whether it is healthy is another question.
#[derive(Debug)]
pub struct Started {
    pub process: Process,
    pub port: u16,
    /// What it says of itself in each answer, so that no other process on this port is taken for it.
    pub identity: String,
    /// Where in the log it begins.
    pub said_from: u64,
}

impl Server {
    /// Starts it on a free port of the loopback address.
    pub fn start(&self) -> io::Result<Started> {
        // Another process may take the port before the server does; then the server tries for five seconds and ends,
        // and its identity tells it from the other one meanwhile.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let identity = Uuid::new_v4().to_string();
        let settings = self.folder.join("gunicorn.conf.py");
        fs::write(&settings, GUNICORN_SETTINGS)?;
        let said_from = append(&self.log)?.metadata()?.len();

        let program = self.python_bin.join(PROGRAM);
        let mut command = Command::new(&program);
        command
            .arg("--entry_script")
            .arg(self.app.join(&self.entry))
            .arg("--model_dir")
            .arg(self.app.join("model"))
            .args(["--port", &port.to_string(), "--worker_count", "1"])
            .current_dir(&self.app)
            .env_clear()
            .envs(process::environment(&self.python_bin))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("AML_APP_ROOT", &self.app)
            .env("AML_APP_INSIGHTS_ENABLED", "false")
            .env("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
            .env("SERVER_VERSION_LOG_RESPONSE_ENABLED", "false")
            .env("HTTP_X_MS_SERVER_VERSION", &identity)
            .env("GUNICORN_CMD_ARGS", format!("--config {}", quoted(&settings)?))
            .env("PYTHONUNBUFFERED", "1");
        for library in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(library, self.threads.to_string());
        }
        let process = Process::spawn(&mut command, &self.log).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let program = program.display();
                let reason =
                    format!("{program} is not there; does the dependency file name azureml-inference-server-http?");
                io::Error::new(io::ErrorKind::NotFound, reason)
            }
            _ => error,
        })?;
        process::end_first_when_memory_runs_out(process.mark());
        Ok(Started { process, port, identity, said_from })
    }
}

/// Waits until the server answers its health probe.
///
/// # Errors
///
/// A sentence when it ends or does not answer before `deadline`; then nothing of it is left running.
pub async fn wait_until_healthy(
    client: &HttpClient,
    started: &Started,
    log: &Path,
    deadline: Duration,
) -> Result<(), String> {
    let healthy = async {
        let mut pause = Duration::from_millis(50);
        while !http::is_healthy(client, started.port, &started.identity).await {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    };
    let reason = tokio::select! {
        () = healthy => return Ok(()),
        end = started.process.ended() => format!("the server ended with {end} before it was healthy"),
        () = sleep(deadline) => {
            started.process.stop(Duration::from_secs(1)).await;
            format!("the server was not healthy within {} s", deadline.as_secs())
        }
    };
    Err(match last_words(log, started.said_from) {
        Some(words) => format!("{reason}; it said: {words}"),
        None => format!("{reason}; it said nothing"),
    })
}

/// The line of the log that most probably says what is wrong: the last that names an error, or else the last.
pub fn last_words(log: &Path, from: u64) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    let mut file = fs::File::open(log).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(64 << 10)))).ok()?;
    let mut bytes = Vec::new();
    file.take(64 << 10).read_to_end(&mut bytes).ok()?;
    let said = String::from_utf8_lossy(&bytes);
    let lines = || said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let names_error = |line: &&str| {
        let word = line.split([':', ' ']).next().unwrap_or_default();
        line.contains(": ") && (word.ends_with("Error") || word.ends_with("Exception"))
    };
    let line = lines().find(names_error).or_else(|| lines().next())?;
    Some(line.chars().take(400).collect())
}

/// The same at each start: Python keeps a translation of it, and takes the old one for a file that changes twice in a
/// second. What differs is in the environment.
const GUNICORN_SETTINGS: &str = r#"# Written by Trainyard.
import logging
import os

control_socket_disable = True


def on_starting(server):
    # The command line, which the inference server writes, goes before settings, but not before this hook.
    server.cfg.set("bind", "127.0.0.1:" + os.environ["SERVER_PORT"])


def post_fork(server, worker):
    # It looks for the model's version in the folder's name for telemetry, and is loud about not finding it.
    logging.getLogger("azmlinfsrv.trace").addFilter(lambda line: False)


def post_worker_init(worker):
    # Two lines for each request say nothing that the caller does not know. Warnings and prints stay.
    logging.getLogger("gunicorn.access").disabled = True
    logging.getLogger("azmlinfsrv").addFilter(
        lambda line: line.module != "routes" or line.levelno > logging.INFO
    )
"#;

fn quoted(path: &Path) -> io::Result<String> {
    let path = path.to_str().ok_or_else(|| io::Error::other("the home's path is not UTF-8"))?;
    let quoted = shlex::try_quote(path).map_err(io::Error::other)?;
    Ok(quoted.into_owned())
}
