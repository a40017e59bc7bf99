//! Runs as callers see them. The shape is an interface that scripts rely on.

use std::collections::BTreeMap;

use pipeline::environment::Environment;
use pipeline::names::EnvironmentName;
use pipeline::run::{Progress, Run};
use serde_json::{Map, Value, json};

/// A run in a list.
pub fn summary(run: &Run) -> Value {
    let waiting = run.waiting();
    json!({
        "id": run.id, "number": run.number, "project": run.project, "branch": run.branch, "commit": run.commit,
        "trigger": run.trigger.describe(), "requested_by": run.requested_by, "created_at": run.created_at,
        "ended_at": run.ended.as_ref().map(|ended| ended.at),
        "outcome": run.ended.as_ref().map(|ended| ended.outcome),
        "waiting_for": waiting.map(|(_, _, wait)| wait.on.describe()),
        "step": waiting.map(|(key, ..)| key),
        "metrics": compared(run),
    })
}

/// The numbers that decide; all of them where no rule names any.
fn compared(run: &Run) -> BTreeMap<&str, f64> {
    let rules = &run.manifest.evaluate.rules;
    let decides = |name: &str| rules.is_empty() || rules.iter().any(|rule| rule.metric == name);
    run.facts.metrics.iter().map(|(name, value)| (name.as_str(), *value)).filter(|(name, _)| decides(name)).collect()
}

/// A run with everything.
pub fn whole(run: &Run, environments: &[(EnvironmentName, Option<Environment>)]) -> Value {
    let mut whole = summary(run);
    let champion = run.facts.evaluation.as_ref().and_then(|evaluation| evaluation.champion.as_ref());
    let champion = champion.map(|release| {
        json!({
            "number": release.number, "metrics": release.model.metrics,
            "model": {"name": release.model.name, "version": release.model.version},
        })
    });
    let model = run
        .facts
        .model
        .as_ref()
        .map(|model| json!({"name": model.name, "version": model.version, "digest": model.digest}));
    let parts = json!({
        "metrics": run.facts.metrics,
        "steps": steps(run),
        "champion": champion,
        "evaluation": run.facts.evaluation.as_ref().map(|it| json!({"passed": it.passed, "because": it.because})),
        "model": model,
        "image": run.facts.image.as_ref().map(|digest| json!({"digest": digest})),
        "profile": run.facts.profile,
        "reports": run.facts.reports,
        "environments": environments.iter().map(|(name, it)| (name.to_string(), stage(run, name, it.as_ref())))
            .collect::<Map<_, _>>(),
        "because": run.ended.as_ref().map(|ended| ended.because.clone()).unwrap_or_default(),
        "advice": run.ended.as_ref().and_then(|ended| ended.advice.clone()),
        "journal": run.journal.iter().map(|entry| json!({
            "at": entry.at, "step": entry.step, "event": entry.event, "now": entry.now, "because": entry.because,
            "effects": entry.effects, "by": entry.by,
        })).collect::<Vec<_>>(),
    });
    if let (Value::Object(whole), Value::Object(parts)) = (&mut whole, parts) {
        whole.extend(parts);
    }
    whole
}

fn steps(run: &Run) -> Vec<Value> {
    let step = |key: &pipeline::event::StepKey| {
        let record = run.step(key);
        let waiting = record.and_then(|record| match &record.progress {
            Progress::Waiting(wait) => Some(wait.on.describe()),
            _ => None,
        });
        json!({
            "step": key.step, "environment": key.environment,
            "status": record.map_or("not_started", |record| record.progress.word()),
            "attempt": record.map_or(0, |record| record.attempt),
            "started_at": record.filter(|it| it.progress != Progress::NotStarted).map(|record| record.started_at),
            "ended_at": record.and_then(|record| record.ended_at),
            "waiting_for": waiting,
            "because": record.map(|record| record.because.clone()).unwrap_or_default(),
        })
    };
    run.plan.iter().map(step).collect()
}

fn stage(run: &Run, name: &EnvironmentName, environment: Option<&Environment>) -> Value {
    let ours = run.stage(name);
    let current = environment.and_then(|environment| environment.current.as_ref());
    let release = current.map(|release| {
        json!({
            "number": release.number, "image": release.image,
            "model": {"name": release.model.name, "version": release.model.version},
        })
    });
    let gate = ours.and_then(|stage| stage.approval.as_ref()).map(|gate| {
        let key = pipeline::event::StepKey::at(pipeline::event::Step::Approve, name);
        let deadline = run.step(&key).and_then(|record| match &record.progress {
            Progress::Waiting(wait) => Some(wait.deadline),
            _ => None,
        });
        json!({"opened_at": gate.opened_at, "deadline": deadline, "answers": gate.answers, "granted": gate.granted})
    });
    json!({"endpoint": current.and_then(|it| it.endpoint.clone()), "release": release, "approval": gate})
}
