//! `trainyard completions`

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{Cx, Exit, Failure, args};

const EXAMPLES: &str = "\
Examples:
  source <(trainyard completions bash)
  trainyard completions zsh > ~/.zfunc/_trainyard
  trainyard completions fish > ~/.config/fish/completions/trainyard.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which
    shell: Shell,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::Cli::command(), "trainyard", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if cx.console.json {
        cx.console.document(&serde_json::json!({ "shell": args.shell.to_string(), "script": script }));
    } else {
        cx.console.text(&script);
    }
    Ok(Exit::Done)
}
