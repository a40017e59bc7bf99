//! Provision: what the steps after it need is made ready: infrastructure, environments, compute, data.
//!
//! ```text
//! NotStarted --Requested--> Waiting(infrastructure) --Applied, Untouched--> Waiting(job) --completed--> Succeeded --> next
//!                |  nothing declared                       |                  ^  `--anything else--> Failed
//!                `-----------------------------------------+------------------'
//!                            on a pull request: --Planned--+--> Succeeded        Failed, DeadlinePassed --> Failed
//! ```
//!
//! On a pull request infrastructure is planned and never applied, and no job runs.

use super::job::{self, News};
use crate::decision::{Context, Decision};
use crate::event::{Event, Step};
use crate::manifest::Train;
use crate::run::{On, Progress, StepRecord, Wait};

mod infrastructure;
#[cfg(test)]
mod tests;

/// Environments are built from package indexes that may be slow.
const TIMEOUT_MINUTES: u32 = 60;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    if (&record.progress, event) == (&Progress::NotStarted, &Event::Requested) {
        return Some(infrastructure::begin(cx).unwrap_or_else(|| make_ready(cx)));
    }
    if let Progress::Waiting(Wait { on: On::Infrastructure { name, plan }, .. }) = &record.progress {
        return infrastructure::news(record, (name, plan.as_deref()), event, cx);
    }
    Some(match job::news(record, event, cx)? {
        News::Completed(_, outputs) => {
            let environments = environments(cx);
            let words: Vec<&str> = environments.iter().map(String::as_str).collect();
            let ready = format!("the Python environments of {} are ready", super::evaluate::list(&words));
            let mut decision = Decision::succeed().because(ready);
            decision.because.extend(outputs.said.iter().cloned());
            decision.because.extend(cx.run.facts.infrastructure.iter().cloned());
            decision
        }
        News::Ended(_, failed) => failed,
        News::GoOn(decision) => decision,
    })
}

/// What only a job can make ready. Where nothing comes after, nothing needs it.
fn make_ready(cx: &Context<'_>) -> Decision {
    if cx.run.after(cx.key).is_none() {
        return Decision::succeed();
    }
    let Some(mut job) = job::spec(cx, TIMEOUT_MINUTES) else { return job::no_source(cx) };
    job.environments = environments(cx);
    job.data = trains(cx).and_then(|train| train.data.clone());
    job::submit(job, cx)
}

/// The dependency files of the environments that the steps after this one run in.
fn environments(cx: &Context<'_>) -> Vec<String> {
    let scoring = cx.manifest().scoring.environment.clone();
    let train = trains(cx).map(|train| train.environment.clone()).filter(|train| *train != scoring);
    train.into_iter().chain([scoring]).collect()
}

/// The training section, if this run trains.
fn trains<'a>(cx: &Context<'a>) -> Option<&'a Train> {
    let plans = cx.run.plan.iter().any(|key| key.step == Step::Train);
    cx.manifest().train.get().filter(|_| plans)
}
