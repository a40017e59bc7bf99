//! `trainyard environments`

use serde::Deserialize as _;
use serde_json::Value;

use crate::client::Client;
use crate::render::tables;
use crate::views::Places;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard environments
  trainyard environments --json | jq -r '.environments[].current.endpoint'";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let document: Value = client.get(&["api", "environments"], &[])?;
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let Places { environments } = Places::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's list of environments is not understood: {error}")))?;
    if environments.is_empty() {
        cx.console.line("Nothing has been deployed yet.");
    } else {
        let table = tables::environments(&environments, &cx.console.style);
        cx.console.line(&table);
    }
    Ok(Exit::Done)
}
