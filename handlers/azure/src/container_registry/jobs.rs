//! Jobs in containers of the registry's tasks: checks, image tests, load tests.
//!
//! A job is a folder with the launcher, its description and the snapshot. The registry builds an image from it (never
//! pushed) and runs it; what the job leaves comes back in its log, which is all that a task keeps. A job without an image
//! is anybody's code, a pull request's among others: its run knows no identity and no secret, and is not logged in to the
//! registry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::event::{JobOutputs, JobResult};
use pipeline::names::JobName;
use runner::ports::{Artifacts, Clock, JobPlatform, JobStatus, LogChunk, PortError, Result};

use super::context::{self, File};
use super::log::last_lines;
use super::registry::Registry;
use super::task::{self, JOB_MAX_SECS, Login};
use super::task_runs::{State, TaskRun, task_run_name};
use super::{RegistrySettings, SERVICE, dockerfile};
use crate::credential::Credential;
use crate::http::CallError;
use crate::launcher;

/// Bytes of a log that are answered at once.
const CHUNK: u64 = 1 << 20;
/// As much of a log's end as a result may take. The launcher prints less.
const RESULT_MAX: u64 = 24 << 20;

/// Jobs on the tasks of a registry of Azure.
#[derive(Debug)]
pub struct RegistryJobs {
    registry: Registry,
    artifacts: Arc<dyn Artifacts>,
}

impl RegistryJobs {
    /// Jobs in this registry. `management` gives tokens for `https://management.azure.com`; snapshots are taken from the
    /// artifacts, and what jobs leave is put there.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub fn new(
        settings: RegistrySettings,
        management: Arc<dyn Credential>,
        artifacts: Arc<dyn Artifacts>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self { registry: Registry::new(settings, management, clock)?, artifacts })
    }

    async fn result(&self, found: TaskRun) -> Result<JobResult> {
        let log = match &found.run {
            Some(run) => self.registry.log_end(run, RESULT_MAX).await.map_err(CallError::into_port)?,
            None => String::new(),
        };
        if found.state != State::Canceled
            && let Some(left) = launcher::result_from_log(&log)
        {
            return left.keep(BTreeMap::new(), self.artifacts.as_ref()).await;
        }
        let reason = match found.state {
            State::Canceled => return Ok(JobResult::Canceled),
            State::Failed(word) => format!("the registry could not run the job ({word})"),
            State::Succeeded | State::Running => "the job has left no result in its log".into(),
        };
        Ok(JobResult::Failed { reason: format!("{reason}\n{}", last_lines(&log)), outputs: JobOutputs::default() })
    }
}

impl fmt::Display for RegistryJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, tasks", self.registry)
    }
}

#[async_trait]
impl JobPlatform for RegistryJobs {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        let name = task_run_name("job", job.name.as_str());
        if self.registry.look(&name).await.map_err(CallError::into_port)?.is_some() {
            return Ok(());
        }
        if job.timeout_secs > JOB_MAX_SECS {
            let reason = format!("a job of {SERVICE} runs for at most {} hours; ask for less", JOB_MAX_SECS / 3600);
            return Err(PortError::permanent(SERVICE, reason));
        }
        let settings = &self.registry.settings;
        let (text, login) = match &job.image {
            Some(image) => {
                let reference = settings.reference(&job.project, image);
                (dockerfile::in_image(&reference), Login::Registry { abac: settings.abac })
            }
            None => (dockerfile::check(&settings.python_image), Login::Nobody),
        };
        let snapshot = self.artifacts.get(&job.source).await?;
        let context = context_of(job, text, snapshot).map_err(|error| {
            PortError::permanent(SERVICE, format!("what job {} runs on cannot be packed: {error}", job.name))
        })?;
        let source = self.registry.upload(context).await.map_err(CallError::into_port)?;
        let request = task::request(&source, job.timeout_secs, login);
        self.registry.start(&name, request).await.map_err(CallError::into_port)
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        let name = task_run_name("job", job.as_str());
        let Some(found) = self.registry.look_again(&name).await.map_err(CallError::into_port)? else {
            return Ok(JobStatus::Unknown);
        };
        Ok(match found.state {
            State::Running => JobStatus::Running,
            _ => JobStatus::Finished { result: self.result(found).await? },
        })
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        self.registry.cancel(&task_run_name("job", job.as_str())).await.map_err(CallError::into_port)
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        let nothing = LogChunk { text: String::new(), next: from, ended: false };
        let name = task_run_name("job", job.as_str());
        let Some(found) = self.registry.look(&name).await.map_err(CallError::into_port)? else { return Ok(nothing) };
        let is_running = found.state == State::Running;
        let Some(run) = found.run else { return Ok(LogChunk { ended: !is_running, ..nothing }) };
        let mut piece = self.registry.log(&run, from, CHUNK).await.map_err(CallError::into_port)?;
        let is_all = from + piece.bytes.len() as u64 >= piece.total;
        // The rest of a line comes with the next piece, unless there is none.
        if (is_running || !is_all)
            && let Some(end) = piece.bytes.iter().rposition(|byte| *byte == b'\n')
        {
            piece.bytes.truncate(end + 1);
        }
        let next = from + piece.bytes.len() as u64;
        let text = String::from_utf8_lossy(&piece.bytes).into_owned();
        Ok(LogChunk { text, next, ended: is_all && !is_running })
    }
}

fn context_of(job: &JobSpec, dockerfile: String, snapshot: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let files = BTreeMap::from([
        ("Dockerfile".to_owned(), File::plain(dockerfile)),
        ("job/job.json".to_owned(), File::plain(launcher::description(job).to_string())),
        ("job/launch.py".to_owned(), File::plain(launcher::script())),
        ("job/source.tar".to_owned(), File::plain(snapshot)),
    ]);
    context::packed(&context::tar(&files)?)
}
