//! `trainyard why`

use serde::Deserialize as _;
use serde_json::Value;

use super::RUN_HELP;
use crate::client::Client;
use crate::views::Why;
use crate::{Cx, Exit, Failure, words};

const EXAMPLES: &str = "\
Examples:
  trainyard why latest        what happened, and the one thing to do
  trainyard why 7 --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(help = RUN_HELP)]
    run: String,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let document: Value = client.get(&["api", "runs", &args.run, "why"], &[])?;
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let why = Why::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's reasons are not understood: {error}")))?;
    for sentence in &why.sentences {
        cx.console.line(&words::one_line(sentence));
    }
    if let Some(action) = &why.action {
        let next = cx.console.style.paint.bold("Next:");
        cx.console.line(&format!("{next} {}", words::one_line(action)));
    }
    Ok(Exit::Done)
}
