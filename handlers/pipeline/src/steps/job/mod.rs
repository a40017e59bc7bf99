//! What the steps that wait for a job have in common: the end of it, the poll that finds a lost end, the deadline.

use std::collections::BTreeMap;

use crate::decision::{Context, Decision, Fact, retry_advice};
use crate::effect::{Effect, JobSpec};
use crate::event::{Event, JobOutputs, JobResult};
use crate::names::{Digest, JobName};
use crate::run::{On, Progress, StepRecord};

/// Seconds between two polls of a job, for when its end got lost.
const POLL_SECS: u32 = 30;
/// Seconds that the platform has beyond the job's own time limit before the step gives up.
const GRACE_SECS: u64 = 120;

/// What a step is told of its job.
pub(super) enum News<'a> {
    /// It ended well.
    Completed(&'a JobName, &'a JobOutputs),
    /// It ended otherwise; the step has failed like this, unless it knows better.
    Ended(&'a JobOutputs, Decision),
    /// Nothing that changes the outcome: go on like this.
    GoOn(Decision),
}

/// A job without anything in it yet.
pub(super) fn spec(cx: &Context<'_>, timeout_minutes: u32) -> Option<JobSpec> {
    let source = cx.run.source.clone()?;
    Some(JobSpec {
        name: cx.job(),
        project: cx.run.project.clone(),
        reply_to: cx.reply_to(),
        source,
        image: None,
        environments: Vec::new(),
        commands: Vec::new(),
        load: None,
        entry: None,
        variables: variables(cx),
        parameters: None,
        data: None,
        required: Vec::new(),
        reports: Vec::new(),
        timeout_secs: u64::from(timeout_minutes) * 60,
    })
}

/// What every job may know of its run.
fn variables(cx: &Context<'_>) -> BTreeMap<String, String> {
    let run = cx.run;
    let commit = run.commit.as_ref().map(ToString::to_string).unwrap_or_default();
    let branch = run.branch.as_ref().map(ToString::to_string).unwrap_or_default();
    BTreeMap::from([
        ("TRAINYARD_RUN".into(), run.id.to_string()),
        ("TRAINYARD_RUN_NUMBER".into(), run.number.to_string()),
        ("TRAINYARD_PROJECT".into(), run.project.to_string()),
        ("TRAINYARD_COMMIT".into(), commit),
        ("TRAINYARD_BRANCH".into(), branch),
    ])
}

/// Submits the job and waits for its end.
pub(super) fn submit(job: JobSpec, cx: &Context<'_>) -> Decision {
    let deadline = job.timeout_secs + GRACE_SECS;
    Decision::to(cx.wait(On::Job { job: job.name.clone() }, POLL_SECS, deadline))
        .because(format!("job {} was submitted", job.name))
        .perform(Effect::SubmitJob(Box::new(job)))
}

/// What an event says about the job that the step waits for.
pub(super) fn news<'a>(record: &StepRecord, event: &'a Event, cx: &Context<'_>) -> Option<News<'a>> {
    let Progress::Waiting(wait) = &record.progress else { return None };
    let On::Job { job } = &wait.on else { return None };
    let advice = || retry_advice(cx.run, cx.key.step);
    let failed = |reason: &str| Decision::fail(reason, advice());
    match event {
        Event::JobFinished { job: finished, result } if finished == job => Some(match result {
            JobResult::Completed(outputs) => News::Completed(finished, outputs),
            JobResult::Failed { reason, outputs } => News::Ended(outputs, failed(reason)),
            JobResult::Canceled => {
                News::GoOn(failed(&format!("job {job} was canceled on the job platform, not by Trainyard")))
            }
        }),
        Event::JobRefused { job: refused, reason } if refused == job => {
            Some(News::GoOn(failed(&format!("the job platform did not take job {job}: {reason}"))))
        }
        Event::Refused { reason, .. } => Some(News::GoOn(failed(reason))),
        Event::PollDue => {
            Some(News::GoOn(Decision::to(cx.keep_waiting(record)).perform(Effect::AskJob { job: job.clone() })))
        }
        Event::DeadlinePassed => {
            let minutes = cx.now.duration_since(wait.since).as_secs() / 60;
            let reason = format!("job {job} ran past its deadline: {minutes} minutes; it was canceled");
            Some(News::GoOn(failed(&reason).perform(Effect::CancelJob { job: job.clone() })))
        }
        _ => None,
    }
}

/// The files that a job left, as reports of its step.
pub(super) fn reports(cx: &Context<'_>, outputs: &JobOutputs) -> Vec<Fact> {
    let report = |(name, digest): (&String, &Digest)| Fact::Report {
        name: format!("{}/{name}", cx.key.step),
        digest: digest.clone(),
    };
    outputs.files.iter().map(report).collect()
}

/// A step that needs code has none: the run was started without a commit.
pub(super) fn no_source(cx: &Context<'_>) -> Decision {
    Decision::fail(
        format!("there is no snapshot of a commit to {} from", cx.key.step),
        "Start the run with `--commit`.".to_owned(),
    )
}

#[cfg(test)]
mod tests;
