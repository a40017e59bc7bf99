//! The port: submit, ask, cancel, read the log.

use std::ffi::OsString;
use std::fmt::{self, Debug};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use pipeline::names::{Digest, JobName};
use runner::ports::{Artifacts, Bus, JobPlatform, JobStatus, LogChunk, PortError, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tracing::warn;

use crate::images::LocalImages;

use super::folder::JobFolder;
use super::watch::{Desk, Order};
use super::{files, log};

pub(super) const BACKEND: &str = "local jobs";

/// A supervisor that is told to end has this long for it: more than it gives its command.
const REST: Duration = Duration::from_secs(8);

/// Lays out an image's content.
#[async_trait]
pub trait UnpackImage: Debug + Send + Sync {
    /// Writes the content of an image into a folder that is not there yet. Its application is in `app`, the model in
    /// `app/model`.
    async fn unpack(&self, image: &Digest, folder: &Path) -> Result<()>;
}

#[async_trait]
impl UnpackImage for LocalImages {
    async fn unpack(&self, image: &Digest, folder: &Path) -> Result<()> {
        Self::unpack(self, image, folder).await.map(drop)
    }
}

/// How jobs are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the jobs' folders are.
    pub folder: PathBuf,
    /// The program that calls [`supervise`](super::supervise).
    pub program: PathBuf,
    /// Its arguments before `job <folder>`.
    pub arguments: Vec<OsString>,
    /// How many jobs run at a time; the others wait in order.
    pub at_once: usize,
}

impl Settings {
    /// Two jobs at a time, supervised by this program itself.
    ///
    /// # Errors
    ///
    /// The system does not tell which program this is.
    pub fn new(folder: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(Self { folder: folder.into(), program: std::env::current_exe()?, arguments: Vec::new(), at_once: 2 })
    }
}

/// Jobs as processes on this machine. Dropped, it stops watching; the jobs go on and are found by the next one.
#[derive(Debug)]
pub struct LocalJobs {
    folder: PathBuf,
    artifacts: Arc<dyn Artifacts>,
    orders: mpsc::UnboundedSender<Order>,
    desk: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for LocalJobs {
    fn drop(&mut self) {
        if let Some(desk) = self.take_desk() {
            desk.abort();
        }
    }
}

impl LocalJobs {
    /// Opens the folder of jobs and takes up what is unfinished there: what runs is watched, what died is started
    /// again, what ended untold is told.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub async fn open(
        settings: Settings,
        artifacts: Arc<dyn Artifacts>,
        bus: Arc<dyn Bus>,
        images: Arc<dyn UnpackImage>,
    ) -> Result<Self> {
        let folder = settings.folder.clone();
        let unfinished = unfinished(&folder).map_err(|error| trouble(&folder, error))?;
        let (orders, taken) = mpsc::unbounded_channel();
        let desk = Desk::new(settings, Arc::clone(&artifacts), bus, images);
        for job in unfinished {
            // The desk reads until the last sender is gone, and that is below.
            let _ = orders.send(Order::TakeUp(job));
        }
        Ok(Self { folder, artifacts, orders, desk: Mutex::new(Some(tokio::spawn(desk.work(taken)))) })
    }

    /// Ends what runs. Nothing of it counts: the next to open the folder begins these jobs again, and the others go
    /// on waiting.
    pub async fn rest(&self) {
        let Some(desk) = self.take_desk() else { return };
        // It reads until then, and if it does not any more there is nothing to close.
        let _ = self.orders.send(Order::Close);
        let _ = desk.await;
        let jobs = unfinished(&self.folder).unwrap_or_else(|error| {
            warn!("the jobs go on, as their folder cannot be read: {error}");
            Vec::new()
        });
        let mut resting: JoinSet<()> = jobs.into_iter().filter(|job| !job.has_result()).map(rest).collect();
        while resting.join_next().await.is_some() {}
    }

    fn take_desk(&self) -> Option<JoinHandle<()>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn job(&self, name: &JobName) -> JobFolder {
        JobFolder::at(self.folder.join(name.as_str()))
    }
}

/// Folders of jobs that there is something to do for, the oldest first.
fn unfinished(folder: &Path) -> io::Result<Vec<JobFolder>> {
    fs::create_dir_all(folder)?;
    let mut jobs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let job = JobFolder::at(&path);
        if job.name().starts_with('.') {
            // A submit that was not answered; who asked will ask again.
            let _ = files::remove_folder(&path);
        } else if job.is_unfinished()
            && let Ok(written) = path.join("job.json").metadata().and_then(|m| m.modified())
        {
            jobs.push((written, job));
        }
    }
    jobs.sort_by_key(|(written, job)| (*written, job.name()));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

/// Has a job's supervisor end, if there is one, and waits for that.
async fn rest(job: JobFolder) {
    let ask = || -> io::Result<bool> {
        if files::try_lock(&job.lock())?.is_some() {
            return Ok(false);
        }
        // Marked first: a supervisor that has not said yet which process it is looks for the mark when it has.
        job.mark_resting()?;
        if let Some(supervisor) = job.pid()?.and_then(Pid::from_raw) {
            let _ = kill_process(supervisor, Signal::TERM);
        }
        Ok(true)
    };
    match ask() {
        Ok(false) => {}
        // The lock is free when it has ended.
        Ok(true) if timeout(REST, files::lock(&job.lock())).await.is_ok() => {}
        Ok(true) => warn!(job.name = %job.name(), "Job `{}` does not end, and goes on", job.name()),
        Err(error) => warn!(job.name = %job.name(), "Job `{}` goes on: {error}", job.name()),
    }
}

fn trouble(folder: &Path, error: io::Error) -> PortError {
    PortError::transient(BACKEND, format!("{}: {error}", folder.display()))
}

impl fmt::Display for LocalJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jobs in {}", self.folder.display())
    }
}

#[async_trait]
impl JobPlatform for LocalJobs {
    async fn submit(&self, spec: &JobSpec) -> Result<()> {
        let job = self.job(&spec.name);
        if job.exists() {
            return Ok(());
        }
        let snapshot = self.artifacts.get(&spec.source).await?;
        let write = || -> io::Result<bool> {
            // Unique: two submits of one name may write at the same time.
            let unfinished = format!(".{}-{}", spec.name, uuid::Uuid::new_v4().simple());
            let unfinished = JobFolder::at(self.folder.join(unfinished));
            fs::create_dir_all(unfinished.root())?;
            files::write(&unfinished.snapshot(), &snapshot)?;
            unfinished.write_spec(spec)?;
            let renamed = fs::rename(unfinished.root(), job.root());
            if renamed.is_err() {
                let _ = files::remove_folder(unfinished.root());
                // Somebody else was faster, and then it is submitted all the same.
                return if job.exists() { Ok(false) } else { renamed.map(|()| false) };
            }
            files::sync_folder_of(job.root())?;
            Ok(true)
        };
        if write().map_err(|error| trouble(job.root(), error))? {
            let _ = self.orders.send(Order::Start(job));
        }
        Ok(())
    }

    async fn status(&self, name: &JobName) -> Result<JobStatus> {
        let job = self.job(name);
        if !job.exists() {
            return Ok(JobStatus::Unknown);
        }
        // Finished is what is told: from then on its files are among the artifacts.
        if !job.is_told() {
            return Ok(JobStatus::Running);
        }
        let result = job.result().map_err(|error| trouble(job.root(), error))?;
        Ok(result.map_or(JobStatus::Running, |result| JobStatus::Finished { result }))
    }

    async fn cancel(&self, name: &JobName) -> Result<()> {
        let job = self.job(name);
        if !job.exists() || job.has_result() {
            return Ok(());
        }
        let cancel = || -> io::Result<()> {
            job.mark_canceled()?;
            if let Some(_lock) = files::try_lock(&job.lock())? {
                // Nobody is at work: it is still in the queue, or its supervisor has just died.
                super::process::end_leftovers(&job.outputs());
                if !job.has_result() {
                    job.write_result(&JobResult::Canceled)?;
                    let _ = self.orders.send(Order::TakeUp(job.clone()));
                }
            } else if let Some(supervisor) = job.pid()?.and_then(Pid::from_raw) {
                // The lock is held and whoever takes it removes an older number first: this is the one.
                let _ = kill_process(supervisor, Signal::TERM);
            }
            Ok(())
        };
        cancel().map_err(|error| trouble(job.root(), error))
    }

    async fn logs(&self, name: &JobName, from: u64) -> Result<LogChunk> {
        let job = self.job(name);
        // Asked first: what is read afterwards is all there will ever be.
        let ended = !job.exists() || job.has_result();
        log::read_chunk(&job.log(), from, ended).map_err(|error| trouble(job.root(), error))
    }
}
