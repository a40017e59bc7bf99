//! `trainyard cancel`

use serde_json::{Value, json};

use super::{RUN_HELP, approve};
use crate::client::Client;
use crate::{Cx, Exit, Failure, follow};

const EXAMPLES: &str = "\
Examples:
  trainyard cancel latest
  trainyard cancel 7 --reason \"wrong branch\"";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    request: Request,
}

/// What a person asks of a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    #[arg(help = RUN_HELP)]
    pub run: String,
    /// Who asks [default: the user of this machine]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
    /// Why, in one's own words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let client = Client::new(&cx.settings)?;
    let document = ask(&args.request, "cancel", &client, cx)?;
    approve::say(&document, cx)
}

/// Asks a run to `cancel` or to `retry`.
pub(super) fn ask(request: &Request, what: &str, client: &Client, cx: &Cx<'_>) -> Result<Value, Failure> {
    let mut body = json!({ "by": cx.settings.by(request.by.as_deref())? });
    if let Some(reason) = &request.reason {
        body["reason"] = json!(reason);
    }
    let document: Value = client.post(&["api", "runs", &request.run, what], &body)?;
    follow::until_taken(client, &document);
    Ok(document)
}
