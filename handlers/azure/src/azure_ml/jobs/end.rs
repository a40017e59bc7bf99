//! How a job ended: what the launcher left, or what the service knows where it left nothing.

use std::collections::BTreeMap;

use pipeline::event::{JobOutputs, JobResult};
use pipeline::names::{Digest, JobName};
use runner::ports::Result;

use super::super::AzureMl;
use super::super::job::{Job, Properties};
use super::super::place::Place;
use super::order::RESULT;
use crate::launcher;

impl Job {
    /// Where the launcher leaves what it leaves. None: the job is not one of ours.
    pub(in super::super) fn place(&self) -> Option<Place> {
        let Properties { outputs, .. } = &self.properties;
        Place::read(outputs.as_ref()?.get(RESULT)?.as_ref()?.uri.as_deref()?)
    }

    /// Where to read on.
    fn see(&self) -> String {
        self.page().map(|page| format!("; see {page}")).unwrap_or_default()
    }
}

impl AzureMl {
    /// How a job that has ended did.
    pub(super) async fn end(&self, name: &JobName, job: &Job) -> Result<JobResult> {
        if job.status() == "Canceled" {
            return Ok(JobResult::Canceled);
        }
        let Some(place) = job.place() else { return self.end_of_another(name, job).await };
        let Some(written) = self.workspace.read(&place.below(launcher::RESULT)).await? else {
            return self.end_without_result(name, job, &place).await;
        };
        let mut files = BTreeMap::new();
        for path in launcher::wanted(&written).unwrap_or_default().into_keys() {
            if let Some(bytes) = self.workspace.read(&place.below(&path)).await? {
                files.insert(path, bytes);
            }
        }
        files.insert(launcher::RESULT.to_owned(), written);
        let Some(found) = launcher::result_from_folder(&files) else {
            let reason = format!("the result of job {name} at {} is not whole{}", place.uri(), job.see());
            return Ok(JobResult::Failed { reason, outputs: JobOutputs::default() });
        };
        let logged = if found.lacks_metrics() { self.workspace.logged(name.as_str()).await? } else { BTreeMap::new() };
        found.keep(logged, &*self.artifacts).await
    }

    /// A job that somebody else made under this name: what it logged is all that is known of it.
    async fn end_of_another(&self, name: &JobName, job: &Job) -> Result<JobResult> {
        let outputs = JobOutputs { metrics: self.workspace.logged(name.as_str()).await?, ..JobOutputs::default() };
        if job.status() == "Completed" {
            return Ok(JobResult::Completed(outputs));
        }
        Ok(JobResult::Failed { reason: self.why(name, job).await?, outputs })
    }

    async fn end_without_result(&self, name: &JobName, job: &Job, place: &Place) -> Result<JobResult> {
        let reason = match job.status() {
            "Completed" => format!("job {name} completed and left no result at {}{}", place.uri(), job.see()),
            _ => self.why(name, job).await?,
        };
        Ok(JobResult::Failed { reason, outputs: JobOutputs::default() })
    }

    /// Why a job failed before the launcher could say anything, such as an environment that cannot be built.
    async fn why(&self, name: &JobName, job: &Job) -> Result<String> {
        let details = self.workspace.details(job.experiment(), name.as_str()).await?.unwrap_or_default();
        let why = details.error().unwrap_or_else(|| "Azure ML does not say why".to_owned());
        Ok(format!("job {name} failed: {why}{}", job.see()))
    }

    /// Where a job has left a file with this content.
    pub(in super::super) async fn left_by(&self, job: &JobName, digest: &Digest) -> Result<Option<Place>> {
        let Some(place) = self.workspace.job(job.as_str()).await?.and_then(|job| job.place()) else { return Ok(None) };
        let Some(written) = self.workspace.read(&place.below(launcher::RESULT)).await? else { return Ok(None) };
        let files = launcher::wanted(&written).unwrap_or_default();
        Ok(files.into_iter().find(|(_, held)| held == digest).map(|(path, _)| place.below(&path)))
    }
}
