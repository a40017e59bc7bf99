//! `trainyard approve`

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::RUN_HELP;
use crate::client::Client;
use crate::views::Said;
use crate::{Cx, Exit, Failure, follow, words};

const EXAMPLES: &str = "\
Examples:
  trainyard approve latest prod
  trainyard approve my_project/7 prod --as ana --reason \"looks right\"

What is approved is exactly the model, the image and the settings that
`trainyard show RUN` shows.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub answer: Answer,
}

/// A person's answer to a gate.
#[derive(Debug, clap::Args)]
pub(crate) struct Answer {
    #[arg(help = RUN_HELP)]
    run: String,
    /// Where the run wants to go, such as `prod`
    environment: String,
    /// Who answers [default: the user of this machine]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
    /// Why, in one's own words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) fn run(args: &Args, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    answer(&args.answer, "approve", cx)
}

/// Answers a gate with `approve` or `reject`.
pub(super) fn answer(answer: &Answer, decision: &str, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let mut body = json!({ "decision": decision, "by": cx.settings.by(answer.by.as_deref())? });
    if let Some(reason) = &answer.reason {
        body["reason"] = json!(reason);
    }
    let client = Client::new(&cx.settings)?;
    let document: Value = client.post(&["api", "runs", &answer.run, "approvals", &answer.environment], &body)?;
    follow::until_taken(&client, &document);
    say(&document, cx)
}

/// Shows the sentence that the host answers with.
pub(super) fn say(document: &Value, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    if cx.console.json {
        cx.console.document(document);
        return Ok(Exit::Done);
    }
    let Said { said } = Said::deserialize(document)
        .map_err(|error| Failure::unreachable(format!("the host's answer is not understood: {error}")))?;
    cx.console.line(&if said.is_empty() { "Done.".to_owned() } else { words::one_line(&said) });
    Ok(Exit::Done)
}
