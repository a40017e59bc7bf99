//! Approve: people answer before a release goes on. What they approve is exactly this model, image and settings.
//!
//! ```text
//! NotStarted --Requested--> Waiting(approval) --enough approvals--> Succeeded --> deploy
//!                               |---------------a rejection-------> Canceled, run ends rejected
//!                               `---------------DeadlinePassed----> Canceled, run ends expired
//! ```

use jiff::Timestamp;

use crate::decision::{Context, Decision, Fact};
use crate::event::{Event, Step, StepKey, Verdict};
use crate::manifest::{Approval, Need};
use crate::names::{Digest, EnvironmentName};
use crate::run::{Gate, GateAnswer, On, Outcome, Progress, Run, StepRecord, Trigger};
use crate::why::span;

#[cfg(test)]
mod tests;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let environment = cx.environment();
    let approval = cx.manifest().environment(environment)?.approval.clone().unwrap_or_default();
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) => Some(open(&approval, cx)),
        (Progress::Waiting(_), Event::ApprovalAnswered { verdict, by, reason }) => {
            may_answer(cx.run, environment, by, *verdict, cx.now).ok()?;
            let answer = GateAnswer { by: by.clone(), verdict: *verdict, reason: reason.clone(), at: cx.now };
            answered(&approval, answer, record, cx)
        }
        (Progress::Waiting(wait), Event::DeadlinePassed) => {
            let patience = span(wait.deadline.duration_since(wait.since));
            let because = format!("nobody answered for {environment} within {patience}");
            let advice = format!("Ask again with `trainyard retry {}`.", cx.run.number);
            Some(Decision::to(Progress::Canceled).because(because).end(Outcome::Expired, Some(advice)))
        }
        _ => None,
    }
}

fn open(approval: &Approval, cx: &Context<'_>) -> Decision {
    let environment = cx.environment();
    let Some((model, image)) = subject(cx.run) else {
        return Decision::fail("there is no model and image to approve", "Start a new run.");
    };
    let gate = Gate {
        opened_at: cx.now,
        model,
        image,
        config: cx.manifest().config_digest(environment),
        answers: Vec::new(),
        granted: false,
    };
    let seconds = (approval.timeout_hours * 3600.0) as u64;
    Decision::to(cx.wait(On::Approval { environment: environment.clone() }, 0, seconds))
        .because(match approval.need {
            Need::One => format!("waits for one approval for {environment}"),
            Need::All => format!("waits for {}", approval.approvers.join(", ")),
            Need::Count(count) => format!("waits for {count} approvals for {environment}"),
        })
        .learn(Fact::Gate { environment: environment.clone(), gate })
}

/// The digests that an approval is for. A rehearsal has none of its own.
#[must_use]
pub fn subject(run: &Run) -> Option<(Digest, Digest)> {
    if run.trigger == Trigger::Rehearsal {
        let nothing = Digest::of(b"");
        return Some((nothing.clone(), nothing));
    }
    Some((run.facts.model.as_ref()?.digest.clone(), run.facts.image.clone()?))
}

fn answered(approval: &Approval, answer: GateAnswer, record: &StepRecord, cx: &Context<'_>) -> Option<Decision> {
    let environment = cx.environment();
    let mut gate = cx.run.stage(environment)?.approval.clone()?;
    let (by, verdict, reason) = (answer.by.clone(), answer.verdict, answer.reason.clone());
    gate.answers.push(answer);
    let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    if verdict == Verdict::Reject {
        return Some(
            Decision::to(Progress::Canceled)
                .because(format!("{by} rejected it for {environment}{said}"))
                .learn(Fact::Gate { environment: environment.clone(), gate })
                .end(Outcome::Rejected, None),
        );
    }
    gate.granted = match approval.need {
        Need::One => true,
        Need::Count(count) => gate.answers.len() >= count as usize,
        Need::All => approval.approvers.iter().all(|name| gate.answers.iter().any(|given| is_same(&given.by, name))),
    };
    let mut decision = if gate.granted { Decision::succeed() } else { Decision::to(record.progress.clone()) };
    decision = decision.because(format!("{by} approved it for {environment}{said}"));
    if !gate.granted {
        decision = decision.because(format!("{} approvals so far, more are needed", gate.answers.len()));
    }
    Some(decision.learn(Fact::Gate { environment: environment.clone(), gate }))
}

/// Whether this person may answer this gate now.
///
/// # Errors
///
/// A sentence that says why not.
pub fn may_answer(
    run: &Run,
    environment: &EnvironmentName,
    by: &str,
    verdict: Verdict,
    now: Timestamp,
) -> Result<(), String> {
    let number = run.number;
    let key = StepKey::at(Step::Approve, environment);
    let Some(record) = run.step(&key) else {
        return Err(if run.plan.contains(&key) {
            format!("run {number} has not asked for approval for {environment} yet")
        } else {
            format!("run {number} needs no approval for {environment}")
        });
    };
    let Progress::Waiting(wait) = &record.progress else {
        let how = run.ended.as_ref().map_or("answered", |ended| ended.outcome.word());
        return Err(format!("the approval of run {number} for {environment} is closed: {how}"));
    };
    // The sweep that closes the gate may be late; an answer after the deadline is none all the same.
    if wait.deadline <= now {
        return Err(format!("the approval of run {number} for {environment} is closed: its time is up"));
    }
    let approval = run.manifest.environment(environment).and_then(|settings| settings.approval.clone());
    let approval = approval.unwrap_or_default();
    if by.trim().is_empty() {
        return Err("an answer needs a name".into());
    }
    if !approval.approvers.is_empty() && !approval.approvers.iter().any(|name| is_same(name, by)) {
        return Err(format!(
            "{by} is not an approver for {environment}; approvers are {}",
            approval.approvers.join(", ")
        ));
    }
    if verdict == Verdict::Approve && !approval.requester_may_approve && is_same(by, &run.requested_by) {
        return Err(format!(
            "{by} asked for run {number} and may not approve it; somebody else must \
             (or set `requester_may_approve: true` in trainyard.yml)"
        ));
    }
    let gate = run.stage(environment).and_then(|stage| stage.approval.as_ref());
    if gate.is_some_and(|gate| gate.answers.iter().any(|answer| is_same(&answer.by, by))) {
        return Err(format!("{by} has answered already"));
    }
    Ok(())
}

/// Whether two names are one person's. Sign-in names are the same in any case, and nobody shall approve their own run by
/// writing themselves differently.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Why a granted gate does not let this release pass; None: it does.
#[must_use]
pub fn objection(run: &Run, environment: &EnvironmentName, now: Timestamp) -> Option<String> {
    let settings = run.manifest.environment(environment)?;
    settings.approval.as_ref()?;
    let gate = run.stage(environment).and_then(|stage| stage.approval.as_ref());
    let Some(gate) = gate.filter(|gate| gate.granted && gate.opened_at <= now) else {
        return Some(format!("{environment} needs an approval, and there is none"));
    };
    let (model, image) = subject(run)?;
    let same = gate.model == model && gate.image == image && gate.config == run.manifest.config_digest(environment);
    (!same).then(|| format!("what was approved for {environment} is not what would be deployed"))
}
