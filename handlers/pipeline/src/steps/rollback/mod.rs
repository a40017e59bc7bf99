//! Rollback: the last good release takes the environment's requests again.
//!
//! ```text
//! after a failed release:  NotStarted --Requested--> Waiting(deployment) --DeploymentReady--> Succeeded, run ends rolled_back
//! by a person:             NotStarted --Requested--> Waiting(environment) --EnvironmentGranted--> Waiting(deployment) --> Succeeded
//!                                                         anything else that ends --> Failed: a person must look
//! ```

use crate::decision::{Context, Decision, Fact};
use crate::effect::{DeploymentSpec, Effect};
use crate::event::{EnvironmentEvent, Event};
use crate::release::Release;
use crate::run::{On, Outcome, Progress, StepRecord, Trigger};
use crate::steps::deploy::leave;

#[cfg(test)]
mod tests;

/// Seconds between two polls.
const POLL_SECS: u32 = 15;
/// How long the last good release may take to get healthy again.
const READY_SECS: u64 = 20 * 60;
/// How long a person's rollback waits for its turn.
const TURN_SECS: u64 = 3600;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let environment = cx.environment();
    let stage = cx.run.stage(environment);
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) => {
            let target = stage.filter(|stage| stage.held).and_then(|stage| stage.last_good.clone());
            Some(match target {
                Some(good) => put_back(good, cx),
                None => {
                    let wait = cx.wait(On::Environment { environment: environment.clone() }, POLL_SECS, TURN_SECS);
                    Decision::to(wait).perform(acquire(cx))
                }
            })
        }
        (Progress::Waiting(wait), event) => match (&wait.on, event) {
            (On::Environment { .. }, Event::EnvironmentGranted { current, last_good }) => {
                let held = Fact::Held {
                    environment: environment.clone(),
                    before: current.clone(),
                    last_good: last_good.clone(),
                };
                Some(match last_good {
                    Some(good) => put_back(good.clone(), cx).learn(held),
                    None => {
                        let reason = format!("{environment} has no earlier good release to go back to");
                        Decision::fail(reason, "Deliver a good release instead.").learn(held)
                    }
                })
            }
            (On::Environment { .. }, Event::EnvironmentBusy { holder }) => {
                Some(Decision::to(cx.keep_waiting(record)).because(format!("run {holder} is at work in {environment}")))
            }
            (On::Environment { .. }, Event::PollDue) => {
                Some(Decision::to(cx.keep_waiting(record)).perform(acquire(cx)))
            }
            (On::Environment { .. }, Event::EnvironmentRefused { reason, .. }) => Some(lost(reason, cx)),
            (On::Environment { .. }, Event::DeadlinePassed) => {
                Some(lost("its turn did not come within an hour", cx).perform(leave(cx)))
            }
            (On::Environment { .. }, Event::Refused { reason, .. }) => Some(lost(reason, cx).perform(leave(cx))),
            (_, Event::Refused { reason, .. }) => Some(lost(reason, cx)),
            (On::Deployment { deployment }, Event::DeploymentReady { deployment: ready, endpoint })
                if ready == deployment =>
            {
                Some(serves(stage?.last_good.clone()?, endpoint, cx))
            }
            (On::Deployment { deployment }, Event::DeploymentFailed { deployment: broken, reason })
                if broken == deployment =>
            {
                Some(lost(reason, cx))
            }
            (On::Deployment { deployment }, Event::PollDue) => {
                let ask = Effect::AskDeployment { environment: environment.clone(), deployment: deployment.clone() };
                Some(Decision::to(cx.keep_waiting(record)).perform(ask))
            }
            (_, Event::DeadlinePassed) => Some(lost("the last good release did not get healthy in time", cx)),
            _ => None,
        },
        _ => None,
    }
}

fn acquire(cx: &Context<'_>) -> Effect {
    let event = EnvironmentEvent::Acquire {
        number: cx.run.number,
        image: None,
        explicit: true,
        reply_to: (cx.key.clone(), cx.attempt),
    };
    Effect::TellEnvironment { environment: cx.environment().clone(), event }
}

fn put_back(good: Release, cx: &Context<'_>) -> Decision {
    let environment = cx.environment().clone();
    let because = format!("the release of run {} is put back in {environment}", good.number);
    let wait = cx.wait(On::Deployment { deployment: good.deployment.clone() }, POLL_SECS, READY_SECS);
    let spec = DeploymentSpec { project: cx.run.project.clone(), environment, reply_to: cx.reply_to(), release: good };
    Decision::to(wait).because(because).perform(Effect::Deploy(Box::new(spec)))
}

fn serves(good: Release, endpoint: &str, cx: &Context<'_>) -> Decision {
    let environment = cx.environment().clone();
    let good = Release { deployed_at: Some(cx.now), endpoint: Some(endpoint.to_owned()), ..good };
    let decision = Decision::succeed()
        .because(format!("the release of run {} serves again at {endpoint}", good.number))
        .learn(Fact::Left { environment: environment.clone() })
        .perform(Effect::TellEnvironment {
            environment: environment.clone(),
            event: EnvironmentEvent::Failed { rolled_back_to: Some(Box::new(good.clone())) },
        });
    if matches!(cx.run.trigger, Trigger::Rollback { .. }) {
        return decision.learn(Fact::Deployed { environment, release: good });
    }
    let advice =
        format!("See what was wrong with `trainyard why {}`; the failed image is in quarantine.", cx.run.number);
    decision.end(Outcome::RolledBack, Some(advice))
}

fn lost(reason: &str, cx: &Context<'_>) -> Decision {
    let environment = cx.environment();
    Decision::fail(
        format!("the last good release could not be put back in {environment}: {reason}"),
        format!(
            "{environment} needs a person now: look at it, then `trainyard rollback {} {environment}`.",
            cx.run.project
        ),
    )
}
