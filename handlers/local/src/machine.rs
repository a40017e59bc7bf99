//! All embedded backends over one home: what Azure is to a delivery, in one process.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use runner::ports::{Artifacts, Bus, Ports, Store, SystemClock};

use crate::bus::Broker;
use crate::deployments::{LocalDeployments, Settings as DeploymentSettings};
use crate::home::Home;
use crate::images::LocalImages;
use crate::infrastructure::NoInfrastructure;
use crate::jobs::{LocalJobs, Settings as JobSettings};
use crate::models::LocalModels;
use crate::python::Environments;
use crate::source::LocalSource;

/// Why the backends cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A folder of the home.
    #[error("cannot open {}: {source}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A backend.
    #[error(transparent)]
    Port(#[from] runner::ports::PortError),
}

/// How the backends are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the host is called: `http://127.0.0.1:7071`.
    pub base: String,
    /// The Python that environments are built with; None: the one on PATH.
    pub python: Option<PathBuf>,
    /// How many jobs run at a time.
    pub jobs_at_once: usize,
}

/// The embedded backends.
#[derive(Debug)]
pub struct Machine {
    home: Home,
    ports: Ports,
    jobs: Arc<LocalJobs>,
    deployments: Arc<LocalDeployments>,
}

impl Machine {
    /// Opens all backends of a home. What an earlier process left running (jobs, deployments) is taken over.
    ///
    /// # Errors
    ///
    /// A folder that cannot be read or written.
    pub async fn open(home: Home, settings: Settings) -> Result<Self, MachineError> {
        let layout = home.layout().clone();
        let bus: Arc<dyn Bus> = Arc::new(home.broker().clone());
        let store: Arc<dyn Store> = Arc::new(home.store());
        let artifacts: Arc<dyn Artifacts> = Arc::new(home.artifacts());
        let at = |folder: PathBuf| move |source| MachineError::Folder { folder, source };

        let images = LocalImages::open(layout.images(), Arc::clone(&artifacts)).map_err(at(layout.images()))?;
        let environments = Environments::new(layout.python()).with_interpreter(settings.python);
        let mut jobs = JobSettings::new(layout.jobs()).map_err(at(layout.jobs()))?;
        jobs.at_once = settings.jobs_at_once;
        let jobs = LocalJobs::open(jobs, Arc::clone(&artifacts), Arc::clone(&bus), Arc::new(images.clone())).await?;
        let jobs = Arc::new(jobs);
        let habits = DeploymentSettings { base: settings.base, ..DeploymentSettings::default() };
        let deployments = LocalDeployments::open(
            layout.deployments(),
            images.clone(),
            Arc::new(environments),
            Arc::clone(&bus),
            habits,
        )
        .await
        .map_err(at(layout.deployments()))?;
        let deployments = Arc::new(deployments);
        let ports = Ports {
            ledger: Arc::new(home.ledger()),
            source: Arc::new(LocalSource::new(Arc::clone(&store), Arc::clone(&artifacts))),
            jobs: jobs.clone(),
            models: Arc::new(LocalModels::new(Arc::clone(&store))),
            images: Arc::new(images),
            deployments: deployments.clone(),
            infrastructure: Arc::new(NoInfrastructure),
            clock: Arc::new(SystemClock),
            store,
            bus,
            artifacts,
        };
        Ok(Self { home, ports, jobs, deployments })
    }

    /// The ports that these backends are.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The bus, for the host that delivers.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        self.home.broker()
    }

    /// The home.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Ends jobs and deployments for now, for a host that is stopped: the next one begins the jobs again and starts what
    /// is deployed. A host that is dropped or killed leaves them running instead, to be taken over.
    pub async fn rest(&self) {
        tokio::join!(self.jobs.rest(), self.deployments.rest());
    }

    /// The endpoints of what is deployed, for the host to serve.
    pub fn routes(&self) -> Router {
        self.deployments.router()
    }
}
