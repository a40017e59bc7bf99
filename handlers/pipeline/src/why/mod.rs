//! Why a run stands where it stands, in sentences made from what was recorded when it was decided.

use jiff::{SignedDuration, Timestamp};

use crate::run::{On, Outcome, Progress, Run, Trigger};

/// An explanation, and the one action that would get on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Why {
    /// In reading order.
    pub sentences: Vec<String>,
    /// A command, or something a person does; None: nothing needs to be done.
    pub action: Option<String>,
}

/// Explains a run.
#[must_use]
pub fn why(run: &Run, now: Timestamp) -> Why {
    let mut sentences = vec![opening(run)];
    let mut action = None;
    if let Some(ended) = &run.ended {
        sentences.push(closing(run, ended.outcome));
        if ended.outcome == Outcome::Released {
            sentences.extend(evidence(run));
        } else {
            sentences.extend(ended.because.iter().map(|because| sentence(because)));
        }
        if matches!(ended.outcome, Outcome::Failed | Outcome::RolledBack) {
            sentences.extend(done_before(run));
        }
        action.clone_from(&ended.advice);
    } else if let Some((key, record, wait)) = run.waiting() {
        let since = span(now.duration_since(wait.since));
        sentences.push(format!("It is at {key} and waits for {}, since {since}.", wait.on.describe()));
        sentences.extend(record.because.iter().map(|because| sentence(because)));
        let left = wait.deadline.duration_since(now);
        sentences.push(if left.is_positive() {
            format!("If nothing comes, it gives up in {}.", span(left))
        } else {
            "Its time is up; the next sweep ends it.".into()
        });
        action = match &wait.on {
            On::Approval { environment } => Some(format!(
                "`trainyard approve {0} {environment}` or `trainyard reject {0} {environment}`",
                run.number
            )),
            On::Start => Some(format!("`trainyard retry {}` starts the training", run.number)),
            On::Environment { .. } => Some("nothing: its turn comes when the run before it is done".into()),
            _ => None,
        };
    } else if let Some(next) =
        run.plan.iter().find(|key| run.step(key).is_none_or(|record| record.progress == Progress::NotStarted))
    {
        sentences.push(format!("{next} has been asked to begin."));
    }
    if let Some(newer) = run.superseded_by.as_ref().filter(|_| run.ended.is_none()) {
        sentences.push(format!("Run {newer} is newer and takes its place once the environment is in order."));
    }
    Why { sentences, action }
}

fn opening(run: &Run) -> String {
    // `retraining: drift of 0.4 in patients of commit 1a2b` would be read wrongly.
    let joint = if matches!(run.trigger, Trigger::Retraining { .. }) { "," } else { " of" };
    let commit = run.commit.as_ref().map(|commit| format!("{joint} commit {}", commit.short())).unwrap_or_default();
    let branch = run.branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
    format!(
        "Run {} of {} was started by {} ({}{commit}{branch}).",
        run.number,
        run.project,
        run.requested_by,
        run.trigger.describe()
    )
}

fn closing(run: &Run, outcome: Outcome) -> String {
    let step =
        run.ended.as_ref().and_then(|ended| ended.step.as_ref()).map(|key| format!(" at {key}")).unwrap_or_default();
    match outcome {
        Outcome::Released => "It was released.".into(),
        Outcome::NotBetter => "It ended well, and the champion stays: the new model is not better.".into(),
        Outcome::Checked => "It was checked, and all is well.".into(),
        Outcome::Skipped => "It was skipped.".into(),
        Outcome::Rejected => format!("It was rejected{step}."),
        Outcome::Expired => format!("It expired{step}."),
        Outcome::Superseded => "A newer run took its place.".into(),
        Outcome::Canceled => format!("It was canceled{step}."),
        Outcome::RolledBack => "It failed in production, and the last good release serves again.".into(),
        Outcome::Failed => format!("It failed{step}."),
    }
}

/// On what grounds a release serves: how it was compared, tried and approved.
fn evidence(run: &Run) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(model) = &run.facts.model {
        let serves = run.manifest.production().map(|name| format!("{model} serves in {name}."));
        sentences.extend(serves);
    }
    let evaluation = run.facts.evaluation.iter().flat_map(|evaluation| &evaluation.because);
    sentences.extend(evaluation.map(|because| sentence(because)));
    let stages = run.manifest.environments.iter().filter_map(|(name, _)| Some((name, run.facts.stages.get(name)?)));
    for (name, stage) in stages {
        let answers = stage.approval.iter().flat_map(|gate| &gate.answers);
        sentences.extend(answers.map(|answer| format!("{} approved it for {name}.", answer.by)));
        if stage.tested {
            sentences.push(format!("Its smoke test in {name} was right."));
        }
    }
    sentences
}

/// What of an environment is touched by a run that went wrong.
fn done_before(run: &Run) -> Vec<String> {
    let mut sentences = Vec::new();
    for (key, record) in &run.steps {
        if record.progress == Progress::Failed && run.ended.as_ref().and_then(|ended| ended.step.as_ref()) != Some(key)
        {
            sentences.extend(record.because.iter().map(|because| format!("{key}: {}", sentence(because))));
        }
    }
    sentences
}

fn sentence(text: &str) -> String {
    let mut text = text.trim().to_owned();
    // Names of metrics, people, environments and commands stay as they are written.
    const WORDS: [&str; 11] =
        ["the", "there", "nobody", "it", "its", "no", "waits", "job", "image", "deployment", "what"];
    if text.split(' ').next().is_some_and(|word| WORDS.contains(&word)) {
        let first = text[..1].to_ascii_uppercase();
        text.replace_range(..1, &first);
    }
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

/// A duration as a person reads it: `2 days 3 h`, `1 min 4 s`.
#[must_use]
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, 0) => format!("{minutes} min"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, 0, _) => format!("{hours} h"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (1, 0, ..) => "1 day".into(),
        (1, hours, ..) => format!("1 day {hours} h"),
        (days, 0, ..) => format!("{days} days"),
        (days, hours, ..) => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests;
