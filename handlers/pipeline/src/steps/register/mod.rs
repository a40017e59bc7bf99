//! Register: the model gets a version, with where it comes from. Twice for one run gives one version.
//!
//! ```text
//! NotStarted --Requested--> Waiting(answer) --ModelRegistered--> Succeeded --> package
//!                                |            (not better, registered for the record: run ends not_better)
//!                                `------------Refused----------> Failed
//! ```

use std::collections::BTreeMap;

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{Effect, Registration};
use crate::event::{Event, Step};
use crate::run::{On, Outcome, Progress, StepRecord};

#[cfg(test)]
mod tests;

/// An answer that comes at once, unless the registry is away.
const ANSWER_SECS: u64 = 3600;
/// The poll that asks again after a crash between question and answer.
const POLL_SECS: u32 = 60;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) => Some(begin(cx)),
        (Progress::Waiting(_), Event::PollDue) => {
            let mut again = begin(cx);
            again.progress = cx.keep_waiting(record);
            Some(again)
        }
        (Progress::Waiting(_), Event::ModelRegistered { model }) => {
            let decision =
                Decision::succeed().because(format!("registered as {model}")).learn(Fact::Registered(model.clone()));
            let is_worse = cx.run.facts.evaluation.as_ref().is_some_and(|evaluation| !evaluation.passed);
            Some(if is_worse {
                let because = "it is not better than the champion and goes no further (`evaluate.on_worse: register`)";
                decision.because(because).end(Outcome::NotBetter, None)
            } else {
                decision
            })
        }
        (Progress::Waiting(_), Event::Refused { reason, .. }) => {
            Some(Decision::fail(reason, retry_advice(cx.run, Step::Register)))
        }
        (Progress::Waiting(_), Event::DeadlinePassed) => {
            Some(Decision::fail("the model registry did not answer", retry_advice(cx.run, Step::Register)))
        }
        _ => None,
    }
}

fn begin(cx: &Context<'_>) -> Decision {
    let run = cx.run;
    let Some(digest) = run.facts.model_file.clone() else {
        return Decision::fail("there is no model file to register", retry_advice(run, Step::Train));
    };
    let manifest = cx.manifest();
    let number = |name: &String| run.facts.metrics.get(name).map(|value| (name.clone(), value.to_string()));
    let mut tags: BTreeMap<String, String> = manifest.register.tags.iter().filter_map(number).collect();
    tags.insert("run_id".into(), run.id.to_string());
    tags.insert("run_number".into(), run.number.to_string());
    tags.insert("project".into(), run.project.to_string());
    tags.extend(run.commit.as_ref().map(|commit| ("commit".to_owned(), commit.to_string())));
    tags.extend(run.facts.data.as_ref().map(|data| ("data".to_owned(), data.to_string())));
    let registration = Registration {
        name: manifest.model_name(),
        digest,
        lineage: run.lineage(),
        metrics: run.facts.metrics.clone(),
        tags,
    };
    Decision::to(cx.wait(On::Answer, POLL_SECS, ANSWER_SECS)).perform(Effect::RegisterModel(Box::new(registration)))
}
