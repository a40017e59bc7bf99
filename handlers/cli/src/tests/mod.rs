//! What people type and what they read, against a host that answers from a script over real HTTP.

mod approvals;
mod demo;
mod events;
mod help;
mod host;
mod lists;
mod logs;
mod numbers;
mod pages;
mod pushes;
mod samples;
mod watching;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser as _;

use crate::args::Cli;
use crate::console::Console;
use crate::{Exit, Failure, Machine, Started, UpOptions};

/// What a command said and how it ended.
struct Said {
    exit: Exit,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// Types a command with nobody to ask.
fn type_in(port: u16, args: &[&str]) -> Said {
    type_in_as(port, args, &Hands { port, ..Hands::default() }, None)
}

/// Types a command; whoever is asked says `person`.
fn type_in_as(port: u16, args: &[&str], machine: &Hands, person: Option<&'static str>) -> Said {
    let port = port.to_string();
    type_in_plainly(&[&["--port", &port], args].concat(), machine, person)
}

/// Types a command that says no port, unless it is among its arguments.
fn type_in_plainly(args: &[&str], machine: &Hands, person: Option<&'static str>) -> Said {
    let words = ["trainyard"].into_iter().chain(args.iter().copied());
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    let (out, err) = (Captured::default(), Captured::default());
    let console = Console::captured(cli.global.json, Box::new(out.clone()), Box::new(err.clone()), person);
    let exit = crate::run_on(&cli, machine, console);
    Said { exit, out: out.text(), err: err.text() }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A machine whose host is up already.
#[derive(Default)]
struct Hands {
    port: u16,
    python: Option<String>,
    ups: Mutex<Vec<UpOptions>>,
    waited_for: Mutex<Vec<u32>>,
}

impl Machine for Hands {
    fn up(&self, options: &UpOptions) -> Result<Exit, Failure> {
        self.ups.lock().unwrap().push(options.clone());
        Ok(Exit::Done)
    }

    fn start_in_background(&self, _: &UpOptions) -> Result<Started, Failure> {
        Ok(Started { port: self.port, already: true })
    }

    fn wait_for_end(&self, process: u32, _: Duration) -> bool {
        self.waited_for.lock().unwrap().push(process);
        true
    }

    fn handler(&self, _: &Path) -> Result<Exit, Failure> {
        Ok(Exit::Done)
    }

    fn job(&self, _: &Path) -> Result<Exit, Failure> {
        Ok(Exit::Done)
    }

    fn check_python(&self) -> Result<String, String> {
        match &self.python {
            Some(missing) => Err(missing.clone()),
            None => Ok("Python 3.12.3 at /usr/bin/python3".into()),
        }
    }

    fn init_repository(&self, folder: &Path) -> Result<String, Failure> {
        assert!(folder.join("trainyard.yml").exists());
        Ok("c0ffee".repeat(6) + "c0ff")
    }
}
