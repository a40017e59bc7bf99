//! The end of the demo: the endpoint answers a real request, and all that happened is told.

use serde_json::{Value, json};

use super::example::Example;
use crate::client::Client;
use crate::follow::{self, Told};
use crate::render::{page, tables};
use crate::repository::word;
use crate::views::Run;
use crate::{Cx, Exit, Failure, words};

pub(super) fn finish(told: &Told, example: &Example, client: &Client, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let run = &told.run;
    let mut document = json!({ "run": told.document, "host": client.address(), "repository": example.folder });
    let style = cx.console.style.clone();
    let text = follow::summary(run, cx);
    cx.console.tell(&text);
    let mut exit = follow::exit(run);
    match run.outcome.as_deref() {
        Some("released") => {
            cx.console.tell("");
            cx.console.tell(&tables::steps(run, &style));
            cx.console.tell("");
            if !run.metrics.is_empty() {
                cx.console.tell(&tables::metrics(&run.metrics, run.champion.as_ref()));
            }
            for (name, value) in page::facts(run, &style, client) {
                cx.console.tell(&format!("{name:<10} {value}"));
            }
            if !call(run, example, client, &mut document, cx)? {
                exit = Exit::EndedOtherwise;
            }
        }
        Some("not_better") => {
            cx.console.tell("");
            cx.console.tell(&tables::metrics(&run.metrics, run.champion.as_ref()));
            cx.console.tell("");
            cx.console.tell(
                "Equal is not better: the same code on the same data makes the same model, and nothing is released.",
            );
            let folder = word(&example.folder);
            cx.console.tell(&format!(
                "Change something that matters, such as `alpha` in {folder}/parameters.json, commit it, and push it:"
            ));
            cx.console.tell(&format!("  {}", cx.settings.again(&format!("push {folder} --follow"))));
        }
        None => cx.console.tell("The run goes on by itself as soon as it can."),
        Some(_) => {
            // Without its environments nothing could be tried at all: the machine is to be mended, not the run.
            let failed = || run.steps.iter().filter(|step| step.status == "failed");
            if failed().flat_map(|step| &step.because).any(|because| because.contains("packages cannot be reached")) {
                exit = Exit::Unreachable;
            } else if failed().any(|step| step.step == "provision") {
                exit = Exit::BadInput;
            }
        }
    }
    say_where_to_look(run, cx);
    if cx.console.json {
        cx.console.document(&document);
    }
    Ok(exit)
}

/// Calls the last endpoint with the example's request; answers whether it did well.
fn call(run: &Run, example: &Example, client: &Client, document: &mut Value, cx: &mut Cx<'_>) -> Result<bool, Failure> {
    let last = run.environments().into_iter().rev().find_map(|(name, one)| Some((name, one.endpoint.as_deref()?)));
    let Some((name, endpoint)) = last else { return Ok(false) };
    let url = client.resolve(endpoint)?;
    let request = example.request();
    cx.console.tell("");
    cx.console.tell(&format!("{} answers:", words::one_line(name)));
    let curl = format!(
        "curl -s -H 'Content-Type: application/json' -d @{} {}",
        word(&example.payload),
        crate::settings::shell_word(url.as_str())
    );
    cx.console.tell(&format!("  {curl}"));
    let (status, answer) = client.call(&url, &request)?;
    cx.console.tell(&format!("  {}", words::one_line(&answer)));
    let well = (200..300).contains(&status);
    if !well {
        cx.console.tell(&format!("  That is status {status}, and not what was expected."));
    }
    let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
    document["endpoint"] =
        json!({ "environment": name, "url": url.as_str(), "status": status, "answer": answer, "curl": curl });
    Ok(well)
}

fn say_where_to_look(run: &Run, cx: &mut Cx<'_>) {
    let handle = run.handle();
    let lines = [
        (format!("show {handle}"), "the run, with its steps, numbers and reports"),
        (format!("why {handle}"), "why it ended as it did"),
        (format!("logs {handle} train"), "what the training said"),
        ("environments".to_owned(), "what serves where"),
        ("init DIR".to_owned(), "your own repository"),
        ("down".to_owned(), "stops the host, which keeps running until then"),
    ];
    let title = cx.console.style.paint.bold("Look further:");
    cx.console.tell("");
    cx.console.tell(&title);
    cx.console.propose(&cx.settings, &lines);
}
