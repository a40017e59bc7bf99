//! Events: one line each, and the page of one.

use serde_json::Value;

use super::tables;
use crate::client::Client;
use crate::console::{Paint, Style};
use crate::views::{CameTo, Did, Envelope, Event};
use crate::words;

/// A push may move very many branches.
const SHOWN: usize = 2;
/// How long a line's end may be; the page of the event has it whole.
const LINE: usize = 110;

/// Events, one a line.
pub(crate) fn table(events: &[Event], style: &Style) -> String {
    let now = style.now();
    let row = |event: &Event| {
        vec![
            words::one_line(&event.id),
            words::moment(event.at, now, style.zone()),
            sender(event),
            verified(&event.verified),
            words::one_line(&event.door),
            in_short(event),
        ]
    };
    tables::table(&["ID", "WHEN", "FROM", "VERIFIED", "DOOR", "WHAT CAME OF IT"], &[], events.iter().map(row).collect())
}

/// All that is known of one event.
pub(crate) fn page(event: &Event, style: &Style, client: &Client) -> String {
    let paint = style.paint;
    let now = style.now();
    let mut lines = vec![paint.bold(&format!("Event {}: {}", words::one_line(&event.id), sender(event)))];
    lines
        .extend(came_of(event).into_iter().map(|said| format!("  {}", colored(event, paint, &words::one_line(&said)))));
    lines.push(String::new());
    let mut facts = vec![(
        "came",
        format!(
            "{} through {}, {}",
            words::moment(event.at, now, style.zone()),
            words::one_line(&event.door),
            verified(&event.verified)
        ),
    )];
    if let Some(Envelope { id, source, at, subject, kind, .. }) = &event.reading.envelope {
        facts.push(("kind", words::one_line(kind)));
        facts.push(("their id", words::one_line(id)));
        facts.extend(at.map(|at| ("happened", words::moment(at, now, style.zone()))));
        facts.extend((!source.is_empty()).then(|| ("of", words::one_line(source))));
        facts.extend(subject.as_deref().map(|subject| ("about", words::one_line(subject))));
    }
    let remark =
        |remark: &crate::views::Remark| ("remark", words::one_line(&format!("{}: {}", remark.code, remark.what)));
    facts.extend(event.reading.remarks.iter().map(remark));
    if let Some(digest) = &event.body {
        let address = client.url(&["api", "events", &event.id, "body"]);
        facts.push(("body", format!("{address}   {}", words::digest(digest))));
    }
    lines.extend(facts.into_iter().map(|(name, value)| format!("  {} {value}", paint.dim(&format!("{name:<9}")))));
    if let Some(fact) = &event.reading.fact {
        lines.extend(block("what it says", &pretty(fact), paint));
    }
    if let Some(part) = &event.reading.part {
        lines.extend(block("what could not be acted upon", part, paint));
    }
    lines.join("\n")
}

fn block(title: &str, text: &str, paint: Paint) -> Vec<String> {
    let mut lines = vec![String::new(), format!("  {}", paint.dim(title))];
    lines.extend(words::plain(text).lines().map(|line| format!("    {line}")));
    lines
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// `github push`, `azure_ml RunCompleted`: Event Grid's names of kinds begin with the publisher's.
fn sender(event: &Event) -> String {
    let Some(envelope) = &event.reading.envelope else { return "somebody".into() };
    let kind = match envelope.kind.strip_prefix("Microsoft.") {
        Some(kind) => kind.rsplit('.').next().unwrap_or(kind),
        None => &envelope.kind,
    };
    words::short(&format!("{} {kind}", envelope.sender), 48)
}

/// How it is known who sent it.
fn verified(how: &str) -> String {
    match how {
        "signature" => "signed".into(),
        "password" => "by password".into(),
        "queue" => "by queue".into(),
        "event_grid" => "by its key".into(),
        "timer" => "our clock".into(),
        other => words::one_line(other),
    }
}

fn in_short(event: &Event) -> String {
    let came_of = came_of(event);
    let said = came_of.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    let mut said = words::short(&said, LINE);
    if came_of.len() > SHOWN {
        said.push_str(&format!("; and {} more", came_of.len() - SHOWN));
    }
    said
}

/// What was done, or why nothing was, a sentence each.
fn came_of(event: &Event) -> Vec<String> {
    let reading = &event.reading;
    let reason = || {
        let parts = [&reading.code, &reading.reason].into_iter().flatten();
        parts.map(String::as_str).collect::<Vec<_>>().join(": ")
    };
    match reading.outcome.as_str() {
        "quarantined" => vec![format!("kept for a person: {}", reason())],
        "ignored" => vec![format!("ignored: {}", reading.reason.clone().unwrap_or_else(reason))],
        _ if event.did.is_empty() => vec!["nothing was done".into()],
        _ => event.did.iter().map(did).collect(),
    }
}

fn did(did: &Did) -> String {
    match did {
        Did::Asked { what, came_to: None } => format!("{what} -> asked for a run"),
        Did::Asked { what, came_to: Some(came_to) } => {
            let came_to = match came_to {
                CameTo::Started { number } => format!("started run {number}"),
                CameTo::Known { number } => format!("is run {number}"),
                CameTo::Nothing { why } => format!("no run: {why}"),
                CameTo::Other => "something newer than this program".into(),
            };
            format!("{what} -> {came_to}")
        }
        Did::Told { number } => format!("told run {number}"),
        Did::Ignored { why } => format!("ignored: {why}"),
        Did::Other => "something newer than this program".into(),
    }
}

fn colored(event: &Event, paint: Paint, text: &str) -> String {
    if event.reading.outcome == "quarantined" { paint.yellow(text) } else { text.to_owned() }
}
