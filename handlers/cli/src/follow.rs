//! Follows a run on its way.

use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use serde_json::Value;

use crate::Cx;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;
use crate::render::sentences;
use crate::views::Run;
use crate::words;

const EVERY: Duration = Duration::from_millis(250);
/// A run learns of what it is told in milliseconds, unless the machine is very busy.
const SOON: Duration = Duration::from_millis(25);
/// A host that is stopped and started again is back by then; the run has lost nothing.
const RESTART: Duration = Duration::from_secs(30);

/// How long a run is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// It ended, or waits for a person.
    NeedsPerson,
    /// It ended.
    Ended,
}

/// A run as the host tells it.
pub(crate) struct Told {
    pub run: Run,
    pub document: Value,
}

/// Asks for a run.
pub(crate) fn read(client: &Client, run: &str) -> Result<Told, Failure> {
    let document: Value = client.get(&["api", "runs", run], &[])?;
    let run = Run::deserialize(&document).map_err(|error| {
        Failure::unreachable(format!("the host tells of run {run} in a way that is not understood: {error}"))
            .advice("use the `trainyard` that started the host")
    })?;
    Ok(Told { run, document })
}

/// Shows what becomes of a run until there is nothing to wait for. What `progress` has shown is not shown again.
pub(crate) fn follow(
    cx: &mut Cx<'_>,
    client: &Client,
    run: &str,
    until: Until,
    progress: &mut Progress,
) -> Result<Told, Failure> {
    let told = watch(cx, client, run, until, progress);
    progress.rest();
    told
}

fn watch(cx: &mut Cx<'_>, client: &Client, run: &str, until: Until, progress: &mut Progress) -> Result<Told, Failure> {
    let mut told = read(client, run)?;
    // `latest` may soon be another one.
    let id = told.run.id.clone();
    let mut asked = false;
    loop {
        progress.update(&told.run, &mut cx.console);
        let needs_person = told.run.needs_person().is_some();
        if told.run.outcome.is_some() || (needs_person && until == Until::NeedsPerson) {
            return Ok(told);
        }
        if needs_person && !asked {
            let next = sentences::next(&told.run, &cx.settings).unwrap_or_default();
            progress.say(&format!("      {next}"), &mut cx.console);
        }
        asked = needs_person;
        thread::sleep(EVERY);
        told = patiently(client, &id, progress, cx)?;
    }
}

/// Waits until a run has taken what a person told it: the host says yes first, and the run learns of it then. A script
/// that approves and then watches must not see the run still asking.
pub(crate) fn until_taken(client: &Client, answer: &Value) {
    let (Some(run), Some(known)) = (answer["run"].as_str(), answer["journal"].as_u64()) else { return };
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let since = Instant::now();
    while since.elapsed() < RESTART {
        let Ok(told) = client.get::<Value>(&["api", "runs", run], &[]) else { return };
        let journal = told["journal"].as_array().map(Vec::as_slice).unwrap_or_default();
        if journal.iter().skip(known).any(|entry| entry["by"].is_string()) {
            return;
        }
        thread::sleep(SOON);
    }
}

/// Asks again while the host is away for a moment.
fn patiently(client: &Client, id: &str, progress: &Progress, cx: &mut Cx<'_>) -> Result<Told, Failure> {
    let mut away_since: Option<Instant> = None;
    loop {
        match read(client, id) {
            Err(failure) if failure.exit == Exit::Unreachable => {
                let since = *away_since.get_or_insert_with(|| {
                    progress.say("  the host is away; the run goes on as soon as it is back", &mut cx.console);
                    Instant::now()
                });
                if since.elapsed() > RESTART {
                    return Err(failure);
                }
                thread::sleep(EVERY);
            }
            other => return other,
        }
    }
}

/// Follows a run and says how it ended.
pub(crate) fn to_the_end(cx: &mut Cx<'_>, client: &Client, run: &str, until: Until) -> Result<Exit, Failure> {
    let told = follow(cx, client, run, until, &mut Progress::new())?;
    if cx.console.json {
        cx.console.document(&told.document);
    } else {
        let lines = summary(&told.run, cx);
        cx.console.line(&lines);
    }
    Ok(exit(&told.run))
}

/// How it ended, why, and what to do next.
pub(crate) fn summary(run: &Run, cx: &Cx<'_>) -> String {
    let paint = cx.console.style.paint;
    let mut lines = vec![String::new(), paint.bold(&sentences::headline(run))];
    lines.extend(run.because.iter().map(|reason| format!("  {}", words::one_line(reason))));
    if let Some(next) = sentences::next(run, &cx.settings) {
        lines.push(format!("{} {next}", paint.bold("Next:")));
    }
    lines.join("\n")
}

/// What the shell is told of a run.
pub(crate) fn exit(run: &Run) -> Exit {
    outcome_exit(run.outcome.as_deref())
}

/// What the shell is told of an outcome.
pub(crate) fn outcome_exit(outcome: Option<&str>) -> Exit {
    match outcome {
        None => Exit::Waiting,
        Some("released" | "checked" | "not_better" | "skipped") => Exit::Done,
        Some(_) => Exit::EndedOtherwise,
    }
}
