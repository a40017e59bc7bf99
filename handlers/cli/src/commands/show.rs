//! `trainyard show`

use super::RUN_HELP;
use crate::client::Client;
use crate::render::page;
use crate::{Cx, Exit, Failure, follow};

const EXAMPLES: &str = "\
Examples:
  trainyard show latest
  trainyard show diabetes_regression/7
  trainyard show latest --json | jq .metrics

`trainyard watch RUN` shows a run as it goes on, and its exit code tells how
it ended.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(help = RUN_HELP)]
    run: String,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let told = follow::read(&client, &args.run)?;
    if cx.console.json {
        cx.console.document(&told.document);
    } else {
        let page = page::page(&told.run, &cx.console.style, &cx.settings, &client);
        cx.console.line(&page);
    }
    Ok(Exit::Done)
}
