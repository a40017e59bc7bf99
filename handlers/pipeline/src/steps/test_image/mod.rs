//! Test image: the repository's image tests, run against the very content of the image that would be deployed.
//!
//! ```text
//! NotStarted --Requested--> Waiting(job) --JobFinished(completed)--> Succeeded --> profile
//!      |                       `-----------anything else that ends--> Failed
//!      `--Requested, no tests--> Skipped --> profile
//! ```

use super::job::{self, News};
use crate::decision::{Context, Decision, retry_advice};
use crate::effect::JobCommand;
use crate::event::{Event, Step};
use crate::run::{Progress, StepRecord};

#[cfg(test)]
mod tests;

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
            decision.facts = job::reports(cx, outputs);
            decision
        }
        News::Ended(outputs, mut failed) => {
            failed.because.extend(outputs.said.iter().cloned());
            failed.facts = job::reports(cx, outputs);
            failed
        }
        News::GoOn(decision) => decision,
    })
}

fn begin(cx: &Context<'_>) -> Decision {
    let scoring = &cx.manifest().scoring;
    let Some(tests) = &scoring.tests else { return Decision::skip("trainyard.yml names no `scoring.tests`") };
    let Some(image) = cx.run.facts.image.clone() else {
        return Decision::fail("there is no image to test", retry_advice(cx.run, Step::Package));
    };
    let Some(mut job) = job::spec(cx, TIMEOUT_MINUTES) else { return job::no_source(cx) };
    job.image = Some(image);
    job.environments = vec![scoring.environment.clone()];
    let line = format!("python -m pytest -p no:cacheprovider --junitxml=image-testresults.xml {tests}");
    job.commands = vec![JobCommand { name: "test_image".into(), line }];
    job.reports = vec!["image-testresults.xml".into()];
    job::submit(job, cx)
}
