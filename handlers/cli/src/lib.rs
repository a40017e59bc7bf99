//! The command line: what people type, and what they read.
//!
//! Most commands ask a running host over HTTP and show what it says. The few that need the machine itself (the host,
//! the handler, a job's wrapper, the demo) reach it through [`Machine`].
//!
//! ```text
//! arguments -> commands/<command>.rs -> client.rs --HTTP--> host
//!                      |        `-----> render/ -> console.rs -> people (or --json -> scripts)
//!                      `-> Machine: up, handler, job, demo
//! ```

use std::ffi::OsString;
use std::process::ExitCode;

mod args;
mod client;
mod commands;
mod console;
mod failure;
mod follow;
mod machine;
mod progress;
mod render;
mod repository;
mod settings;
mod views;
mod words;

#[cfg(test)]
mod tests;

pub use failure::{Exit, Failure};
pub use machine::{Machine, Started, UpOptions};

use clap::Parser as _;
use console::Console;
use settings::Settings;

/// What every command has at hand.
pub(crate) struct Cx<'a> {
    machine: &'a dyn Machine,
    settings: Settings,
    console: Console,
}

/// Does what the arguments of this process ask for.
pub fn main(machine: &dyn Machine) -> ExitCode {
    run(std::env::args_os(), machine)
}

/// Does what these arguments ask for; the first is the program's own name.
pub fn run<A: Into<OsString> + Clone>(args: impl IntoIterator<Item = A>, machine: &dyn Machine) -> ExitCode {
    let cli = match args::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::BadInput } else { Exit::Done } as u8);
        }
    };
    let console = Console::of_this_process(cli.global.json, cli.global.color);
    ExitCode::from(run_on(&cli, machine, console) as u8)
}

fn run_on(cli: &args::Cli, machine: &dyn Machine, console: Console) -> Exit {
    let settings = Settings::new(&cli.global);
    let mut cx = Cx { machine, settings, console };
    match cli.command.run(&mut cx) {
        Ok(exit) => exit,
        Err(failure) => {
            cx.console.failure(&failure);
            failure.exit
        }
    }
}
