//! Deploy: one environment gets the release, after its turn has come.
//!
//! ```text
//! NotStarted --Requested--> Waiting(environment) --EnvironmentGranted--> Waiting(deployment) --DeploymentReady--> Succeeded
//!                                |     ^   |------EnvironmentRefused---> run ends superseded, or Failed     |
//!                                |     `---| EnvironmentBusy                DeploymentFailed, DeadlinePassed --> Failed,
//!                                `------ DeadlinePassed --> Failed                            the old release serves on
//! ```

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{DeploymentSpec, Effect};
use crate::event::{EnvironmentEvent, Event, Step};
use crate::names::EnvironmentName;
use crate::release::Release;
use crate::run::{On, Outcome, Progress, StepRecord, Trigger};
use crate::steps::{approve, evaluate, profile};

#[cfg(test)]
mod tests;

/// Seconds between two questions whether it is this run's turn, for when the news got lost.
const TURN_POLL_SECS: u32 = 60;
/// How long a run stands in an environment's queue.
const TURN_SECS: u64 = 7 * 24 * 3600;
/// Seconds between two polls of a deployment.
const READY_POLL_SECS: u32 = 15;
/// How long a deployment may take to get healthy.
pub const READY_SECS: u64 = 20 * 60;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let environment = cx.environment();
    let failed = |reason: &str| Decision::fail(reason, retry_advice(cx.run, Step::Deploy));
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) => Some(match approve::objection(cx.run, environment, cx.now) {
            Some(objection) => failed(&objection),
            None => {
                let wait = cx.wait(On::Environment { environment: environment.clone() }, TURN_POLL_SECS, TURN_SECS);
                Decision::to(wait).perform(acquire(cx))
            }
        }),
        (Progress::Waiting(wait), event) => match (&wait.on, event) {
            (On::Environment { .. }, Event::EnvironmentGranted { current, last_good }) => {
                Some(granted(current.as_ref(), last_good.as_ref(), cx))
            }
            (On::Environment { .. }, Event::EnvironmentBusy { holder }) => {
                Some(Decision::to(cx.keep_waiting(record)).because(format!("run {holder} is at work in {environment}")))
            }
            (On::Environment { .. }, Event::EnvironmentRefused { reason, superseded: true }) => {
                Some(Decision::to(Progress::Canceled).because(reason).end(Outcome::Superseded, None))
            }
            (On::Environment { .. }, Event::EnvironmentRefused { reason, superseded: false }) => Some(failed(reason)),
            (On::Environment { .. }, Event::PollDue) => {
                Some(Decision::to(cx.keep_waiting(record)).perform(acquire(cx)))
            }
            (On::Environment { .. }, Event::DeadlinePassed) => {
                Some(failed(&format!("its turn in {environment} did not come within a week")).perform(leave(cx)))
            }
            (On::Environment { .. }, Event::Refused { reason, .. }) => Some(failed(reason).perform(leave(cx))),
            (_, Event::Refused { reason, .. }) => Some(failed(reason)),
            (On::Deployment { deployment }, Event::DeploymentReady { deployment: ready, endpoint })
                if ready == deployment =>
            {
                Some(serves(endpoint, cx))
            }
            (On::Deployment { deployment }, Event::DeploymentFailed { deployment: broken, reason })
                if broken == deployment =>
            {
                Some(failed(reason).because(still_serving(environment, cx)))
            }
            (On::Deployment { deployment }, Event::PollDue) => {
                let ask = Effect::AskDeployment { environment: environment.clone(), deployment: deployment.clone() };
                Some(Decision::to(cx.keep_waiting(record)).perform(ask))
            }
            (On::Deployment { deployment }, Event::DeadlinePassed) => {
                let remove =
                    Effect::RemoveDeployment { environment: environment.clone(), deployment: deployment.clone() };
                let reason = format!("deployment {deployment} did not get healthy within {} minutes", READY_SECS / 60);
                Some(failed(&reason).because(still_serving(environment, cx)).perform(remove))
            }
            _ => None,
        },
        _ => None,
    }
}

fn acquire(cx: &Context<'_>) -> Effect {
    let event = EnvironmentEvent::Acquire {
        number: cx.run.number,
        image: cx.run.facts.image.clone(),
        explicit: cx.attempt > 1 || matches!(cx.run.trigger, Trigger::Redeploy { .. }),
        reply_to: (cx.key.clone(), cx.attempt),
    };
    Effect::TellEnvironment { environment: cx.environment().clone(), event }
}

/// Who gives up waiting takes its claim back: an environment given to a run that has ended would be nobody's to pass on.
pub(super) fn leave(cx: &Context<'_>) -> Effect {
    Effect::TellEnvironment { environment: cx.environment().clone(), event: EnvironmentEvent::Leave }
}

fn granted(current: Option<&Release>, last_good: Option<&Release>, cx: &Context<'_>) -> Decision {
    let environment = cx.environment();
    let run = cx.run;
    let held = Fact::Held { environment: environment.clone(), before: current.cloned(), last_good: last_good.cloned() };
    if let Some(outdated) = outdated(last_good, cx) {
        return outdated.learn(held);
    }
    let (Some(model), Some(image)) = (run.facts.model.clone(), run.facts.image.clone()) else {
        return Decision::fail("there is no image to deploy", retry_advice(run, Step::Package)).learn(held);
    };
    let name = format!("{}-{environment}-{}-{}", run.project, run.number, &image.hex()[..8]);
    let release = Release {
        deployment: name.parse().expect("a project's name, an environment's and numbers fit a deployment's name"),
        run: run.id.clone(),
        number: run.number,
        model,
        image,
        config: cx.manifest().config_digest(environment),
        limits: profile::limits(run.facts.profile.as_ref()),
        deployed_at: None,
        endpoint: None,
    };
    let wait = cx.wait(On::Deployment { deployment: release.deployment.clone() }, READY_POLL_SECS, READY_SECS);
    let fact = Fact::Deployed { environment: environment.clone(), release: release.clone() };
    let spec = DeploymentSpec {
        project: run.project.clone(),
        environment: environment.clone(),
        reply_to: cx.reply_to(),
        release,
    };
    Decision::to(wait).learn(held).learn(fact).perform(Effect::Deploy(Box::new(spec)))
}

/// The evaluation was against another champion than the one that serves in production now: it is made again.
fn outdated(champion: Option<&Release>, cx: &Context<'_>) -> Option<Decision> {
    let manifest = cx.manifest();
    let evaluation = cx.run.facts.evaluation.as_ref()?;
    let champion = champion.filter(|_| manifest.production() == Some(cx.environment()) && manifest.evaluate.run)?;
    if evaluation.champion.as_ref().is_some_and(|known| known.model.digest == champion.model.digest) {
        return None;
    }
    let again = match evaluate::compare(&manifest.evaluate, &cx.run.facts.metrics, Some(champion)) {
        Ok(again) => again,
        Err(missing) => return Some(Decision::fail(missing, "Start a new run.")),
    };
    if again.passed {
        return None;
    }
    let mut decision = Decision::to(Progress::Canceled).because("the champion changed since the evaluation");
    decision.because.extend(again.because.iter().cloned());
    Some(decision.learn(Fact::Evaluated(again)).end(Outcome::NotBetter, None))
}

fn serves(endpoint: &str, cx: &Context<'_>) -> Decision {
    let environment = cx.environment();
    let Some(release) = cx.run.stage(environment).and_then(|stage| stage.release.clone()) else {
        return Decision::fail("the release that is ready is not on record", retry_advice(cx.run, Step::Deploy));
    };
    let release = Release { deployed_at: Some(cx.now), endpoint: Some(endpoint.to_owned()), ..release };
    let tell = Effect::TellEnvironment {
        environment: environment.clone(),
        event: EnvironmentEvent::Deployed { release: Box::new(release.clone()) },
    };
    Decision::succeed()
        .because(format!("{} serves at {endpoint}", release.deployment))
        .learn(Fact::Deployed { environment: environment.clone(), release })
        .perform(tell)
}

fn still_serving(environment: &EnvironmentName, cx: &Context<'_>) -> String {
    match cx.run.stage(environment).and_then(|stage| stage.before.as_ref()) {
        Some(before) => format!("the release of run {} serves on in {environment}", before.number),
        None => format!("nothing serves in {environment}"),
    }
}
