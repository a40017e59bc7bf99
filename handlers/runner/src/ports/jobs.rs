//! Jobs: the work that takes minutes or days.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use pipeline::names::JobName;
use serde::{Deserialize, Serialize};

use super::Result;

/// How a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum JobStatus {
    /// The platform knows no such job.
    Unknown,
    /// It waits or works.
    Running,
    /// It ended.
    Finished {
        /// How.
        result: JobResult,
    },
}

/// A piece of a job's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// The text, whole lines where possible.
    pub text: String,
    /// Where the next piece begins, in bytes.
    pub next: u64,
    /// Nothing will follow.
    pub ended: bool,
}

/// Runs jobs. The end of a job is told to its `reply_to` as the event `JobFinished`, once or more.
#[async_trait]
pub trait JobPlatform: Debug + Display + Send + Sync {
    /// Submitting a name twice is the same as submitting it once. `Permanent`: the platform will not take the job.
    async fn submit(&self, job: &JobSpec) -> Result<()>;

    /// How it does.
    async fn status(&self, job: &JobName) -> Result<JobStatus>;

    /// Ends it. A job that has ended or is unknown stays as it is.
    async fn cancel(&self, job: &JobName) -> Result<()>;

    /// Its log from a byte offset.
    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk>;
}
