//! Training that is there already: a published pipeline of the first SDK, or a batch endpoint. A project keeps it, and a
//! run starts it.
//!
//! ```text
//! submit   what the job is, noted in the store --> the service starts it and names it --> that name, kept in the store
//! status   the run as the service shows it --ended--> files on datastores, metrics of MLflow --> kept, too
//! cancel   as the service has it
//! logs     the addresses of log files in the run history
//! ```
//!
//! The service names its runs, so the store keeps which run a job is. A repeat must not train twice: a batch endpoint is
//! told by a header that it is one; a published pipeline knows none, so its runs carry the job's name as a tag and are
//! looked for by that. What is started just now is not found at once, and for that time the note speaks.
//!
//! Nothing of the commit's snapshot is run: what is published trains, and is told by parameters what it trains for.
//!
//! Sources: `mfe.json` and `runHistory.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs); what they leave out as the packages
//! [azureml-pipeline-core](https://pypi.org/project/azureml-pipeline-core/) and
//! [azure-ai-ml](https://pypi.org/project/azure-ai-ml/) do it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pipeline::effect::JobSpec;
use pipeline::event::Step;
use pipeline::names::JobName;
use reqwest::Url;
use runner::ports::{Artifacts, Clock, JobPlatform, JobStatus, LogChunk, PortError, Result, Store};
use serde_json::Value;

use super::SERVICE;
use super::workspace::Workspace;
use crate::credential::Credential;
use crate::http::CallError;

mod batch;
mod check;
mod log;
mod outputs;
mod published;
mod record;
mod settings;
mod values;

pub use settings::{
    BatchData, BatchEndpointSettings, BatchEndpointTraining, BatchInput, BatchOutput, PublishedPipeline,
    PublishedPipelineSettings, PublishedPipelineTraining, TrainingResult,
};

use batch::Batch;
use published::Published;
use record::Record;

/// So soon after it was asked for a run that is not there may still come.
const SETTLING: SignedDuration = SignedDuration::from_mins(2);

/// A way in which a workspace trains by itself.
#[async_trait]
trait Way: fmt::Debug + fmt::Display + Send + Sync {
    /// What is asked for a job, and what its end needs.
    fn order(&self, job: &JobSpec, now: Timestamp) -> Result<Order>;

    /// Whether the service itself knows a repeat for one.
    fn knows_repeats(&self) -> bool;

    /// The run that a job is, where the service can be asked for it.
    async fn find(&self, workspace: &Workspace, job: &JobName, record: &Record) -> Result<Option<String>>;

    /// Where a run is asked for.
    async fn address(&self, workspace: &Workspace, job: &JobSpec) -> Result<Url>;

    /// Starts a run, and answers what the service calls it.
    async fn start(&self, workspace: &Workspace, url: Url, job: &JobSpec, order: Value) -> Result<String, CallError>;

    /// How a run does; None: it is not there.
    async fn look(&self, workspace: &Workspace, id: &str, record: &Record) -> Result<Option<Look>>;

    /// Ends a run that goes on.
    async fn cancel(&self, workspace: &Workspace, id: &str, record: &Record) -> Result<()>;
}

/// What is asked of the service, and what is kept of it.
struct Order {
    body: Value,
    record: Record,
}

/// How a run does.
struct Look {
    /// None: it goes on.
    ending: Option<Ending>,
    experiment: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Well,
    Canceled,
    /// The service's words, where it has some.
    Badly(Option<String>),
}

impl Look {
    /// From a status, in the words of jobs (`Completed`) or of pipelines (`Finished`).
    fn of(status: &str, experiment: &str) -> Self {
        let ending = match status {
            "Completed" | "Finished" => Some(Ending::Well),
            "Canceled" => Some(Ending::Canceled),
            "Failed" => Some(Ending::Badly(None)),
            _ => None,
        };
        Self { ending, experiment: experiment.to_owned() }
    }
}

/// Starts what trains in a workspace already.
pub struct ExistingTraining {
    workspace: Workspace,
    way: Box<dyn Way>,
    /// Where people look at a workspace.
    studio: String,
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
}

impl ExistingTraining {
    /// Published pipelines, called as `management` (for <https://management.azure.com>); what they leave is read as
    /// `storage` (for <https://storage.azure.com>). `store` keeps which run a job is; models become `artifacts`.
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn published_pipeline(
        settings: PublishedPipelineSettings,
        management: Arc<dyn Credential>,
        storage: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        (store, artifacts): (Arc<dyn Store>, Arc<dyn Artifacts>),
    ) -> Result<Self> {
        settings.check()?;
        let workspace = Workspace::new(settings.whereabouts(), management, storage, clock)?;
        let studio = settings.studio.clone();
        Ok(Self { workspace, way: Box::new(Published::new(settings)), studio, store, artifacts })
    }

    /// Batch endpoints: likewise, and they themselves are called as `endpoints` (for <https://ml.azure.com>).
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn batch_endpoint(
        settings: BatchEndpointSettings,
        (management, endpoints): (Arc<dyn Credential>, Arc<dyn Credential>),
        storage: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        (store, artifacts): (Arc<dyn Store>, Arc<dyn Artifacts>),
    ) -> Result<Self> {
        settings.check()?;
        let workspace = Workspace::new(settings.whereabouts(), management, storage, clock.clone())?;
        let studio = settings.studio.clone();
        let way = Box::new(Batch::new(settings, endpoints, clock)?);
        Ok(Self { workspace, way, studio, store, artifacts })
    }

    fn now(&self) -> Timestamp {
        self.workspace.clock.now()
    }

    /// Which run a job is: as it is kept, or as the service says.
    async fn run_of(&self, job: &JobName, record: &Record) -> Result<Option<String>> {
        match &record.id {
            Some(id) => Ok(Some(id.clone())),
            None => self.way.find(&self.workspace, job, record).await,
        }
    }

    /// Notes that a run is asked for now. Whoever comes while that may still be under way is sent away.
    async fn note(&self, job: &JobName, record: &Record, known: Option<(Record, String)>) -> Result<Option<String>> {
        if let Some((before, _)) = &known
            && before.is_recent(self.now())
        {
            let reason = format!("job {job} was asked for at {}, and its run may still appear", before.asked_at);
            return Err(PortError::transient(SERVICE, reason));
        }
        self.write(job, record, known.map(|(_, version)| version)).await.map(Some)
    }

    /// Where people look at a run.
    fn page(&self, id: &str) -> String {
        let workspace = self.workspace.address.id(&[]).replace("/providers/Microsoft.MachineLearningServices", "");
        format!("{}/runs/{id}?wsid={workspace}", self.studio.trim_end_matches('/'))
    }
}

#[async_trait]
impl JobPlatform for ExistingTraining {
    async fn submit(&self, job: &JobSpec) -> Result<()> {
        let known = self.recall(&job.name).await?;
        if known.as_ref().is_some_and(|(record, _)| record.id.is_some()) {
            return Ok(());
        }
        if job.reply_to.step.step != Step::Train {
            let reason = format!(
                "job {} is for the step {}, and {} only train; set another job platform for it",
                job.name, job.reply_to.step, self.way
            );
            return Err(PortError::permanent(SERVICE, reason));
        }
        let Order { body, mut record } = self.way.order(job, self.now())?;
        if let Some(id) = self.way.find(&self.workspace, &job.name, &record).await? {
            record.id = Some(id);
            return self.remember(&job.name, &record, known.map(|(_, version)| version)).await;
        }
        let url = self.way.address(&self.workspace, job).await?;
        let noted = match self.way.knows_repeats() {
            true => None,
            false => self.note(&job.name, &record, known).await?,
        };
        match self.way.start(&self.workspace, url, job, body).await {
            Ok(id) => {
                record.id = Some(id);
                self.remember(&job.name, &record, noted).await
            }
            Err(error) => {
                // Refused for certain: the next try need not wait until that is sure.
                if noted.is_some() && matches!(error.status, 400..=407 | 409..=499) {
                    self.forget(&job.name).await?;
                }
                Err(error.into_port())
            }
        }
    }

    async fn status(&self, job: &JobName) -> Result<JobStatus> {
        let Some((mut record, version)) = self.recall(job).await? else { return Ok(JobStatus::Unknown) };
        if let Some(result) = record.result {
            return Ok(JobStatus::Finished { result });
        }
        let not_there = if record.is_recent(self.now()) { JobStatus::Running } else { JobStatus::Unknown };
        let Some(id) = self.run_of(job, &record).await? else { return Ok(not_there) };
        let Some(look) = self.way.look(&self.workspace, &id, &record).await? else { return Ok(not_there) };
        let Some(ending) = look.ending else { return Ok(JobStatus::Running) };
        record.result = Some(self.result(&record, &id, &look.experiment, ending).await?);
        record.id = Some(id);
        // Files on a datastore may change: what became of the job stays as it was first told.
        let result = self.conclude(job, record, version).await?;
        Ok(JobStatus::Finished { result })
    }

    async fn cancel(&self, job: &JobName) -> Result<()> {
        let Some((record, _)) = self.recall(job).await? else { return Ok(()) };
        if record.result.is_some() {
            return Ok(());
        }
        let id = self.run_of(job, &record).await?;
        if let Some(id) = &id
            && let Some(look) = self.way.look(&self.workspace, id, &record).await?
        {
            return match look.ending {
                Some(_) => Ok(()),
                None => self.way.cancel(&self.workspace, id, &record).await,
            };
        }
        match record.is_recent(self.now()) {
            // It would run to its end if it only were not seen yet.
            true => Err(PortError::transient(SERVICE, format!("could not cancel job {job}: it is not there yet"))),
            false => Ok(()),
        }
    }

    async fn logs(&self, job: &JobName, from: u64) -> Result<LogChunk> {
        let Some((record, _)) = self.recall(job).await? else { return Ok(LogChunk::default()) };
        let look = match self.run_of(job, &record).await? {
            Some(id) => self.way.look(&self.workspace, &id, &record).await?.map(|look| (id, look)),
            None => None,
        };
        match look {
            Some((id, look)) => self.log(&record, &id, &look, from).await,
            None => {
                let ended = record.result.is_some() || !record.is_recent(self.now());
                Ok(LogChunk { text: String::new(), next: from, ended })
            }
        }
    }
}

impl fmt::Display for ExistingTraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.way, self.workspace)
    }
}

impl fmt::Debug for ExistingTraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {:?}", self.way, self.workspace.client)
    }
}
