//! Tables without borders.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::console::Style;
use crate::render::sentences;
use crate::views::{Champion, DeadLetter, Place, Summary};
use crate::words;

/// A retraining's reason names what is new, which may be long.
const WHY: usize = 40;

/// A table with this head; numbers stand right.
pub(super) fn table(head: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(head.to_vec());
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 1 }, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Runs, one a line.
pub(crate) fn runs(runs: &[Summary], style: &Style) -> String {
    let now = style.now();
    let row = |run: &Summary| {
        let metrics = run.metrics.iter().take(2).map(|(name, value)| format!("{name} {}", words::number(*value)));
        vec![
            format!("{}/{}", run.project, run.number),
            sentences::state(run.outcome.as_deref(), run.step.as_deref(), run.waiting_for.as_deref()),
            words::short(&run.trigger, WHY),
            run.branch.as_deref().map(words::one_line).unwrap_or_default(),
            run.commit.as_deref().map(words::commit).unwrap_or_default(),
            words::one_line(&run.requested_by),
            words::ago(run.created_at, now),
            words::between(run.created_at, run.ended_at.unwrap_or(now)),
            metrics.collect::<Vec<_>>().join(", "),
        ]
    };
    let head = ["RUN", "STATE", "WHY", "BRANCH", "COMMIT", "BY", "BEGUN", "TOOK", "NUMBERS"];
    table(&head, &[7], runs.iter().map(row).collect())
}

/// The challenger's numbers beside the champion's.
pub(crate) fn metrics(challenger: &std::collections::BTreeMap<String, f64>, champion: Option<&Champion>) -> String {
    let row = |(name, value): (&String, &f64)| {
        let mut row = vec![words::one_line(name), words::number(*value)];
        if let Some(champion) = champion {
            match champion.metrics().get(name) {
                Some(old) => row.extend([words::number(*old), difference(*value, *old)]),
                None => row.extend(["–".into(), String::new()]),
            }
        }
        row
    };
    let head = ["", "challenger", "champion", "difference"];
    let columns = if champion.is_some() { 4 } else { 2 };
    table(&head[..columns], &[1, 2, 3], challenger.iter().map(row).collect())
}

/// `-12.5 (-0.4 %)`; nothing is `equal`.
fn difference(new: f64, old: f64) -> String {
    if new == old {
        return "equal".into();
    }
    let change = new - old;
    let sign = if change > 0.0 { "+" } else { "" };
    if old == 0.0 || !(change / old).is_finite() {
        return format!("{sign}{}", words::number(change));
    }
    format!("{sign}{} ({:+.1} %)", words::number(change), change / old.abs() * 100.0)
}

/// What serves where.
pub(crate) fn environments(places: &[Place], style: &Style) -> String {
    let row = |place: &Place| {
        let (model, run, image, since, endpoint) = match &place.current {
            None => ("nothing".into(), String::new(), String::new(), String::new(), String::new()),
            Some(current) => (
                words::one_line(&current.model.to_string()),
                current.number.to_string(),
                words::digest(&current.image),
                current.deployed_at.map(|at| words::ago(at, style.now())).unwrap_or_default(),
                current.endpoint.as_deref().map(words::one_line).unwrap_or_default(),
            ),
        };
        vec![place.project.clone(), place.environment.clone(), model, run, image, since, place_state(place), endpoint]
    };
    let head = ["PROJECT", "ENVIRONMENT", "SERVES", "RUN", "IMAGE", "SINCE", "STATE", "ENDPOINT"];
    table(&head, &[3], places.iter().map(row).collect())
}

fn place_state(place: &Place) -> String {
    let mut said = Vec::new();
    if place.current.is_some() {
        said.push(if place.proven { "tested".to_owned() } else { "not tested".to_owned() });
    }
    said.extend(place.holder.map(|number| format!("run {number} changes it")));
    if !place.queue.is_empty() {
        let numbers: Vec<String> = place.queue.iter().map(u64::to_string).collect();
        said.push(format!("then {}", numbers.join(", ")));
    }
    if !place.quarantine.is_empty() {
        said.push(format!("{} in quarantine", place.quarantine.len()));
    }
    said.join("; ")
}

/// Messages that were given up.
pub(crate) fn dead_letters(letters: &[DeadLetter], style: &Style) -> String {
    let row = |letter: &DeadLetter| {
        let why = [&letter.reason, &letter.description].into_iter().flatten().map(|text| words::one_line(text));
        let run = match &letter.run {
            Some(serde_json::Value::String(text)) => words::one_line(text),
            Some(serde_json::Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        vec![
            words::one_line(&letter.id),
            words::one_line(&letter.queue),
            run,
            letter.at.map(|at| words::ago(at, style.now())).unwrap_or_default(),
            why.collect::<Vec<_>>().join(": "),
        ]
    };
    table(&["ID", "QUEUE", "RUN", "WHEN", "WHY"], &[], letters.iter().map(row).collect())
}

/// Steps and how long they took, for the end of the demo.
pub(crate) fn steps(run: &crate::views::Run, style: &Style) -> String {
    let row = |step: &crate::views::Step| {
        let look = crate::render::steps::Look::of(step, run.outcome.as_deref());
        let took = crate::render::steps::took(step, style.now()).unwrap_or_default();
        vec![format!("{} {}", look.icon(), step.key()), look.word().to_owned(), took]
    };
    table(&["STEP", "", "TOOK"], &[2], run.steps.iter().filter(|step| step.has_begun()).map(row).collect())
}
