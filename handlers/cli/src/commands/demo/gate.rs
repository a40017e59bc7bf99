//! Before production: the facts, and a person's word.

use serde_json::{Value, json};

use crate::client::Client;
use crate::render::{page, tables};
use crate::views::{Run, Said};
use crate::{Cx, Failure, words};

/// Shows what is to be released and gets the word for it. False: nobody said yes, and it has been said how to.
pub(super) fn answer(
    run: &Run,
    place: &str,
    approve: bool,
    me: &str,
    client: &Client,
    cx: &mut Cx<'_>,
) -> Result<bool, Failure> {
    let style = cx.console.style.clone();
    let model = run.model.as_ref().map_or_else(|| "the model".to_owned(), ToString::to_string);
    cx.console.tell("");
    cx.console.tell(&style.paint.bold(&format!("{model} has passed its tests and wants to go to {place}.")));
    for line in tables::metrics(&run.metrics, run.champion.as_ref()).lines() {
        cx.console.tell(&format!("  {line}"));
    }
    if run.champion.is_none() {
        cx.console.tell("  There is no champion yet: it is the first model.");
    }
    for (name, value) in page::facts(run, &style, client) {
        cx.console.tell(&format!("  {name:<10} {value}"));
    }
    let yes = approve || cx.console.ask(&format!("Approve {place}, as {me}?"));
    if !yes {
        say_how(run, place, cx);
        return Ok(false);
    }
    let body = json!({ "decision": "approve", "by": me, "reason": "approved in the demo" });
    let said: Value = client.post(&["api", "runs", &run.id, "approvals", place], &body)?;
    let said = serde_json::from_value::<Said>(said).map(|said| said.said).unwrap_or_default();
    let said = if said.is_empty() { format!("{me} approved {place}.") } else { words::one_line(&said) };
    cx.console.tell(&said);
    Ok(true)
}

fn say_how(run: &Run, place: &str, cx: &mut Cx<'_>) {
    let handle = run.handle();
    cx.console.tell("");
    cx.console.tell(&format!("Run {} waits for a person. It costs nothing while it waits.", run.number));
    let lines = [
        (format!("approve {handle} {place}"), "lets it go on"),
        (format!("reject {handle} {place} --reason TEXT"), "ends it"),
        ("demo --approve".to_owned(), "approves, and follows it to the end"),
        ("down".to_owned(), "stops the host, which keeps running until then"),
    ];
    cx.console.propose(&cx.settings, &lines);
}
