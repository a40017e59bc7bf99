//! Package: the model and its scoring code become an image, known by its digest from here on.
//!
//! ```text
//! NotStarted --Requested--> Waiting(build) --ImageBuilt--> Succeeded --> test_image
//!                                |-----------ImageFailed-> Failed
//!                                `-----------DeadlinePassed-> Failed
//! ```

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{BuildSpec, Effect};
use crate::event::{Event, Step};
use crate::run::{On, Progress, StepRecord};
use crate::steps::job;

#[cfg(test)]
mod tests;

/// Seconds between two polls of a build.
const POLL_SECS: u32 = 30;
/// Builds that install packages take minutes.
const TIMEOUT_SECS: u64 = 3600;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    if (&record.progress, event) == (&Progress::NotStarted, &Event::Requested) {
        return Some(begin(cx));
    }
    let Progress::Waiting(wait) = &record.progress else { return None };
    let On::Build { build } = &wait.on else { return None };
    let failed = |reason: &str| Some(Decision::fail(reason, retry_advice(cx.run, Step::Package)));
    match event {
        Event::ImageBuilt { build: built, digest } if built == build => {
            Some(Decision::succeed().because(format!("image {}", digest.short())).learn(Fact::Packaged(digest.clone())))
        }
        Event::ImageFailed { build: broken, reason } if broken == build => failed(reason),
        Event::Refused { reason, .. } => failed(reason),
        Event::PollDue => {
            Some(Decision::to(cx.keep_waiting(record)).perform(Effect::AskImage { build: build.clone() }))
        }
        Event::DeadlinePassed => failed(&format!("image build {build} did not end within an hour")),
        _ => None,
    }
}

fn begin(cx: &Context<'_>) -> Decision {
    let run = cx.run;
    let Some(source) = run.source.clone() else { return job::no_source(cx) };
    let Some(model) = run.facts.model.clone() else {
        return Decision::fail("there is no registered model to package", retry_advice(run, Step::Register));
    };
    let manifest = cx.manifest();
    let model_file = manifest.train.get().map_or_else(|| "model.pkl".to_owned(), |train| train.model.clone());
    let build = BuildSpec {
        name: cx.name().parse().expect("a project's name and numbers fit a build's name"),
        project: run.project.clone(),
        reply_to: cx.reply_to(),
        source,
        model,
        model_file,
        entry: manifest.scoring.entry.clone(),
        environment: manifest.scoring.environment.clone(),
        include: manifest.scoring.include.clone(),
    };
    Decision::to(cx.wait(On::Build { build: build.name.clone() }, POLL_SECS, TIMEOUT_SECS))
        .perform(Effect::BuildImage(Box::new(build)))
}
