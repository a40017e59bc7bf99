//! The product as it is delivered: the release binary's host and handler, each a process.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_trainyard");

/// A folder on a disk, as `/tmp` often is none.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A port that nobody has.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// `trainyard up`.
pub struct Product {
    pub port: u16,
    home: PathBuf,
    host: Child,
}

impl Product {
    /// Starts it and waits until it is up.
    pub fn up(home: &Path) -> Self {
        Self::start(home, &[])
    }

    /// The same, with a handler of somebody else's.
    pub fn attached(home: &Path, handler: u16) -> Self {
        Self::start(home, &["--handler-port", &handler.to_string()])
    }

    fn start(home: &Path, more: &[&str]) -> Self {
        let port = free_port();
        let mut host = Command::new(BINARY)
            .args(["up", "--port", &port.to_string(), "--home"])
            .arg(home)
            .args(more)
            .env("GITHUB_WEBHOOK_SECRET", crate::burst::SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        // The pipe is kept open until the host has gone.
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, home: home.to_owned(), host }
    }

    pub fn database(&self) -> PathBuf {
        self.home.join("state.db")
    }

    pub fn host(&self) -> u32 {
        self.host.id()
    }

    /// The host's child.
    pub fn handler(&self) -> u32 {
        let children = format!("/proc/{0}/task", self.host.id());
        let tasks = std::fs::read_dir(children).unwrap();
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
        children
            .flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .next()
            .unwrap()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.host.id().to_string()).status();
        let patience = Instant::now() + Duration::from_secs(20);
        while self.host.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > patience {
                let _ = self.host.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A child that ends with this.
pub struct Kill(pub Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
