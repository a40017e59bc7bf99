//! `trainyard watch`

use super::RUN_HELP;
use crate::client::Client;
use crate::follow::{self, Until};
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard watch latest           until it ends or needs a person (exit 3)
  trainyard watch 7 --through      through approvals to the very end
  trainyard watch latest --json    the run as it is then, one JSON document

To stop watching (Ctrl-C) does not stop the run.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(help = RUN_HELP)]
    run: String,
    /// Go on watching while the run waits for a person
    #[arg(long)]
    through: bool,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let until = if args.through { Until::Ended } else { Until::NeedsPerson };
    follow::to_the_end(cx, &client, &args.run, until)
}
