//! Infrastructure as the commit declares it: planned on a pull request, applied on a branch that is delivered.

use std::collections::BTreeMap;

use super::make_ready;
use crate::decision::{Context, Decision, Fact};
use crate::effect::Effect;
use crate::event::Event;
use crate::infrastructure::{Change, InfrastructureSpec};
use crate::names::InfrastructureName;
use crate::run::{On, StepRecord, Trigger};

/// Seconds between two polls. Azure asks for ten at least.
const POLL_SECS: u32 = 30;
/// How long a plan may take.
const PLAN_SECS: u64 = 30 * 60;
/// Changes that are told one by one.
const TOLD_MAX: usize = 30;

/// What there is to do about infrastructure; None: nothing is declared, or it is not this run's to apply.
pub(super) fn begin(cx: &Context<'_>) -> Option<Decision> {
    let spec = Box::new(spec(cx)?);
    let on = On::Infrastructure { name: spec.name.clone(), plan: None };
    if is_plan(cx) {
        return Some(Decision::to(cx.wait(on, POLL_SECS, PLAN_SECS)).perform(Effect::PlanInfrastructure(spec)));
    }
    let triggers = &cx.manifest().triggers;
    let is_delivered = cx.run.branch.as_ref().is_some_and(|branch| triggers.branches.contains(branch));
    let minutes = cx.manifest().infrastructure.as_ref()?.timeout_minutes;
    // A tag or an older model's commit may declare what is long past.
    is_delivered.then(|| {
        let wait = cx.wait(on, POLL_SECS, u64::from(minutes) * 60);
        Decision::to(wait).perform(Effect::ApplyInfrastructure(spec))
    })
}

/// What an event says about the infrastructure that the step waits for.
pub(super) fn news(
    record: &StepRecord,
    (name, plan): (&InfrastructureName, Option<&str>),
    event: &Event,
    cx: &Context<'_>,
) -> Option<Decision> {
    let failed = |reason: &str| Decision::fail(reason, advice(cx));
    match event {
        Event::InfrastructurePlanning { operation } => {
            let on = On::Infrastructure { name: name.clone(), plan: Some(operation.clone()) };
            let waited = cx.now.duration_since(record.started_at).as_secs();
            Some(Decision::to(cx.wait(on, POLL_SECS, PLAN_SECS.saturating_sub(waited.unsigned_abs()))))
        }
        Event::InfrastructurePlanned { changes } if is_plan(cx) => Some(go_on(planned(changes), cx)),
        Event::InfrastructureApplied { name: applied, outputs } if applied == name => {
            Some(go_on(self::applied(name, outputs), cx))
        }
        Event::InfrastructureUntouched { reason } => Some(go_on(vec![reason.clone()], cx)),
        Event::InfrastructureFailed { reason } | Event::Refused { reason, .. } => Some(failed(reason)),
        Event::PollDue => {
            let spec = Box::new(spec(cx)?);
            let ask = match plan {
                None if is_plan(cx) => Effect::PlanInfrastructure(spec),
                plan => Effect::AskInfrastructure { spec, plan: plan.map(str::to_owned) },
            };
            Some(Decision::to(cx.keep_waiting(record)).perform(ask))
        }
        Event::DeadlinePassed if is_plan(cx) => {
            Some(failed("nobody can say in time what the infrastructure would change"))
        }
        Event::DeadlinePassed => {
            let minutes = cx.now.duration_since(record.started_at).as_secs() / 60;
            let reason = format!("infrastructure {name} was not there after {minutes} minutes; it was canceled");
            Some(failed(&reason).perform(Effect::CancelInfrastructure { name: name.clone() }))
        }
        _ => None,
    }
}

/// What the commit declares.
fn spec(cx: &Context<'_>) -> Option<InfrastructureSpec> {
    let declared = cx.manifest().infrastructure.as_ref()?;
    Some(InfrastructureSpec {
        name: cx.name().parse().expect("a project's name and numbers fit a name of infrastructure"),
        project: cx.run.project.clone(),
        commit: cx.run.commit.clone()?,
        template: declared.template.clone(),
        parameters: declared.parameters.clone(),
    })
}

fn is_plan(cx: &Context<'_>) -> bool {
    matches!(cx.run.trigger, Trigger::PullRequest { .. })
}

/// The infrastructure is as it should be: what else the steps after this one need is next.
fn go_on(sentences: Vec<String>, cx: &Context<'_>) -> Decision {
    let mut decision = make_ready(cx);
    decision.because = sentences.iter().cloned().chain(decision.because).collect();
    decision.learn(Fact::Infrastructure(sentences))
}

fn planned(changes: &[Change]) -> Vec<String> {
    let changes: Vec<&Change> = changes.iter().filter(|change| change.kind.is_change()).collect();
    if changes.is_empty() {
        return vec!["the infrastructure would stay as it is".into()];
    }
    let mut sentences: Vec<_> =
        changes.iter().take(TOLD_MAX).map(|change| format!("the infrastructure: would {change}")).collect();
    if changes.len() > TOLD_MAX {
        sentences.push(format!("and {} changes more", changes.len() - TOLD_MAX));
    }
    sentences
}

fn applied(name: &InfrastructureName, outputs: &BTreeMap<String, String>) -> Vec<String> {
    let outputs = outputs.iter().map(|(name, value)| format!("infrastructure output {name}: {value}"));
    std::iter::once(format!("the infrastructure is applied, by {name}")).chain(outputs).collect()
}

/// There is no log of ours to look at.
fn advice(cx: &Context<'_>) -> String {
    if is_plan(cx) {
        return "Mend the template, then push again.".into();
    }
    format!("Mend what the reason names, then `trainyard retry {}`.", cx.run.number)
}
