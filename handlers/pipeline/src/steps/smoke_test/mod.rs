//! Smoke test: does the release answer, and rightly?
//!
//! ```text
//! NotStarted --Requested--> Waiting(round 1) --EndpointCalled, all right----> Succeeded, release proven --> next
//!                               |--------------EndpointCalled, wrong--------> Failed; rolled back where that is set
//!                               |--------------EndpointCalled, unreachable--> Waiting(round n + 1)
//!                               `--------------DeadlinePassed---------------> Failed; rolled back where that is set
//! ```
//!
//! Only what may be gone in a moment is tried again: nobody answers, or the server says that it is busy or starting.
//! 401, 404, a member `error`, a wrong number: those stay wrong.

use jiff::SignedDuration;
use serde_json::Value;

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{Call, Effect};
use crate::event::{Answer, EnvironmentEvent, Event, Step};
use crate::manifest::{Expect, Smoke};
use crate::run::{On, Progress, StepRecord};

#[cfg(test)]
mod tests;

/// How often an endpoint that does not answer is called.
const ROUNDS: u32 = 30;
/// Seconds between two rounds.
const PAUSE_SECS: i64 = 2;
/// How long all rounds may take.
const PATIENCE_SECS: u64 = 300;
/// The poll that calls again after a crash between question and answer.
const POLL_SECS: u32 = 45;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let smoke = &cx.manifest().scoring.smoke;
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) if smoke.is_empty() => Some(proven(
            Decision::succeed().because("it is healthy; trainyard.yml names no payloads under `scoring.smoke`"),
            cx,
        )),
        (Progress::NotStarted, Event::Requested) => {
            let wait = cx.wait(On::Round { round: 1 }, POLL_SECS, PATIENCE_SECS);
            Some(Decision::to(wait).perform(call(1, cx)?))
        }
        (Progress::Waiting(wait), Event::PollDue) => {
            let On::Round { round } = wait.on else { return None };
            Some(Decision::to(cx.keep_waiting(record)).perform(call(round, cx)?))
        }
        (Progress::Waiting(wait), Event::EndpointCalled { round, answers }) => {
            (wait.on == On::Round { round: *round }).then(|| judge(smoke, *round, answers, record, cx))
        }
        (Progress::Waiting(_), Event::DeadlinePassed) => Some(failed("it did not answer in time".into(), cx)),
        (Progress::Waiting(_), Event::Refused { reason, .. }) => Some(failed(reason.clone(), cx)),
        _ => None,
    }
}

fn call(round: u32, cx: &Context<'_>) -> Option<Effect> {
    let environment = cx.environment().clone();
    let deployment = cx.run.stage(&environment)?.release.as_ref()?.deployment.clone();
    let smoke = &cx.manifest().scoring.smoke;
    let calls = smoke.iter().map(|smoke| Call { payload: smoke.payload.clone() }).collect();
    Some(Effect::CallEndpoint { environment, deployment, round, calls })
}

fn judge(smoke: &[Smoke], round: u32, answers: &[Answer], record: &StepRecord, cx: &Context<'_>) -> Decision {
    let mut unreachable = None;
    let mut wrong = (answers.len() != smoke.len())
        .then(|| format!("{} answers came back to {} payloads", answers.len(), smoke.len()));
    for (smoke, answer) in smoke.iter().zip(answers) {
        match answer {
            Answer::Unreachable { reason } => unreachable = Some(reason.clone()),
            Answer::Answered { status: status @ (429 | 502 | 503 | 504), .. } if *status != smoke.expect.status => {
                unreachable = Some(format!("HTTP {status}"));
            }
            Answer::Answered { status, body } => {
                let verdict = judge_answer(&smoke.expect, *status, body);
                wrong = wrong.or(verdict.err().map(|reason| format!("{}: {reason}", smoke.payload)));
            }
        }
    }
    if let Some(reason) = wrong {
        return failed(reason, cx);
    }
    match unreachable {
        None => {
            proven(Decision::succeed().because(format!("{} of {} answers are right", answers.len(), smoke.len())), cx)
        }
        Some(reason) if round >= ROUNDS => failed(format!("nobody answers after {ROUNDS} rounds: {reason}"), cx),
        Some(_) => {
            let mut progress = cx.keep_waiting(record);
            if let Progress::Waiting(wait) = &mut progress {
                wait.on = On::Round { round: round + 1 };
            }
            Decision::to(progress).later(cx.now + SignedDuration::from_secs(PAUSE_SECS), Event::PollDue)
        }
    }
}

/// Whether an answer is what it must be.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn judge_answer(expect: &Expect, status: u16, body: &str) -> Result<(), String> {
    if status != expect.status {
        return Err(format!("answered HTTP {status} instead of {}: {}", expect.status, shorten(body)));
    }
    let json: Option<Value> = serde_json::from_str(body).ok();
    // Some scoring scripts return their JSON as a string, which the server quotes once more.
    let json = match json {
        Some(Value::String(text)) => serde_json::from_str(&text).ok().or(Some(Value::String(text))),
        other => other,
    };
    if let Some(error) = json.as_ref().and_then(|json| json.get("error")) {
        return Err(format!("answered an error with HTTP {status}: {}", shorten(&error.to_string())));
    }
    if expect.result.is_none() && expect.length.is_none() {
        return Ok(());
    }
    let result = json.as_ref().map(|json| json.get("result").unwrap_or(json));
    let Some(numbers) = result.and_then(Value::as_array) else {
        return Err(format!("the answer has no list `result`: {}", shorten(body)));
    };
    let length = expect.length.or(expect.result.as_ref().map(Vec::len)).unwrap_or_default();
    if numbers.len() != length {
        return Err(format!("the answer has {} results instead of {length}", numbers.len()));
    }
    for (at, (number, wanted)) in numbers.iter().zip(expect.result.iter().flatten()).enumerate() {
        let number = number.as_f64().ok_or_else(|| format!("result {} is not a number: {number}", at + 1))?;
        let off = (number - wanted).abs();
        if off.is_nan() || off > expect.tolerance {
            return Err(format!("result {} is {number} instead of {wanted} ± {}", at + 1, expect.tolerance));
        }
    }
    Ok(())
}

fn proven(decision: Decision, cx: &Context<'_>) -> Decision {
    let environment = cx.environment().clone();
    decision
        .learn(Fact::Tested { environment: environment.clone() })
        .learn(Fact::Left { environment: environment.clone() })
        .perform(Effect::TellEnvironment { environment, event: EnvironmentEvent::Proven })
}

fn failed(reason: String, cx: &Context<'_>) -> Decision {
    let environment = cx.environment();
    let decision = Decision::fail(reason, retry_advice(cx.run, Step::SmokeTest));
    let has_good = cx.run.stage(environment).is_some_and(|stage| stage.last_good.is_some());
    if !cx.manifest().rolls_back(environment) {
        return decision;
    }
    if has_good {
        decision.because("the last good release is put back").roll_back()
    } else {
        decision.because(format!("there is no good release of {environment} to put back"))
    }
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
