//! What a pull request is told about its run: a comment in Markdown, as Azure DevOps and GitHub read it.
//!
//! Sentences, branches and the names of tests and metrics come from whoever wrote the code. All of it is escaped: it
//! makes no links, no mentions, no pictures and no rows of its own.

use std::fmt::Write as _;

use crate::run::{Ended, Progress, Run};

mod escape;
#[cfg(test)]
mod tests;

pub use escape::escape;

/// As long as a comment gets, in bytes. GitHub takes 65,536 characters, and a backend adds a line of its own.
const LENGTH_MAX: usize = 60_000;
/// Sentences that are shown of a step.
const SENTENCES_MAX: usize = 12;

/// The comment of a run as it stands.
#[must_use]
pub fn markdown(run: &Run) -> String {
    let mut text = heading(run);
    text += &steps(run);
    text += &checks(run);
    text += &metrics(run);
    if let Some(advice) = run.ended.as_ref().and_then(|ended| ended.advice.as_deref()) {
        let _ = writeln!(text, "\n**To do:** {}", escape(advice));
    }
    cut(text)
}

fn heading(run: &Run) -> String {
    let word = match &run.ended {
        Some(Ended { outcome, .. }) => outcome.word().replace('_', " "),
        None => "under way".into(),
    };
    let mut text = format!("### Run {} of {}: {word}\n\n", run.number, escape(run.project.as_str()));
    let commit = run.commit.as_ref().map(|commit| format!("Commit {}", commit.short()));
    let branch = run.branch.as_ref().map(|branch| format!("on {}", escape(branch.as_str())));
    let words: Vec<_> = commit.into_iter().chain(branch).collect();
    if !words.is_empty() {
        let _ = writeln!(text, "{}", words.join(" "));
    }
    // A run that ended at a step says why in that step's row.
    if let Some(ended) = run.ended.as_ref().filter(|ended| ended.step.is_none()) {
        let _ = writeln!(text, "\n{}", sentences(&ended.because, " "));
    }
    text
}

fn steps(run: &Run) -> String {
    let row = |key| {
        let record = run.step(key);
        let verdict = record.map_or("not started", |record| match record.progress {
            Progress::NotStarted => "not started",
            ref other => other.word(),
        });
        let because = record.map(|record| sentences(&record.because, "<br>")).unwrap_or_default();
        [key.to_string(), verdict.to_owned(), because]
    };
    table(["Check", "Verdict", "Why"], run.plan.iter().map(row).collect())
}

/// What was counted, beside what is asked for.
fn checks(run: &Run) -> String {
    let count = |name: &str| run.facts.checks.get(name).copied();
    let mut rows = Vec::new();
    if let Some(findings) = count("lint_findings") {
        rows.push(["Findings of the linter".into(), number(findings), "0".into()]);
    }
    if let Some(tests) = count("tests") {
        rows.push(["Tests".into(), number(tests), String::new()]);
        rows.push(["Red tests".into(), number(count("failures").unwrap_or_default()), "0".into()]);
    }
    if let Some(percent) = count(crate::steps::check::COVERAGE_METRIC) {
        let least = run.manifest.check.get().map(|check| format!("at least {} %", number(check.coverage.min_line)));
        rows.push(["Covered lines".into(), format!("{} %", number(percent)), least.unwrap_or_default()]);
    }
    table(["Found", "Number", "Asked for"], rows)
}

/// The challenger's numbers beside the champion's, as far as they are known.
fn metrics(run: &Run) -> String {
    let champion = run.facts.evaluation.as_ref().and_then(|evaluation| evaluation.champion.as_ref());
    let row = |(name, value): (&String, &f64)| {
        let old = champion.and_then(|release| release.model.metrics.get(name));
        [escape(name), number(*value), old.map(|old| number(*old)).unwrap_or_default()]
    };
    let head = champion.map(|release| format!("{}:{}", release.model.name, release.model.version));
    let head = head.map_or("Champion".into(), |name| format!("Champion {}", escape(&name)));
    table(["Metric", "Challenger", &head], run.facts.metrics.iter().map(row).collect())
}

fn table(head: [&str; 3], rows: Vec<[String; 3]>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!("\n| {} |\n| --- | --- | --- |\n", head.join(" | "));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn sentences(because: &[String], between: &str) -> String {
    let mut shown: Vec<_> = because.iter().take(SENTENCES_MAX).map(|sentence| escape(sentence)).collect();
    if because.len() > SENTENCES_MAX {
        shown.push(format!("and {} more", because.len() - SENTENCES_MAX));
    }
    shown.join(between)
}

/// At most four decimals, and none that say nothing.
fn number(value: f64) -> String {
    let small = value != 0.0 && value.abs() < 0.001;
    if small || value.abs() >= 1e15 || !value.is_finite() {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whole lines only: half a row would break the table.
fn cut(mut text: String) -> String {
    if text.len() > LENGTH_MAX {
        let end = text[..text.floor_char_boundary(LENGTH_MAX)].rfind('\n').unwrap_or_default();
        text.truncate(end);
        text += "\n\nThe rest is on the page of the run.\n";
    }
    text
}
