//! A note on the datastore that a job was submitted. Azure Resource Manager may not show a job for a while after it took
//! it; Blob Storage shows at once what was written.

use jiff::{SignedDuration, Timestamp};
use pipeline::names::JobName;
use runner::ports::Result;

use super::super::AzureMl;

/// A job that is not shown for longer than this after it was submitted is gone.
const LAG_MAX: SignedDuration = SignedDuration::from_mins(10);

impl AzureMl {
    /// Notes that a job is submitted now.
    pub(super) async fn note(&self, job: &JobName) -> Result<()> {
        let now = self.workspace.clock.now().to_string();
        self.workspace.datastore().await?.container.put(&path(job), now.into_bytes()).await
    }

    /// Whether a job was submitted so short a time ago that it need not be shown yet.
    pub(super) async fn is_noted(&self, job: &JobName) -> Result<bool> {
        let note = self.workspace.datastore().await?.container.get(&path(job)).await?;
        let at = note.and_then(|note| String::from_utf8(note).ok()?.parse::<Timestamp>().ok());
        Ok(at.is_some_and(|at| self.workspace.clock.now().duration_since(at) < LAG_MAX))
    }
}

fn path(job: &JobName) -> String {
    format!("trainyard/submitted/{job}")
}
