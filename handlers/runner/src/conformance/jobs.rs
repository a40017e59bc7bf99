//! What [`JobPlatform`] promises.

use std::time::Duration;

use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use pipeline::names::JobName;

use crate::ports::{JobPlatform, JobStatus};

use super::fresh;

/// A platform, and jobs that it can run.
#[expect(missing_debug_implementations, reason = "it lends functions")]
pub struct Example<'a> {
    /// The backend.
    pub jobs: &'a dyn JobPlatform,
    /// A job of this name that says something and soon ends well.
    pub quick: &'a (dyn Fn(JobName) -> JobSpec + Send + Sync),
    /// A job of this name that goes on until somebody ends it.
    pub endless: &'a (dyn Fn(JobName) -> JobSpec + Send + Sync),
}

/// All promises of job platforms, one after the other.
pub async fn all(example: &Example<'_>) {
    a_job_that_nobody_submitted_is_unknown(example).await;
    a_job_is_told_as_it_ended_and_stays_so(example).await;
    a_canceled_job_ends_as_canceled(example).await;
    a_log_can_be_read_in_pieces(example).await;
}

/// Asking after it, ending it and reading its log are no errors.
pub async fn a_job_that_nobody_submitted_is_unknown(example: &Example<'_>) {
    let (jobs, name) = (example.jobs, job_name());

    jobs.cancel(&name).await.unwrap();

    assert_eq!(jobs.status(&name).await.unwrap(), JobStatus::Unknown);
    assert_eq!(jobs.logs(&name, 0).await.unwrap().text, "");
}

/// Whoever submits or cancels it later changes nothing.
pub async fn a_job_is_told_as_it_ended_and_stays_so(example: &Example<'_>) {
    let (jobs, spec) = (example.jobs, (example.quick)(job_name()));
    jobs.submit(&spec).await.unwrap();
    jobs.submit(&spec).await.unwrap();
    let result = end_of(jobs, &spec.name).await;
    assert!(matches!(result, JobResult::Completed(_)), "{result:?}");

    jobs.submit(&spec).await.unwrap();
    jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(jobs.status(&spec.name).await.unwrap(), JobStatus::Finished { result });
}

/// However often it is canceled.
pub async fn a_canceled_job_ends_as_canceled(example: &Example<'_>) {
    let (jobs, spec) = (example.jobs, (example.endless)(job_name()));
    jobs.submit(&spec).await.unwrap();
    assert_eq!(jobs.status(&spec.name).await.unwrap(), JobStatus::Running);

    jobs.cancel(&spec.name).await.unwrap();
    jobs.cancel(&spec.name).await.unwrap();

    assert_eq!(end_of(jobs, &spec.name).await, JobResult::Canceled);
}

/// The pieces are the whole, and the last one says that it is.
pub async fn a_log_can_be_read_in_pieces(example: &Example<'_>) {
    let (jobs, spec) = (example.jobs, (example.quick)(job_name()));
    jobs.submit(&spec).await.unwrap();
    end_of(jobs, &spec.name).await;

    let whole = jobs.logs(&spec.name, 0).await.unwrap();
    let half = whole.text.find('\n').map_or(0, |end| end as u64 + 1);
    let rest = jobs.logs(&spec.name, half).await.unwrap();
    let none = jobs.logs(&spec.name, whole.next).await.unwrap();

    assert!(whole.ended && !whole.text.is_empty(), "{whole:?}");
    assert_eq!(rest.text, whole.text[half as usize..]);
    assert_eq!((none.text.as_str(), none.next, none.ended), ("", whole.next, true));
}

/// Waits for a job's end, as long as it takes.
pub async fn end_of(jobs: &dyn JobPlatform, name: &JobName) -> JobResult {
    loop {
        match jobs.status(name).await.unwrap() {
            JobStatus::Finished { result } => return result,
            JobStatus::Running => tokio::time::sleep(Duration::from_millis(20)).await,
            JobStatus::Unknown => panic!("{jobs} has forgotten job {name}"),
        }
    }
}

fn job_name() -> JobName {
    fresh("job").parse().unwrap()
}
