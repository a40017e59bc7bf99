//! Train: submit one training job, then wait for the job platform to say how it ended.
//!
//! ```text
//! NotStarted --Requested--> Waiting(job) --JobFinished(completed)--> Succeeded --> evaluate
//!      |                       |-----------JobFinished(failed)-----> Failed
//!      |                       |-----------JobRefused--------------> Failed
//!      |                       `-----------DeadlinePassed----------> Failed, job canceled
//!      `--Requested, auto: false--> Waiting(start) --Requested by a person--> Waiting(job)
//! ```

use super::job::{self, News};
use crate::decision::{Context, Decision, Fact};
use crate::effect::JobCommand;
use crate::event::{Event, JobOutputs};
use crate::manifest::Train;
use crate::names::JobName;
use crate::run::{On, Outcome, Progress, StepRecord};

#[cfg(test)]
mod tests;

/// How long a run waits for a person to start its training.
const START_PATIENCE_SECS: u64 = 30 * 24 * 3600;

/// Decides what the step does about an event.
#[must_use]
pub fn decide(record: &StepRecord, event: &Event, cx: &Context<'_>) -> Option<Decision> {
    let Some(train) = cx.manifest().train.get() else {
        return (*event == Event::Requested).then(|| Decision::skip("`train: false` in trainyard.yml"));
    };
    match (&record.progress, event) {
        (Progress::NotStarted, Event::Requested) if train.auto || cx.attempt > 1 => return Some(begin(train, cx)),
        (Progress::NotStarted, Event::Requested) => {
            let wait = cx.wait(On::Start, 0, START_PATIENCE_SECS);
            return Some(Decision::to(wait).because("`train.auto: false`: a person starts the training"));
        }
        (Progress::Waiting(wait), Event::DeadlinePassed) if wait.on == On::Start => {
            let nobody = Decision::to(Progress::Canceled).because("nobody started the training in 30 days");
            return Some(nobody.end(Outcome::Expired, None));
        }
        _ => {}
    }
    Some(match job::news(record, event, cx)? {
        News::Completed(job, outputs) => keep(train, job, outputs),
        News::Ended(_, failed) => failed,
        News::GoOn(decision) => decision,
    })
}

fn begin(train: &Train, cx: &Context<'_>) -> Decision {
    let Some(mut job) = job::spec(cx, train.timeout_minutes) else { return job::no_source(cx) };
    job.environments = vec![train.environment.clone()];
    job.commands = vec![JobCommand { name: "train".into(), line: train.command.clone() }];
    job.parameters = train.parameters.clone();
    job.data = train.data.clone();
    job.required = vec!["metrics.json".into(), train.model.clone()];
    job::submit(job, cx)
}

fn keep(train: &Train, job: &JobName, outputs: &JobOutputs) -> Decision {
    let Some(model_file) = outputs.files.get(&train.model).cloned() else {
        return Decision::fail(
            format!("job {job} completed but left no model file {:?} in its outputs", train.model),
            "Let the training command write it to the folder named by TRAINYARD_OUTPUTS, or mend `train.model`.",
        );
    };
    let numbers: Vec<_> = outputs.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    // NaN and infinity cannot be compared, and JSON cannot keep them: an evaluation that needs them finds them missing.
    let finite = outputs.metrics.iter().filter(|(_, value)| value.is_finite());
    let because = if numbers.is_empty() {
        format!("job {job} reported no metrics")
    } else {
        format!("job {job} reported {}", numbers.join(", "))
    };
    Decision::succeed().because(because).learn(Fact::Trained {
        job: job.clone(),
        metrics: finite.map(|(name, value)| (name.clone(), *value)).collect(),
        model_file,
        data: outputs.files.get("data").cloned(),
    })
}
