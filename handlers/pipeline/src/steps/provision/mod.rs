//! Provision: what the steps after it need is made ready: environments, compute, data.
//!
//! ```text
//! NotStarted --Requested--> Waiting(job) --JobFinished(completed)--> Succeeded --> next
//!                              `-----------anything else that ends--> Failed
//! ```

use super::job::{self, News};
use crate::decision::{Context, Decision};
use crate::event::Event;
use crate::run::{Progress, StepRecord};

#[cfg(test)]
mod tests;

/// Environments are built from package indexes that may be slow.
const TIMEOUT_MINUTES: u32 = 60;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    if (&record.progress, event) == (&Progress::NotStarted, &Event::Requested) {
        return Some(begin(cx));
    }
    Some(match job::news(record, event, cx)? {
        News::Completed(_, outputs) => {
            let mut decision = Decision::succeed();
            decision.because.extend(outputs.said.iter().cloned());
            decision
        }
        News::Ended(_, failed) => failed,
        News::GoOn(decision) => decision,
    })
}

fn begin(cx: &Context<'_>) -> Decision {
    let Some(mut job) = job::spec(cx, TIMEOUT_MINUTES) else { return job::no_source(cx) };
    let manifest = cx.manifest();
    let trains = cx.run.plan.iter().any(|key| key.step == crate::event::Step::Train);
    let train = manifest.train.get().filter(|_| trains);
    job.environments = train.map(|train| train.environment.clone()).into_iter().collect();
    if !job.environments.contains(&manifest.scoring.environment) {
        job.environments.push(manifest.scoring.environment.clone());
    }
    job.data = train.and_then(|train| train.data.clone());
    job::submit(job, cx)
}
