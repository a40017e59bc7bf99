//! `trainyard dead-letters`

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::approve;
use crate::client::Client;
use crate::render::tables;
use crate::views::DeadLetters;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard dead-letters                what was given up, and why
  trainyard dead-letters redrive ID     send one again, when its cause is mended";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send a message again
    Redrive {
        /// As `trainyard dead-letters` lists it
        id: String,
    },
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    if let Some(What::Redrive { id }) = &args.what {
        let document: Value = client.post(&["api", "dead-letters", id, "redrive"], &json!({}))?;
        return approve::say(&document, cx);
    }
    let document: Value = client.get(&["api", "dead-letters"], &[])?;
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let DeadLetters { dead_letters } = DeadLetters::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's dead letters are not understood: {error}")))?;
    if dead_letters.is_empty() {
        cx.console.line("No message was given up.");
    } else {
        let table = tables::dead_letters(&dead_letters, &cx.console.style);
        cx.console.line(&table);
        let redrive = cx.settings.again("dead-letters redrive ID");
        cx.console.line(&format!("\n`{redrive}` sends one again."));
    }
    Ok(Exit::Done)
}
