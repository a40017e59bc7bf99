//! A host that outlives the command that started it: `trainyard up` as a process of its own.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::{Exit, Failure, Started, UpOptions};
use local::home::{Holder, Home, HomeError};

use crate::up;

/// The host's log in its home.
const LOG: &str = "host.log";
/// A host that is not up by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether it is up. Its start is a matter of tens of milliseconds.
const LOOK: Duration = Duration::from_millis(20);

/// Starts a host on a home, or finds the one that works there.
pub fn start(options: &UpOptions) -> Result<Started, Failure> {
    let since = Instant::now();
    // One that works there is taken as it is. One that is just stopping is waited for, and then there is none.
    while let Some(holder) = holder(&options.home)? {
        let port = up::read_port(&options.home);
        if let Some(port) = port.filter(|&port| holder.pid.is_some_and(|pid| answers(port, pid))) {
            return Ok(Started { port, already: true });
        }
        if since.elapsed() > PATIENCE {
            return Err(Failure::unreachable(format!("{holder} has {} and does not answer", options.home.display()))
                .advice("end that process and try again"));
        }
        std::thread::sleep(LOOK);
    }
    // Opened once, so that what is wrong with the folder is said here and not in a log. It is let go at once.
    drop(up::open(options)?);
    let file = options.home.join(LOG);
    let log = OpenOptions::new().create(true).append(true).open(&file);
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|error| Failure::input(format!("cannot write {}: {error}", file.display())))?;
    let said_from = err.metadata().map_or(0, |log| log.len());
    let program = std::env::current_exe().map_err(|error| Failure::input(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("up").arg("--home").arg(&options.home).arg("--port").arg(options.port.to_string());
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    // Ctrl+C in this terminal is meant for this command, not for the host.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| Failure::input(format!("cannot start the host: {error}")))?;
    wait(&mut child, options, &file, said_from)?;
    Ok(Started { port: options.port, already: false })
}

/// Who works in a home, if somebody does.
fn holder(home: &Path) -> Result<Option<Holder>, Failure> {
    match Home::peek(home) {
        Ok(glance) => Ok(glance.holder),
        // An empty folder may become a home; what is wrong with any other is said when it is opened.
        Err(HomeError::Absent(_) | HomeError::Foreign(_) | HomeError::Failed { .. }) => Ok(None),
        Err(error) => Err(up::home_failure(error)),
    }
}

/// Waits until the host answers.
fn wait(child: &mut Child, options: &UpOptions, log: &Path, said_from: u64) -> Result<(), Failure> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Ok(Some(status)) = child.try_wait() {
            let mut failure = last_words(log, said_from);
            if status.code() == Some(Exit::Unreachable as i32) {
                failure.exit = Exit::Unreachable;
            }
            return Err(failure);
        }
        if answers(options.port, child.id()) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    let _ = child.kill();
    Err(Failure::unreachable(format!("the host did not come up within a minute; its log is {}", log.display())))
}

/// Whether this process is a host that takes requests on this port.
fn answers(port: u16, process: u32) -> bool {
    use std::io::{Read as _, Write as _};
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = "GET /admin/host/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains("\"state\":\"Running\"")
        && answer.contains(&format!("\"processId\":{process},"))
}

/// What a host that ended said last.
fn last_words(log: &Path, from: u64) -> Failure {
    let text = fs::read(log).unwrap_or_default();
    let text = text.get(usize::try_from(from).unwrap_or_default()..).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let Some((_, failure)) = text.rsplit_once("error: ") else {
        return Failure::input(format!("the host ended and did not say why; its log is {}", log.display()));
    };
    let line = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    match failure.split_once("\n  try: ") {
        Some((sentence, advice)) => Failure::input(line(sentence)).advice(line(advice)),
        None => Failure::input(line(failure)),
    }
}
