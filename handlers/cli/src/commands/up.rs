//! `trainyard up`

use std::path::PathBuf;

use crate::machine::UpOptions;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard up                            port 7071, its state in ~/.trainyard
  trainyard up --port 7080 --home ./yard  another one beside it
  trainyard up --handler-port 9000        with a handler in a debugger

A kill at any moment loses nothing: what was on its way goes on when the host
is up again.";

/// How the host is to run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Use a handler that listens on this port already
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    handler_port: Option<u16>,
    /// The folder with host.json and the functions [default: what the binary brings along]
    #[arg(long, value_name = "DIR")]
    script_root: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    cx.machine.up(&UpOptions {
        home: cx.settings.home()?,
        port: cx.settings.new_port,
        handler_port: args.handler_port,
        script_root: args.script_root.clone(),
    })
}
