//! Jobs that end when a test says so.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::event::{Event, JobResult};
use pipeline::names::JobName;

use super::world::World;
use super::{BACKEND, absent, lock, named};
use crate::ports::{JobPlatform, JobStatus, LogChunk, PortError, Result};

/// What becomes of a job that is submitted.
#[derive(Debug, Clone, PartialEq)]
pub enum JobPlan {
    /// It runs until a test finishes it.
    Run,
    /// It ends at once.
    Finish(JobResult),
    /// The platform will not take it, for this reason.
    Refuse(String),
}

type Planner = Box<dyn Fn(&JobSpec) -> JobPlan + Send + Sync>;

/// A job platform without machines.
pub struct MemoryJobs {
    world: World,
    jobs: Mutex<BTreeMap<JobName, Job>>,
    planner: Mutex<Planner>,
}

struct Job {
    spec: JobSpec,
    result: Option<JobResult>,
    log: String,
}

named!(MemoryJobs, "jobs in memory");

impl MemoryJobs {
    pub(super) fn new(world: World) -> Self {
        Self { world, jobs: Mutex::default(), planner: Mutex::new(Box::new(|_| JobPlan::Run)) }
    }

    /// Decides about jobs that are submitted from now on. Before: all of them run until they are finished.
    pub fn plan(&self, planner: impl Fn(&JobSpec) -> JobPlan + Send + Sync + 'static) {
        *lock(&self.planner) = Box::new(planner);
    }

    /// Ends a job and tells so. The first end counts; a later one is told again as it was.
    ///
    /// # Errors
    ///
    /// There is no such job.
    pub fn finish(&self, name: &JobName, result: JobResult) -> Result<()> {
        let mut jobs = lock(&self.jobs);
        let job = jobs.get_mut(name).ok_or_else(|| absent(format_args!("job {name}; was it submitted?")))?;
        if job.result.is_none() {
            job.log.push_str(&last_line(name, &result));
        }
        let result = job.result.get_or_insert(result).clone();
        let reply_to = job.spec.reply_to.clone();
        drop(jobs);
        let event = Event::JobFinished { job: name.clone(), result };
        self.world.tell(&reply_to, &format!("{name}/finished"), event);
        Ok(())
    }

    /// Adds to a job's log.
    pub fn say(&self, name: &JobName, text: &str) {
        if let Some(job) = lock(&self.jobs).get_mut(name) {
            job.log.push_str(text);
        }
    }

    /// All jobs that were taken, by name.
    #[must_use]
    pub fn submitted(&self) -> Vec<JobSpec> {
        let jobs = lock(&self.jobs);
        jobs.values().map(|job| job.spec.clone()).collect()
    }

    /// The jobs that have not ended, by name.
    #[must_use]
    pub fn running(&self) -> Vec<JobSpec> {
        let jobs = lock(&self.jobs);
        let running = jobs.values().filter(|job| job.result.is_none());
        running.map(|job| job.spec.clone()).collect()
    }

    fn take(&self, spec: &JobSpec) -> Result<()> {
        let name = spec.name.as_str();
        if lock(&self.jobs).contains_key(&spec.name) {
            self.world.tally.note("job", name, false);
            return Ok(());
        }
        let plan = lock(&self.planner)(spec);
        if let JobPlan::Refuse(reason) = plan {
            self.world.tally.note("job", name, false);
            return Err(PortError::permanent(BACKEND, reason));
        }
        self.world.tally.note("job", name, true);
        let job = Job { spec: spec.clone(), result: None, log: String::new() };
        lock(&self.jobs).insert(spec.name.clone(), job);
        match plan {
            JobPlan::Finish(result) => self.finish(&spec.name, result),
            JobPlan::Run | JobPlan::Refuse(_) => Ok(()),
        }
    }
}

#[async_trait]
impl JobPlatform for MemoryJobs {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("jobs.submit", job.name.as_str(), || self.take(job))
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        let faults = &self.world.faults;
        faults.around("jobs.status", job.as_str(), || {
            Ok(match lock(&self.jobs).get(job) {
                None => JobStatus::Unknown,
                Some(Job { result: None, .. }) => JobStatus::Running,
                Some(Job { result: Some(result), .. }) => JobStatus::Finished { result: result.clone() },
            })
        })
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("jobs.cancel", job.as_str(), || {
            let jobs = lock(&self.jobs);
            let runs = jobs.get(job).is_some_and(|job| job.result.is_none());
            drop(jobs);
            if runs {
                self.finish(job, JobResult::Canceled)?;
            }
            Ok(())
        })
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        let faults = &self.world.faults;
        faults.around("jobs.logs", job.as_str(), || {
            let jobs = lock(&self.jobs);
            let log = jobs.get(job).map(|job| chunk(&job.log, from, job.result.is_some()));
            Ok(log.unwrap_or_default())
        })
    }
}

fn last_line(name: &JobName, result: &JobResult) -> String {
    match result {
        JobResult::Completed(_) => format!("{name} completed\n"),
        JobResult::Failed { reason, .. } => format!("{name} failed: {reason}\n"),
        JobResult::Canceled => format!("{name} was canceled\n"),
    }
}

/// What a log says from an offset on.
pub(super) fn chunk(log: &str, from: u64, ended: bool) -> LogChunk {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let rest = log.as_bytes().get(from..).unwrap_or_default();
    LogChunk { text: String::from_utf8_lossy(rest).into_owned(), next: log.len() as u64, ended }
}
