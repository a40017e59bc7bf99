//! One message in, a run with its decision out. The only place where a run changes.

use jiff::Timestamp;

use crate::comment;
use crate::decision::{Context, Decision, Fact, Then};
use crate::effect::Effect;
use crate::event::{EnvironmentEvent, Event, Message, Step, StepKey};
use crate::names::RunId;
use crate::run::{Ended, Entry, Letter, On, Outcome, Pending, Progress, Run, StepRecord, Trigger};
use crate::steps;

/// How many events that came too early a run keeps.
const EARLY_KEPT: usize = 50;
/// How many ignored events a run's journal keeps: enough to see a pattern, too few to fill a store.
const IGNORED_KEPT: usize = 100;

/// Takes a message in: what is decided is in the run, what is to be done is in `pending` and `outbox`.
///
/// A message that was taken before changes nothing. Events for a step that has not begun are kept until it has.
/// Answers whether the run has changed.
pub fn advance(run: &mut Run, message: &Message, now: Timestamp) -> bool {
    if run.has_taken(&message.id) {
        return false;
    }
    match &message.event {
        Event::CancelRequested { by, reason } => cancel(run, message, by, reason.as_deref(), now),
        Event::RetryRequested { by } => retry(run, message, by, now),
        Event::Superseded { by, number } => supersede(run, message, by, *number, now),
        Event::NotTold { reason, .. } => {
            note(run, message, None, vec![reason.clone()], now);
            true
        }
        _ => tell(run, message, now),
    }
}

/// The message that starts a run: its first step is asked to begin. A run without steps ends at once.
pub fn start(run: &mut Run, now: Timestamp) {
    let cause = format!("{}/start", run.id);
    if run.trigger != Trigger::Rehearsal && run.commit.is_some() {
        let status =
            Effect::SetStatus { good: None, outcome: None, description: format!("run {} is under way", run.number) };
        push_effects(run, &cause, None, 1, vec![status]);
    }
    let because = vec![format!("{} by {}", run.trigger.describe(), run.requested_by)];
    run.journal.push(Entry {
        at: now,
        cause: cause.clone(),
        step: None,
        event: "the run was started".into(),
        now: None,
        because,
        effects: Vec::new(),
        by: Some(run.requested_by.clone()),
    });
    match run.plan.first().cloned() {
        Some(first) => request(run, &first, 1),
        None => finish(run, &cause, None, Outcome::Skipped, vec!["it has no steps".into()], None, now),
    }
}

/// Tells one step.
fn tell(run: &mut Run, message: &Message, now: Timestamp) -> bool {
    let key = &message.step;
    if run.ended.is_some() {
        give_back(run, message);
        return ignore(run, message, "the run has ended", now) || !run.pending.is_empty();
    }
    if !run.plan.contains(key) {
        return ignore(run, message, "the run has no such step", now);
    }
    let is_request = message.event == Event::Requested;
    let record = run.steps.get(key).cloned().unwrap_or_else(|| not_begun(message.attempt, now));
    if message.attempt < record.attempt {
        return ignore(run, message, "it is about an older try", now);
    }
    if let (Event::DeadlinePassed, Progress::Waiting(wait)) = (&message.event, &record.progress)
        && now < wait.deadline
    {
        return ignore(run, message, "it is about an earlier wait", now);
    }
    if is_request && is_at(run).as_ref() != Some(key) {
        return ignore(run, message, "it is not this step's turn", now);
    }
    if record.progress == Progress::NotStarted && !is_request {
        if matches!(message.event, Event::PollDue | Event::DeadlinePassed | Event::ApprovalAnswered { .. }) {
            return ignore(run, message, "the step has not begun", now);
        }
        if run.early.len() < EARLY_KEPT {
            run.early.push(message.clone());
            return true;
        }
        return false;
    }
    if is_request && let Some(newer) = run.superseded_by.clone().filter(|_| is_free(run)) {
        let because = vec![format!("run {newer} is newer")];
        finish(run, &message.id, Some(key.clone()), Outcome::Superseded, because, None, now);
        return true;
    }
    let attempt = record.attempt.max(message.attempt);
    let decision = {
        let cx = Context { run, key, attempt, now };
        if is_request && run.trigger == Trigger::Rehearsal && key.step != Step::Approve {
            (record.progress == Progress::NotStarted).then(|| {
                let mut rehearsed = Decision::succeed();
                rehearsed.because.push("rehearsal: nothing was done".into());
                rehearsed
            })
        } else {
            steps::decide(&record, &message.event, &cx)
        }
    };
    match decision {
        Some(decision) => {
            apply(run, message, StepRecord { attempt, ..record }, decision, now);
            replay(run, key, now);
            true
        }
        None => ignore(run, message, "it changes nothing: it came late, twice or is about something else", now),
    }
}

/// The step was asked to begin, and has not yet.
fn not_begun(attempt: u32, now: Timestamp) -> StepRecord {
    StepRecord { progress: Progress::NotStarted, attempt, started_at: now, ended_at: None, because: Vec::new() }
}

/// An environment that is granted to a run that has ended: the question was on its way, and nobody else would pass the
/// environment on.
fn give_back(run: &mut Run, message: &Message) {
    let (Event::EnvironmentGranted { .. }, Some(environment)) = (&message.event, &message.step.environment) else {
        return;
    };
    let leave = Effect::TellEnvironment { environment: environment.clone(), event: EnvironmentEvent::Leave };
    push_effects(run, &message.id, Some(&message.step), message.attempt, vec![leave]);
}

/// Puts a decision into the run.
fn apply(run: &mut Run, message: &Message, mut record: StepRecord, decision: Decision, now: Timestamp) {
    let key = message.step.clone();
    if message.event == Event::Requested && record.progress == Progress::NotStarted {
        record.started_at = now;
    }
    let is_quiet = record.progress.word() == decision.progress.word() && decision.because.is_empty();
    record.ended_at = (!matches!(decision.progress, Progress::Waiting(_))).then_some(now);
    record.progress = decision.progress;
    // A step that is done says why it is done, not what it waited for.
    if record.ended_at.is_some() || !decision.because.is_empty() {
        record.because = decision.because.clone();
    }
    if !(is_quiet && matches!(message.event, Event::PollDue)) {
        run.journal.push(Entry {
            at: now,
            cause: message.id.clone(),
            step: Some(key.clone()),
            event: Run::name_of(&message.event),
            now: Some(record.progress.word().to_owned()),
            because: decision.because.clone(),
            effects: decision.effects.iter().map(Effect::describe).collect(),
            by: person(&message.event),
        });
    }
    let attempt = record.attempt;
    run.steps.insert(key.clone(), record);
    for fact in decision.facts {
        run.facts.learn(fact);
    }
    push_effects(run, &message.id, Some(&key), attempt, decision.effects);
    for (nth, (at, event)) in decision.later.into_iter().enumerate() {
        let id = format!("{}/later-{nth}", message.id);
        let message = Message { id, run: run.id.clone(), step: key.clone(), attempt, event };
        run.outbox.push(Letter { deliver_at: Some(at), message });
    }
    match decision.then {
        Then::Stay => {}
        Then::Next => match run.after(&key).cloned() {
            Some(next) => request(run, &next, 1),
            None => {
                let outcome = if run.plan.iter().any(|key| matches!(key.step, Step::Deploy | Step::Rollback)) {
                    Outcome::Released
                } else {
                    Outcome::Checked
                };
                finish(run, &message.id, Some(key), outcome, decision.because, None, now);
            }
        },
        Then::RollBack => {
            let environment = key.environment.as_ref().expect("only a stage's step rolls back");
            let rollback = StepKey::at(Step::Rollback, environment);
            if !run.plan.contains(&rollback) {
                let at = run.plan.iter().position(|planned| *planned == key).unwrap_or(run.plan.len() - 1);
                run.plan.insert(at + 1, rollback.clone());
            }
            // It belongs to the try that failed: an earlier try may have had a rollback of its own.
            request(run, &rollback, attempt);
        }
        Then::End { outcome, advice } => {
            finish(run, &message.id, Some(key), outcome, decision.because, advice, now);
        }
    }
}

/// Events that came before the step had begun are told now.
fn replay(run: &mut Run, key: &StepKey, now: Timestamp) {
    let begun = |run: &Run| run.step(key).is_some_and(|record| record.progress != Progress::NotStarted);
    while begun(run) {
        let Some(at) = run.early.iter().position(|early| early.step == *key) else { return };
        let early = run.early.remove(at);
        tell(run, &early, now);
    }
}

/// Asks a step to begin. The id is the step's and the try's own: asking twice is asking once.
fn request(run: &mut Run, key: &StepKey, least_attempt: u32) {
    let attempt = run.step(key).map_or(least_attempt, |record| record.attempt);
    let id = format!("{}/{key}/{attempt}", run.id);
    let message = Message { id, run: run.id.clone(), step: key.clone(), attempt, event: Event::Requested };
    run.outbox.push(Letter { deliver_at: None, message });
}

fn push_effects(run: &mut Run, cause: &str, key: Option<&StepKey>, attempt: u32, effects: Vec<Effect>) {
    let step = key.cloned().or_else(|| run.plan.first().cloned()).unwrap_or_else(|| StepKey::of(Step::Check));
    for (nth, effect) in effects.into_iter().enumerate() {
        // Effects of the end of a run have a cause of their own, so that their ids differ from the step's.
        let id = format!("{cause}/effect-{}", nth + run.pending.len());
        run.pending.push(Pending { id, step: step.clone(), attempt, effect });
    }
}

/// Ends the run: whatever it holds in the world is let go, in the same decision.
fn finish(
    run: &mut Run,
    cause: &str,
    step: Option<StepKey>,
    outcome: Outcome,
    because: Vec<String>,
    advice: Option<String>,
    now: Timestamp,
) {
    let mut effects = Vec::new();
    let held: Vec<_> = run.facts.stages.iter().filter(|(_, stage)| stage.held).map(|(name, _)| name.clone()).collect();
    let queued = run.waiting().and_then(|(key, _, wait)| match &wait.on {
        On::Environment { .. } => key.environment.clone().filter(|environment| !held.contains(environment)),
        _ => None,
    });
    for environment in held {
        let took_traffic = run.facts.stages[&environment].release.as_ref().is_some_and(|it| it.deployed_at.is_some());
        let event =
            if took_traffic { EnvironmentEvent::Failed { rolled_back_to: None } } else { EnvironmentEvent::Leave };
        effects.push(Effect::TellEnvironment { environment: environment.clone(), event });
        run.facts.learn(Fact::Left { environment });
    }
    effects.extend(queued.map(|environment| Effect::TellEnvironment { environment, event: EnvironmentEvent::Leave }));
    for record in run.steps.values_mut() {
        if let Progress::Waiting(wait) = &record.progress {
            match &wait.on {
                On::Job { job } => effects.push(Effect::CancelJob { job: job.clone() }),
                // A plan changes nothing, and ends by itself.
                On::Infrastructure { name, .. } if !matches!(run.trigger, Trigger::PullRequest { .. }) => {
                    effects.push(Effect::CancelInfrastructure { name: name.clone() });
                }
                _ => {}
            }
            record.progress = Progress::Canceled;
            record.ended_at = Some(now);
        }
    }
    if run.trigger != Trigger::Rehearsal && run.commit.is_some() {
        let first = because.first().map(|because| format!(": {because}")).unwrap_or_default();
        let description = format!("run {} {}{first}", run.number, outcome.word().replace('_', " "));
        effects.push(Effect::SetStatus { good: Some(outcome.is_green()), outcome: Some(outcome), description });
    }
    run.ended = Some(Ended { outcome, at: now, step: step.clone(), because, advice });
    if let Trigger::PullRequest { number, .. } = run.trigger {
        effects.push(Effect::Comment { pull_request: number, markdown: comment::markdown(run) });
    }
    let attempt = step.as_ref().and_then(|key| run.step(key)).map_or(1, |record| record.attempt);
    push_effects(run, &format!("{cause}/end"), step.as_ref(), attempt, effects);
    run.early.clear();
    run.journal.push(Entry {
        at: now,
        cause: format!("{cause}/end"),
        step,
        event: format!("the run ended: {}", outcome.word().replace('_', " ")),
        now: None,
        because: Vec::new(),
        effects: Vec::new(),
        by: None,
    });
}

/// A person ends the run. A release that has taken production's requests unproven is not left behind: the last good one
/// is put back.
fn cancel(run: &mut Run, message: &Message, by: &str, reason: Option<&str>, now: Timestamp) -> bool {
    if run.ended.is_some() {
        return ignore(run, message, "the run has ended", now);
    }
    let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let because = format!("{by} canceled it{said}");
    let at = is_at(run);
    note(run, message, at.as_ref(), vec![because.clone()], now);
    if let Some(key) = at.as_ref().filter(|key| key.step == Step::Rollback && !is_free(run)) {
        let entry = run.journal.last_mut().expect("the entry was just written");
        entry.because.push(format!("the rollback of {key} goes on: it must not be left half done"));
        return true;
    }
    if let Some(key) = at.as_ref().filter(|key| key.step == Step::SmokeTest) {
        let environment = key.environment.clone().expect("a smoke test belongs to a stage");
        let stage = run.stage(&environment);
        if run.manifest.rolls_back(&environment) && stage.is_some_and(|stage| stage.held && stage.last_good.is_some()) {
            let record = run.step(key).cloned().unwrap_or_else(|| not_begun(1, now));
            let decision = Decision::to(Progress::Canceled).because(because).roll_back();
            let message = Message { id: format!("{}/cancel", message.id), step: key.clone(), ..message.clone() };
            apply(run, &message, record, decision, now);
            return true;
        }
    }
    if let Some(key) = at.as_ref().filter(|key| key.step == Step::Deploy) {
        let environment = key.environment.clone().expect("a deployment belongs to a stage");
        if let Some(On::Deployment { deployment }) = run.waiting().map(|(_, _, wait)| wait.on.clone()) {
            let attempt = run.steps[key].attempt;
            let remove = Effect::RemoveDeployment { environment, deployment };
            push_effects(run, &message.id, Some(key), attempt, vec![remove]);
        }
    }
    finish(run, &message.id, at, Outcome::Canceled, vec![because], None, now);
    true
}

/// The step that waits, or else the one that was asked to begin and has not yet.
fn is_at(run: &Run) -> Option<StepKey> {
    let has_begun = |key: &StepKey| run.step(key).is_some_and(|record| record.progress != Progress::NotStarted);
    let waiting = run.waiting().map(|(key, _, _)| key);
    waiting.or_else(|| run.plan.iter().find(|key| !has_begun(key))).cloned()
}

/// A newer change takes this one's place, but never while an environment is half changed.
fn supersede(run: &mut Run, message: &Message, by: &RunId, number: u64, now: Timestamp) -> bool {
    if run.ended.is_some() {
        return false;
    }
    let because = format!("run {number} is newer");
    let at = run.waiting().map(|(key, _, _)| key.clone());
    note(run, message, at.as_ref(), vec![because.clone()], now);
    if is_free(run) && at.is_some() {
        finish(run, &message.id, at, Outcome::Superseded, vec![because], None, now);
    } else {
        run.superseded_by = Some(by.clone());
    }
    true
}

/// Whether nothing in an environment hangs on this run.
fn is_free(run: &Run) -> bool {
    run.facts.stages.values().all(|stage| !stage.held)
}

/// The step from which a run is tried again.
///
/// # Errors
///
/// A sentence that says why it is not.
pub fn may_retry(run: &Run) -> Result<StepKey, String> {
    let number = run.number;
    if let Some((key, _, _)) = run.waiting().filter(|(_, _, wait)| wait.on == On::Start) {
        return Ok(key.clone());
    }
    let Some(ended) = &run.ended else {
        return Err(format!("run {number} has not ended; there is nothing to try again"));
    };
    match ended.outcome {
        Outcome::Failed | Outcome::Canceled | Outcome::Expired | Outcome::RolledBack => {}
        other => return Err(format!("run {number} ended {} and is not tried again; start a new one", other.word())),
    }
    let key = ended.step.as_ref().or(run.plan.first()).ok_or_else(|| format!("run {number} has no steps"))?;
    let first_of_stage =
        run.plan.iter().find(|planned| key.environment.is_some() && planned.environment == key.environment);
    Ok(first_of_stage.unwrap_or(key).clone())
}

/// A person wants the failed step tried again: a new attempt of it, and of the steps after it. In a stage that means
/// from its first step on: one approval starts at most one deployment.
fn retry(run: &mut Run, message: &Message, by: &str, now: Timestamp) -> bool {
    let from = match may_retry(run) {
        Ok(from) => from,
        Err(because) => return ignore(run, message, &because, now),
    };
    note(run, message, Some(&from), vec![format!("{by} asked for another try from {from} on")], now);
    // The end may have come between a step's being asked and its beginning: asked again, it is another try.
    if let Some(asked) = run.ended.take().and_then(|ended| ended.step) {
        run.steps.entry(asked).or_insert_with(|| not_begun(1, now));
    }
    run.superseded_by = None;
    run.plan.retain(|key| key.step != Step::Rollback || matches!(run.trigger, Trigger::Rollback { .. }));
    let begin = run.plan.iter().position(|planned| *planned == from).unwrap_or_default();
    for key in &run.plan[begin..] {
        if let Some(record) = run.steps.get_mut(key) {
            record.attempt += 1;
            record.progress = Progress::NotStarted;
            record.ended_at = None;
            record.because.clear();
        }
        if let Some(environment) = &key.environment {
            run.facts.stages.remove(environment);
        }
    }
    run.steps.retain(|key, _| run.plan.contains(key));
    request(run, &from, 1);
    true
}

fn note(run: &mut Run, message: &Message, step: Option<&StepKey>, because: Vec<String>, now: Timestamp) {
    run.journal.push(Entry {
        at: now,
        cause: message.id.clone(),
        step: step.cloned(),
        event: Run::name_of(&message.event),
        now: None,
        because,
        effects: Vec::new(),
        by: person(&message.event),
    });
}

/// Records that an event changed nothing, and why; answers whether there was anything to record.
fn ignore(run: &mut Run, message: &Message, because: &str, now: Timestamp) -> bool {
    let is_noise = matches!(message.event, Event::PollDue | Event::JobRunning { .. } | Event::DeadlinePassed);
    let ignored = run.journal.iter().filter(|entry| entry.event.starts_with("ignored: ")).count();
    if is_noise || ignored >= IGNORED_KEPT {
        return false;
    }
    run.journal.push(Entry {
        at: now,
        cause: message.id.clone(),
        step: Some(message.step.clone()),
        event: format!("ignored: {}", Run::name_of(&message.event)),
        now: None,
        because: vec![because.to_owned()],
        effects: Vec::new(),
        by: person(&message.event),
    });
    true
}

fn person(event: &Event) -> Option<String> {
    match event {
        Event::ApprovalAnswered { by, .. } | Event::CancelRequested { by, .. } | Event::RetryRequested { by } => {
            Some(by.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod people;
#[cfg(test)]
mod promises;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
