//! A host that outlives the command that started it: `trainyard up` as a process of its own.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::{Exit, Failure, Started, UpOptions};
use local::home::{Home, HomeError};

use crate::up;

/// The host's log in its home.
const LOG: &str = "host.log";
/// The file in a home that says where its host listens.
const PORT: &str = "host.port";
/// A host that is not up by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether it is up. Its start is a matter of tens of milliseconds.
const LOOK: Duration = Duration::from_millis(20);

/// Starts a host on a home, or finds the one that works there.
pub fn start(options: &UpOptions) -> Result<Started, Failure> {
    match Home::peek(&options.home) {
        Ok(glance) if glance.holder.is_some() => {
            let port = read_port(&options.home).unwrap_or(options.port);
            return wait(None, options, port).map(|()| Started { port, already: true });
        }
        // Opened once, so that what is wrong with the folder is said here and not in a log. It is let go at once.
        Ok(_) | Err(HomeError::Absent(_)) => drop(Home::open(&options.home).map_err(up::home_failure)?),
        Err(error) => return Err(up::home_failure(error)),
    }
    let file = options.home.join(LOG);
    let log = OpenOptions::new().create(true).append(true).open(&file);
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|error| Failure::input(format!("cannot write {}: {error}", file.display())))?;
    let program = std::env::current_exe().map_err(|error| Failure::input(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("up").arg("--home").arg(&options.home).arg("--port").arg(options.port.to_string());
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    // Ctrl+C in this terminal is meant for this command, not for the host.
    command.process_group(0);
    let child = command.spawn().map_err(|error| Failure::input(format!("cannot start the host: {error}")))?;
    wait(Some(child), options, options.port)?;
    fs::write(options.home.join(PORT), options.port.to_string()).map_err(|error| Failure::input(error.to_string()))?;
    Ok(Started { port: options.port, already: false })
}

/// Waits until the host answers.
fn wait(mut child: Option<Child>, options: &UpOptions, port: u16) -> Result<(), Failure> {
    let log = options.home.join(LOG);
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if answers(port) {
            return Ok(());
        }
        if let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) {
            let exit = if status.code() == Some(Exit::Unreachable as i32) { Failure::unreachable } else { Failure::input };
            return Err(exit(last_words(&log)));
        }
        std::thread::sleep(LOOK);
    }
    if let Some(child) = &mut child {
        let _ = child.kill();
    }
    Err(Failure::unreachable(format!("the host did not come up within a minute; its log is {}", log.display())))
}

fn answers(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = "GET /admin/host/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains("\"Running\"")
}

/// What a host that ended said last.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut last: Vec<&str> = lines.rev().take(3).collect();
    last.reverse();
    last.join(" ")
}

fn read_port(home: &Path) -> Option<u16> {
    fs::read_to_string(home.join(PORT)).ok()?.trim().parse().ok()
}
