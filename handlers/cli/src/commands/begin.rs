//! What `push`, `start` and `rollback` have in common: a run is asked for, and followed if people want to see it.

use serde::Deserialize as _;
use serde_json::Value;

use crate::Cx;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::follow::{self, Until};
use crate::views::Begun;
use crate::words;

/// Asks for a run and says what became of it.
pub(super) fn begin(cx: &mut Cx<'_>, client: &Client, body: &Value, follow: bool) -> Result<Exit, Failure> {
    let (begun, document) = ask(client, body)?;
    match &begun.id {
        Some(id) if follow && begun.outcome.is_none() => {
            cx.console.tell(&said(&begun, cx));
            follow::to_the_end(cx, client, id, Until::NeedsPerson)
        }
        _ => {
            if cx.console.json {
                cx.console.document(&document);
            } else {
                cx.console.line(&said(&begun, cx));
            }
            // A run that has just begun is what was asked for.
            Ok(begun.outcome.as_deref().map_or(Exit::Done, |outcome| follow::outcome_exit(Some(outcome))))
        }
    }
}

/// Asks for a run.
pub(super) fn ask(client: &Client, body: &Value) -> Result<(Begun, Value), Failure> {
    let document: Value = client.post(&["api", "runs"], body)?;
    let begun = Begun::deserialize(&document).map_err(|error| {
        Failure::unreachable(format!("the host tells of the new run in a way that is not understood: {error}"))
            .advice("use the `trainyard` that started the host")
    })?;
    Ok((begun, document))
}

fn said(begun: &Begun, cx: &Cx<'_>) -> String {
    let paint = cx.console.style.paint;
    let mut lines = Vec::new();
    match (begun.number, begun.outcome.as_deref()) {
        (Some(number), None) => {
            let begins = if begun.created { "begins" } else { "is on its way already" };
            lines.push(paint.bold(&format!("Run {number} of {} {begins}.", begun.project)));
            let handle = format!("{}/{number}", begun.project);
            lines.push(paint.dim(&format!("  `{}` shows it.", cx.settings.again(&format!("watch {handle}")))));
        }
        (Some(number), Some(outcome)) => {
            let outcome = outcome.replace('_', " ");
            lines.push(paint.bold(&format!("Run {number} of {}: {}.", begun.project, words::one_line(&outcome))));
        }
        (None, outcome) => {
            let outcome =
                outcome.map_or_else(String::new, |word| format!(" ({})", words::one_line(&word.replace('_', " "))));
            lines.push(paint.bold(&format!("No run of {} was needed{outcome}.", begun.project)));
        }
    }
    lines.extend(begun.because.iter().map(|reason| format!("  {}", words::one_line(reason))));
    lines.join("\n")
}
