//! `trainyard runs`

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::client::Client;
use crate::render::tables;
use crate::views::Runs;
use crate::{Cx, Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  trainyard runs
  trainyard runs --project diabetes_regression --limit 100
  trainyard runs --json | jq -r '.runs[] | select(.outcome == \"failed\") | .id'";
/// What is asked of the host at once.
const PAGE: usize = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only runs of this project
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let limit = args.limit as usize;
    let mut found: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut query = vec![("limit", (limit - found.len()).min(PAGE).to_string())];
        query.extend(args.project.clone().map(|project| ("project", project)));
        query.extend(next.take().map(|after| ("after", after)));
        let mut page: Value = client.get(&["api", "runs"], &query)?;
        let before = found.len();
        if let Some(runs) = page["runs"].as_array_mut() {
            found.append(runs);
        }
        next = page["next"].as_str().map(str::to_owned);
        // A page without runs ends the list, whatever it says of the next.
        if found.len() >= limit || next.is_none() || found.len() == before {
            break;
        }
    }
    found.truncate(limit);
    let document = json!({ "runs": found, "next": next });
    if cx.console.json {
        cx.console.document(&document);
        return Ok(Exit::Done);
    }
    let Runs { runs } = Runs::deserialize(&document)
        .map_err(|error| Failure::unreachable(format!("the host's list of runs is not understood: {error}")))?;
    if runs.is_empty() {
        let push = cx.settings.again("push DIR --follow");
        cx.console.line(&format!("There are no runs yet. `{push}` makes one."));
    } else {
        let table = tables::runs(&runs, &cx.console.style);
        cx.console.line(&table);
    }
    Ok(Exit::Done)
}
