//! Evaluate: the challenger against the champion, the model that is **deployed** in production.
//!
//! ```text
//! NotStarted --Requested--> Waiting(answer) --ChampionRead, better or none--> Succeeded --> register
//!      |                         |------------ChampionRead, not better------> Succeeded, run ends not_better
//!      |                         `------------a metric is missing-----------> Failed
//!      `--Requested, run: false--> Skipped --> register
//! ```
//!
//! Equal is not better. A missing metric fails and never passes. The first model passes.

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::Effect;
use crate::event::{Event, Step};
use crate::manifest::{Evaluate, Goal, OnWorse, Rule};
use crate::release::Release;
use crate::run::{Evaluation, On, Outcome, Progress, StepRecord};

#[cfg(test)]
mod tests;

/// An answer that comes at once, unless the store is away.
const ANSWER_SECS: u64 = 3600;
/// The poll that asks again after a crash between question and answer.
const POLL_SECS: u32 = 60;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let manifest = cx.manifest();
    let Some(production) = manifest.production().cloned() else {
        return (*event == Event::Requested).then(|| Decision::skip("there is no environment to compare with"));
    };
    let read = Effect::ReadChampion { environment: production };
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) if !manifest.evaluate.run => {
            Some(Decision::skip("`evaluate.run: false`: registered without comparing"))
        }
        (Progress::NotStarted, Event::Requested) => {
            Some(Decision::to(cx.wait(On::Answer, POLL_SECS, ANSWER_SECS)).perform(read))
        }
        (Progress::Waiting(_), Event::PollDue) => Some(Decision::to(cx.keep_waiting(record)).perform(read)),
        (Progress::Waiting(_), Event::ChampionRead { champion }) => Some(judge(champion.as_ref(), cx)),
        (Progress::Waiting(_), Event::Refused { reason, .. }) => {
            Some(Decision::fail(reason, retry_advice(cx.run, Step::Evaluate)))
        }
        (Progress::Waiting(_), Event::DeadlinePassed) => {
            Some(Decision::fail("the champion could not be looked up", retry_advice(cx.run, Step::Evaluate)))
        }
        _ => None,
    }
}

fn judge(champion: Option<&Release>, cx: &Context<'_>) -> Decision {
    let rules = &cx.manifest().evaluate;
    let evaluation = match compare(rules, &cx.run.facts.metrics, champion) {
        Ok(evaluation) => evaluation,
        Err(missing) => {
            return Decision::fail(missing, "Let the training job report the metric under exactly this name.");
        }
    };
    let passed = evaluation.passed;
    let mut decision = Decision::succeed();
    decision.because.extend(evaluation.because.iter().cloned());
    decision = decision.learn(Fact::Evaluated(evaluation));
    if passed || rules.on_worse == OnWorse::Register { decision } else { decision.end(Outcome::NotBetter, None) }
}

/// Compares a challenger's metrics with the champion's, rule by rule.
///
/// # Errors
///
/// A sentence that names the metric that is missing.
pub fn compare(
    evaluate: &Evaluate,
    challenger: &std::collections::BTreeMap<String, f64>,
    champion: Option<&Release>,
) -> Result<Evaluation, String> {
    let mut passed = true;
    let mut because = Vec::new();
    for rule in &evaluate.rules {
        let new = metric(challenger, rule, "the challenger")?;
        if let Some(bound) = rule.bound {
            let holds = !is_better(rule.goal, bound, new, 0.0);
            passed &= holds;
            because.push(match (rule.goal, holds) {
                (Goal::Minimize, true) => format!("{} {new:.4} is at most {bound}", rule.metric),
                (Goal::Minimize, false) => format!("{} {new:.4} is more than {bound}", rule.metric),
                (Goal::Maximize, true) => format!("{} {new:.4} is at least {bound}", rule.metric),
                (Goal::Maximize, false) => format!("{} {new:.4} is less than {bound}", rule.metric),
            });
        }
        let Some(release) = champion else {
            because.push(format!("{} {new:.4}; nothing is in production, and the first model passes", rule.metric));
            continue;
        };
        let old = metric(&release.model.metrics, rule, "the champion")?;
        let better = is_better(rule.goal, new, old, rule.min_improvement);
        passed &= better;
        because.push(sentence(rule, new, old, better, release));
    }
    Ok(Evaluation { champion: champion.cloned(), passed, because })
}

fn metric(metrics: &std::collections::BTreeMap<String, f64>, rule: &Rule, whose: &str) -> Result<f64, String> {
    let name = &rule.metric;
    match metrics.get(name).copied() {
        Some(value) if value.is_finite() => Ok(value),
        Some(value) => Err(format!("the metric {name:?} of {whose} is {value}, which cannot be compared")),
        None => {
            let known: Vec<_> = metrics.keys().map(String::as_str).collect();
            Err(format!("{whose} has no metric {name:?}; it has {}", list(&known)))
        }
    }
}

/// `a, b and c`, or `none`.
#[must_use]
pub fn list(words: &[&str]) -> String {
    match words {
        [] => "none".into(),
        [one] => (*one).into(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Strictly better, by more than the least improvement where one is asked for.
fn is_better(goal: Goal, new: f64, old: f64, min_improvement: f64) -> bool {
    let gain = match goal {
        Goal::Minimize => old - new,
        Goal::Maximize => new - old,
    };
    gain > 0.0 && gain >= min_improvement
}

fn sentence(rule: &Rule, new: f64, old: f64, better: bool, release: &Release) -> String {
    let metric = &rule.metric;
    let champion = format!("{} in production", release.model);
    let wish = match rule.goal {
        Goal::Minimize => "smaller",
        Goal::Maximize => "larger",
    };
    if better {
        format!("{metric} {new:.4} is better than {old:.4} of {champion} ({wish} is better)")
    } else if (new - old).abs() <= f64::EPSILON * old.abs() {
        format!("{metric} {new:.4} equals that of {champion}, and equal is not better")
    } else if is_better(rule.goal, new, old, 0.0) {
        format!(
            "{metric} {new:.4} is better than {old:.4} of {champion}, but by less than the {} asked for",
            rule.min_improvement
        )
    } else {
        format!("{metric} {new:.4} is not better than {old:.4} of {champion} ({wish} is better)")
    }
}
