//! Why a job has to end before its commands have.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::folder::JobFolder;

/// Why a job has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody canceled it.
    Canceled,
    /// It has had its time.
    TimedOut,
    /// The host or the machine shuts down; it will be started again.
    ShutDown,
}

impl Why {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Canceled => "the job was canceled",
            Self::TimedOut => "the job has had its time",
            Self::ShutDown => "its host stops, and begins it again when it is up",
        }
    }
}

/// Knows when a job has to end.
#[derive(Debug)]
pub(super) struct Stop {
    folder: JobFolder,
    terminate: Signal,
    deadline: Option<Instant>,
    why: Option<Why>,
}

impl Stop {
    /// Listens from now on.
    pub(super) fn listen(folder: &JobFolder) -> std::io::Result<Self> {
        Ok(Self { folder: folder.clone(), terminate: signal(SignalKind::terminate())?, deadline: None, why: None })
    }

    /// Gives the job this long from now.
    pub(super) fn after(&mut self, secs: u64) {
        // What no clock can hold is never.
        self.deadline = Instant::now().checked_add(Duration::from_secs(secs));
    }

    /// Waits until it has to end. May be asked again.
    pub(super) async fn wait(&mut self) -> Why {
        if let Some(why) = self.why {
            return why;
        }
        let deadline = self.deadline;
        let why = tokio::select! {
            _ = self.terminate.recv() => match self.folder.is_canceled() {
                true => Why::Canceled,
                false => Why::ShutDown,
            },
            () = until(deadline) => Why::TimedOut,
        };
        self.why = Some(why);
        why
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
