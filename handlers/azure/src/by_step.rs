//! Jobs on two platforms: one trains, the other checks.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::event::Step;
use pipeline::names::JobName;
use runner::ports::{JobPlatform, JobStatus, LogChunk, Result};

/// Each job where its step's jobs belong. A job's name begins with its step, so its platform is known by the name alone.
#[derive(Debug, Clone)]
pub struct ByStep {
    training: Arc<dyn JobPlatform>,
    others: Arc<dyn JobPlatform>,
    /// What is done by the platform that trains.
    steps: Vec<Step>,
}

impl ByStep {
    /// The jobs of `steps` are done by `training`, those of all other steps by `others`.
    #[must_use]
    pub fn new(training: Arc<dyn JobPlatform>, steps: Vec<Step>, others: Arc<dyn JobPlatform>) -> Self {
        Self { training, others, steps }
    }

    fn of(&self, job: &JobName) -> &dyn JobPlatform {
        let is_of = |step: &Step| {
            let name = step.name().replace('_', "-");
            job.as_str().strip_prefix(&name).is_some_and(|rest| rest.starts_with('-'))
        };
        if self.steps.iter().any(is_of) { &*self.training } else { &*self.others }
    }
}

impl fmt::Display for ByStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} trains, {} checks", self.training, self.others)
    }
}

#[async_trait]
impl JobPlatform for ByStep {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        self.of(&job.name).submit(job).await
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        self.of(job).status(job).await
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        self.of(job).cancel(job).await
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        self.of(job).logs(job, from).await
    }
}
