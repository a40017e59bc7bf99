//! The page of a run.

use crate::client::Client;
use crate::console::Style;
use crate::render::{sentences, steps, tables};
use crate::settings::Settings;
use crate::views::{Approval, Environment, Run};
use crate::words;

/// All that people want to know of a run, from the top.
pub(crate) fn page(run: &Run, style: &Style, settings: &Settings, client: &Client) -> String {
    let paint = style.paint;
    let mut lines = vec![paint.bold(&sentences::headline(run))];
    lines.extend(run.because.iter().map(|reason| format!("  {}", words::one_line(reason))));
    lines.push(paint.dim(&origin(run, style)));
    lines.push(String::new());
    lines.extend(steps::list(run, style));
    if !run.metrics.is_empty() {
        lines.push(String::new());
        lines.extend(tables::metrics(&run.metrics, run.champion.as_ref()).lines().map(|line| format!("  {line}")));
    }
    let facts = facts(run, style, client);
    if !facts.is_empty() {
        lines.push(String::new());
        lines.extend(facts.into_iter().map(|(name, value)| format!("  {} {value}", paint.dim(&format!("{name:<10}")))));
    }
    if !run.reports.is_empty() {
        lines.push(String::new());
        lines.push(format!("  {}", paint.dim("reports")));
        for name in run.reports.keys() {
            let mut path = vec!["api", "runs", &run.id, "reports"];
            path.extend(name.split('/'));
            lines.push(format!("    {}  {}", words::one_line(name), paint.dim(client.url(&path).as_str())));
        }
    }
    if let Some(next) = sentences::next(run, settings) {
        lines.push(String::new());
        lines.push(format!("{} {next}", paint.bold("Next:")));
    }
    lines.join("\n")
}

/// `push of main at 1a2b3c4d by ana, begun 14:03:12, took 2 min 4 s`.
fn origin(run: &Run, style: &Style) -> String {
    let mut said = words::one_line(&run.trigger);
    if let Some(branch) = &run.branch {
        // `retraining: drift of 0.4 in patients of main` would be read wrongly.
        let joint = if run.trigger.contains(": ") { ", " } else { " of " };
        said.push_str(&format!("{joint}{}", words::one_line(branch)));
    }
    if let Some(commit) = &run.commit {
        said.push_str(&format!(" at {}", words::commit(commit)));
    }
    if !run.requested_by.is_empty() {
        said.push_str(&format!(" by {}", words::one_line(&run.requested_by)));
    }
    let now = style.now();
    said.push_str(&format!(", begun {}", words::moment(run.created_at, now, style.zone())));
    match run.ended_at {
        Some(at) => said.push_str(&format!(", took {}", words::between(run.created_at, at))),
        None => said.push_str(&format!(", {} so far", words::between(run.created_at, now))),
    }
    format!("{said}   {}", run.id)
}

/// Model, image and environments.
pub(crate) fn facts(run: &Run, style: &Style, client: &Client) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(model) = &run.model {
        let digest = model.digest.as_deref().map(|digest| format!("   {}", words::digest(digest))).unwrap_or_default();
        facts.push(("model".to_owned(), format!("{}{digest}", words::one_line(&model.to_string()))));
    }
    if let Some(image) = &run.image {
        facts.push(("image".to_owned(), words::digest(&image.digest)));
    }
    if let Some(champion) = &run.champion {
        facts.push(("champion".to_owned(), words::one_line(&champion.describe())));
    }
    for (name, environment) in run.environments() {
        let said = environment_facts(environment, run, style, client);
        if !said.is_empty() {
            facts.push((words::one_line(name), said));
        }
    }
    facts
}

fn environment_facts(environment: &Environment, run: &Run, style: &Style, client: &Client) -> String {
    let mut said = Vec::new();
    if let Some(release) = &environment.release {
        let whose = if release.number == run.number { String::new() } else { format!(" of run {}", release.number) };
        let image = words::digest(&release.image);
        said.push(words::one_line(&format!("{}{whose} in image {image}", release.model)));
    }
    said.extend(environment.endpoint.as_deref().map(|address| client.shown(address)));
    said.extend(environment.approval.as_ref().map(|gate| approval_facts(gate, run, style)));
    said.join("   ")
}

fn approval_facts(gate: &Approval, run: &Run, style: &Style) -> String {
    let mut said: Vec<String> = gate
        .answers
        .iter()
        .map(|answer| {
            let reason = answer.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let verdict = if answer.verdict == "approve" { "approved" } else { "rejected" };
            words::one_line(&format!("{} {verdict}{reason}", answer.by))
        })
        .collect();
    if !gate.granted && run.outcome.is_none() {
        let now = style.now();
        said.push(format!("asked {}", words::moment(gate.opened_at, now, style.zone())));
        said.extend(gate.deadline.map(|at| format!("open until {}", words::moment(at, now, style.zone()))));
    }
    said.join(", ")
}
