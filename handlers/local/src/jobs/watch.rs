//! The host's desk: which job is next, what becomes of one whose supervisor is gone, and whom to tell.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use pipeline::event::{Event, JobOutputs, JobResult, Message};
use pipeline::names::Digest;
use runner::ports::{Artifacts, Bus, Parcel, PortError, Result};
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::folder::JobFolder;
use super::log::Log;
use super::platform::{BACKEND, Settings, UnpackImage};
use super::{files, process};

/// How often a job is started before it has failed.
const STARTS: u32 = 3;
/// The longest pause between tries to tell the end of a job.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Something for the desk to do.
#[derive(Debug)]
pub(super) enum Order {
    /// A new job.
    Start(JobFolder),
    /// A job that may wait, run, be dead or have ended.
    TakeUp(JobFolder),
    /// Nothing more: what is under way is left to the next host.
    Close,
}

/// Whoever starts and watches jobs.
#[derive(Debug)]
pub(super) struct Desk {
    settings: Settings,
    artifacts: Arc<dyn Artifacts>,
    bus: Arc<dyn Bus>,
    images: Arc<dyn UnpackImage>,
    slots: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(
        settings: Settings,
        artifacts: Arc<dyn Artifacts>,
        bus: Arc<dyn Bus>,
        images: Arc<dyn UnpackImage>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(settings.at_once.max(1)));
        Self { settings, artifacts, bus, images, slots }
    }

    /// Works until it is told to close.
    pub(super) async fn work(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let desk = Arc::new(self);
        let mut queue: VecDeque<JobFolder> = VecDeque::new();
        let mut at_work = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    // All of them have let go when this returns, so that nobody starts a supervisor any more.
                    None | Some(Order::Close) => return at_work.shutdown().await,
                    Some(Order::Start(job)) => queue.push_back(job),
                    Some(Order::TakeUp(job)) if job.has_result() => {
                        at_work.spawn(Arc::clone(&desk).watch(job, None));
                    }
                    // One that runs has its slot, even if there are fewer slots now than there were.
                    Some(Order::TakeUp(job)) if is_supervised(&job) => {
                        let slot = Arc::clone(&desk.slots).try_acquire_owned().ok();
                        at_work.spawn(Arc::clone(&desk).watch(job, slot));
                    }
                    Some(Order::TakeUp(job)) => {
                        forgive(&job);
                        queue.push_back(job);
                    }
                },
                Ok(slot) = Arc::clone(&desk.slots).acquire_owned(), if !queue.is_empty() => {
                    if let Some(job) = queue.pop_front() {
                        at_work.spawn(Arc::clone(&desk).watch(job, Some(slot)));
                    }
                }
                Some(_) = at_work.join_next() => {}
            }
        }
    }

    /// Brings a job to its end and tells it.
    async fn watch(self: Arc<Self>, job: JobFolder, slot: Option<OwnedSemaphorePermit>) {
        if let Err(error) = self.bring_to_its_end(&job).await {
            let reason = format!("the job could not be run: {error}");
            warn!(job.name = %job.name(), "{reason}");
            let outputs = JobOutputs::default();
            if let Err(error) = job.write_result(&JobResult::Failed { reason, outputs }) {
                warn!(job.name = %job.name(), "its end cannot be written, the next start of the host takes it up: {error}");
                return;
            }
        }
        drop(slot);
        self.tell(&job).await;
    }

    async fn bring_to_its_end(&self, job: &JobFolder) -> io::Result<()> {
        let mut last = None;
        loop {
            // Waits while a supervisor is at work, whoever has started it.
            let lock = files::lock(&job.lock()).await?;
            if job.has_result() {
                return Ok(());
            }
            process::end_leftovers(&job.outputs());
            if job.is_canceled() {
                return job.write_result(&JobResult::Canceled);
            }
            let starts = job.starts()?;
            let log = Log::open(&job.log())?;
            if starts >= STARTS {
                let what = job.lost()?.or(last);
                let what = what.unwrap_or_else(|| "its supervisor was killed".into());
                let reason = format!(
                    "the job was killed {STARTS} times before it could end, the last time: {what}. The usual cause is too little memory: use less of it, or a machine that has more"
                );
                log.say(&reason);
                let outputs = JobOutputs::default();
                return job.write_result(&JobResult::Failed { reason, outputs });
            }
            if starts > 0 {
                log.say(&format!("the job is started again, start {} of {STARTS}", starts + 1));
            }
            job.forget_supervisor()?;
            self.lay_out_image(job).await?;
            // Counted last: a host that is stopped before has started nothing.
            job.write_starts(starts + 1)?;
            info!(job.name = %job.name(), start = starts + 1, "Started job `{}`", job.name());

            let mut supervisor = Command::new(&self.settings.program)
                .args(&self.settings.arguments)
                .arg("job")
                .arg(job.root())
                .env_clear()
                .envs(process::clean_environment())
                .envs(OURS.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
                // The lock goes with it: from now on it is held for exactly as long as the supervisor lives.
                .stdin(Stdio::from(lock))
                .stdout(log.handle()?)
                .stderr(log.handle()?)
                .spawn()
                .map_err(|error| {
                    let program = self.settings.program.display();
                    io::Error::other(format!("{program} cannot be started: {error}"))
                })?;
            let status = supervisor.wait().await?;
            last = Some(format!("its supervisor ended with {}", process::ending(status)));
        }
    }

    async fn lay_out_image(&self, job: &JobFolder) -> io::Result<()> {
        let Some(image) = job.spec()?.image else {
            return Ok(());
        };
        files::remove_folder(&job.image())?;
        let unpacked = self.images.unpack(&image, &job.image()).await;
        unpacked.map_err(|error| io::Error::other(format!("image {} cannot be laid out: {error}", image.short())))
    }

    /// Tells how a job ended, as often as it takes, and tidies up after it.
    async fn tell(&self, job: &JobFolder) {
        let mut pause = Duration::from_secs(1);
        while !job.is_told() {
            match self.try_to_tell(job).await {
                Ok(()) => info!(job.name = %job.name(), "Job `{}` has ended", job.name()),
                Err(error) => {
                    warn!(job.name = %job.name(), "cannot tell the end of the job yet: {error}");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        let (job, name) = (job.clone(), job.name());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || job.tidy()).await {
            warn!(job.name = %name, "the job's folder cannot be tidied: {error}");
        }
    }

    async fn try_to_tell(&self, job: &JobFolder) -> Result<()> {
        let trouble = |error: io::Error| PortError::transient(BACKEND, error);
        let spec = job.spec().map_err(trouble)?;
        let result = job.result().map_err(trouble)?;
        let mut result = result.ok_or_else(|| trouble(io::Error::other("it has no result")))?;
        match self.keep_files(job, &result).await {
            Err(PortError::Permanent { reason, .. }) => {
                let reason = format!("the job's files cannot be kept: {reason}");
                let outputs = JobOutputs::default();
                result = JobResult::Failed { reason, outputs };
                job.write_result(&result).map_err(trouble)?;
            }
            kept => kept?,
        }
        let reply_to = spec.reply_to;
        let queue = reply_to.step.step.name().to_owned();
        let id = format!("job-{}-finished", spec.name);
        let message = Message {
            id: id.clone(),
            run: reply_to.run,
            step: reply_to.step,
            attempt: reply_to.attempt,
            event: Event::JobFinished { job: spec.name, result },
        };
        let body = serde_json::to_vec(&message).map_err(|e| PortError::permanent(BACKEND, e))?;
        let parcel = Parcel { queue, id, session: None, deliver_at: None, body };
        self.bus.send(vec![parcel]).await?;
        job.mark_told().map_err(trouble)
    }

    async fn keep_files(&self, job: &JobFolder, result: &JobResult) -> Result<()> {
        let (JobResult::Completed(outputs) | JobResult::Failed { outputs, .. }) = result else {
            return Ok(());
        };
        for (name, digest) in &outputs.files {
            let bytes = match tokio::fs::read(job.kept().join(digest.hex())).await {
                Ok(bytes) => bytes,
                // Told and tidied by somebody else: then it is kept already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.artifacts.get(digest).await?;
                    continue;
                }
                Err(error) => return Err(PortError::transient(BACKEND, format!("{name}: {error}"))),
            };
            let kept: Digest = self.artifacts.put(bytes).await?;
            if kept != *digest {
                let what = format!("{name} has changed since it was written");
                return Err(PortError::permanent(BACKEND, what));
            }
        }
        Ok(())
    }
}

/// Settings of ours that a supervisor needs too.
const OURS: [&str; 4] = ["TRAINYARD_HOME", "TRAINYARD_PYTHON", "RUST_LOG", "RUST_BACKTRACE"];

/// Does not count a start whose end no host has seen: it was the machine that went down, and not the job that went
/// wrong.
fn forgive(job: &JobFolder) {
    let forgiven = || match job.lost()? {
        None if job.starts()? > 0 => job.write_starts(job.starts()? - 1),
        _ => Ok(()),
    };
    if let Err(error) = forgiven() {
        warn!(job.name = %job.name(), "a start that was cut off is counted: {error}");
    }
}

/// Whether a supervisor is at work; its lock cannot be had then.
fn is_supervised(job: &JobFolder) -> bool {
    matches!(files::try_lock(&job.lock()), Ok(None))
}
