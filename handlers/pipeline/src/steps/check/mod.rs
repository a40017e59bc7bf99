//! Check: lint, unit tests, data tests and coverage, in the repository's own environment.
//!
//! ```text
//! NotStarted --Requested--> Waiting(job) --JobFinished(completed), coverage ok--> Succeeded --> next
//!                              |-----------JobFinished(completed), too little-----> Failed
//!                              |-----------JobFinished(failed)--------------------> Failed, reports kept
//!                              `-----------DeadlinePassed-------------------------> Failed, job canceled
//! ```
//!
//! All commands run even if one is red, so that a person sees everything that is wrong at once.

use std::collections::BTreeMap;

use super::job::{self, News};
use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{Effect, JobCommand};
use crate::event::{Event, JobOutputs, Step};
use crate::manifest::Check;
use crate::run::{Progress, StepRecord};

#[cfg(test)]
mod tests;

/// The metric that the job platform reads from the coverage report, in percent.
pub const COVERAGE_METRIC: &str = "coverage_line_percent";

/// Reports that are kept and shown, if the commands leave them.
const REPORTS: [&str; 5] =
    ["lint-testresults.xml", "unit-testresults.xml", "data-testresults.xml", "coverage.xml", "htmlcov/index.html"];

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let Some(check) = cx.manifest().check.get() else {
        return (*event == Event::Requested).then(|| Decision::skip("`check: false` in trainyard.yml"));
    };
    if (&record.progress, event) == (&Progress::NotStarted, &Event::Requested) {
        return Some(begin(check, cx));
    }
    Some(match job::news(record, event, cx)? {
        News::Completed(_, outputs) => judge(check, outputs, cx),
        News::Ended(outputs, mut failed) => {
            failed.because.extend(outputs.said.iter().cloned());
            found(failed, outputs, cx)
        }
        News::GoOn(decision) => decision,
    })
}

fn begin(check: &Check, cx: &Context<'_>) -> Decision {
    let command = |name: &str, line: &Option<String>| {
        line.as_ref().map(|line| JobCommand { name: name.to_owned(), line: line.clone() })
    };
    let commands: Vec<_> = command("lint", &check.lint).into_iter().chain(command("test", &check.test)).collect();
    if commands.is_empty() {
        return Decision::skip("trainyard.yml names neither `lint` nor `test`");
    }
    let Some(mut job) = job::spec(cx, check.timeout_minutes) else { return job::no_source(cx) };
    job.environments = vec![check.environment.clone()];
    job.commands = commands;
    job.reports = REPORTS.map(str::to_owned).to_vec();
    job::submit(job, cx)
}

fn judge(check: &Check, outputs: &JobOutputs, cx: &Context<'_>) -> Decision {
    let has_tests = check.test.as_ref().is_some_and(|test| test.contains("--cov"));
    let covered = outputs.metrics.get(COVERAGE_METRIC).copied();
    let least = check.coverage.min_line;
    let mut decision = match covered {
        Some(percent) if percent >= least => {
            Decision::succeed().because(format!("the tests cover {percent:.1} % of the lines"))
        }
        Some(percent) => Decision::fail(
            format!("the tests cover {percent:.1} % of the lines, and at least {least} % are asked for"),
            retry_advice(cx.run, Step::Check),
        ),
        None if has_tests && check.coverage.required => Decision::fail(
            "the tests left no coverage report (coverage.xml), or an empty one",
            "Add `--cov-report=xml` to `check.test`, or set `check.coverage.required: false`.",
        ),
        None => Decision::succeed(),
    };
    decision.because.extend(outputs.said.iter().cloned());
    found(decision, outputs, cx)
}

/// Keeps what the job left, and has its reports published where people look for them.
fn found(mut decision: Decision, outputs: &JobOutputs, cx: &Context<'_>) -> Decision {
    decision.facts = job::reports(cx, outputs);
    let counts = outputs.metrics.iter().filter(|(_, count)| count.is_finite());
    let counts: BTreeMap<_, _> = counts.map(|(name, count)| (name.clone(), *count)).collect();
    if !counts.is_empty() {
        decision.facts.push(Fact::Checked(counts));
    }
    let of_tests = outputs.files.iter().filter(|(name, _)| name.ends_with(".xml"));
    let files: BTreeMap<_, _> = of_tests.map(|(name, digest)| (name.clone(), digest.clone())).collect();
    if cx.run.commit.is_none() || files.is_empty() {
        return decision;
    }
    let attempt = if cx.attempt > 1 { format!("-{}", cx.attempt) } else { String::new() };
    decision.perform(Effect::PublishTests { name: format!("{}{attempt}", cx.key.step), files })
}
