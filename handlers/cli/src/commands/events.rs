//! `trainyard events`

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::client::Client;
use crate::render::events;
use crate::views::{Event, Events};
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard events                     what came in, and what it did
  trainyard events show ID             one of them, with all that is known
  trainyard events --json | jq '.events[] | select(.reading.code).reading.code'

Events are known for 30 days. `trainyard watch` says whose are acted upon.";
/// What is asked of the host at once.
const PAGE: usize = 200;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show one event: who sent it, what it says, what was done, and what could not be read
    Show {
        /// As `trainyard events` lists it
        id: String,
    },
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    match &args.what {
        Some(What::Show { id }) => show(id, &client, cx),
        None => list(args.limit as usize, &client, cx),
    }
}

fn list(limit: usize, client: &Client, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let mut found: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut query = vec![("limit", (limit - found.len()).min(PAGE).to_string())];
        query.extend(next.take().map(|after| ("after", after)));
        let mut page: Value = client.get(&["api", "events"], &query)?;
        let before = found.len();
        if let Some(events) = page["events"].as_array_mut() {
            found.append(events);
        }
        next = page["next"].as_str().map(str::to_owned);
        // A page without events ends the list, whatever it says of the next.
        if found.len() >= limit || next.is_none() || found.len() == before {
            break;
        }
    }
    found.truncate(limit);
    let document = json!({ "events": found, "next": next });
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let Events { events } = Events::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's list of events is not understood: {error}")))?;
    if events.is_empty() {
        let watch = cx.settings.again("watch PROJECT FILE");
        cx.console.line(&format!("No event has come in yet. `{watch}` says what a project takes events from."));
    } else {
        let table = events::table(&events, &cx.console.style);
        cx.console.line(&table);
    }
    Ok(Exit::Done)
}

fn show(id: &str, client: &Client, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let document: Value = client.get(&["api", "events", id], &[])?;
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let event = Event::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("what the host says of the event is not understood: {error}")))?;
    let page = events::page(&event, &cx.console.style, client);
    cx.console.line(&page);
    Ok(Exit::Done)
}
