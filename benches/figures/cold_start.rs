//! A cold start: from the start of the handler's process to its first answer, beside a bare axum program's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runner::memory::Machine;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::floor;
use crate::http::Http;
use crate::product::{BINARY, Kill, folder, free_port};
use crate::table::{Samples, Table, Wanted};

const ROUNDS: usize = 50;

pub fn measure(table: &mut Table) {
    let host = Link::serve();
    let home = folder();
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        bare.add(until_answered(axum).as_secs_f64() * 1e3);
        ours.add(until_answered(|port| host.handler(home.path(), port)).as_secs_f64() * 1e3);
    }
    table.add("cold start of the handler", "ms", ours, Some(bare), Wanted::AtMostTimes(2.0));
}

fn until_answered(command: impl Fn(u16) -> Command) -> Duration {
    let port = free_port();
    let mut command = command(port);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let child = Kill(command.spawn().unwrap());
    loop {
        if let Ok(mut http) = Http::connect(port)
            && let Ok((200, _)) = http.ask("GET", "/", "")
        {
            let took = begun.elapsed();
            drop(child);
            return took;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// The bare program: this one, by another word.
pub fn axum(port: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([floor::AXUM, &port.to_string()]);
    command
}

/// A host's end of the link, over ports in memory.
pub struct Link {
    pub machine: Machine,
    place: PathBuf,
    runtime: Runtime,
    _home: TempDir,
}

impl Link {
    pub fn serve() -> Self {
        let runtime = Runtime::new().unwrap();
        let machine = Machine::new();
        machine.faults.keep_no_trace();
        let home = folder();
        let place = local::link::place(home.path());
        let listener = runtime.block_on(async { local::link::listen(&place) }).unwrap();
        runtime.spawn(local::link::serve(listener, "token".into(), machine.ports()));
        Self { machine, place, runtime, _home: home }
    }

    /// The handler, as a host starts it.
    pub fn handler(&self, home: &Path, port: u16) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("handler")
            .arg("--home")
            .arg(home)
            .env("TRAINYARD_LINK", &self.place)
            .env("TRAINYARD_LINK_TOKEN", "token")
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string());
        command
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}
