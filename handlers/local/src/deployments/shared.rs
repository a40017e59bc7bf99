//! What the port and the watchers of its deployments share.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::effect::DeploymentSpec;
use pipeline::names::DeploymentName;
use runner::ports::{Bus, DeploymentStatus, PortError, Result};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::board::{Board, Place, Ticket};
use super::http::HttpClient;
use super::process;
use super::server::HOME_VARIABLE;
use super::state::{Deployment, Phase, State};
use super::supervisor::{self, Order, Supervisor};
use super::{BACKEND, Interpreters, Settings};
use crate::images::LocalImages;

/// What the watchers of all deployments use.
#[derive(Debug)]
pub struct Shared {
    pub folder: PathBuf,
    pub images: LocalImages,
    pub interpreters: Arc<dyn Interpreters>,
    pub bus: Arc<dyn Bus>,
    pub settings: Settings,
    pub client: HttpClient,
    pub board: Arc<Board>,
    pub environments: Mutex<BTreeMap<Place, Arc<Environment>>>,
    pub watchers: Mutex<JoinSet<()>>,
}

/// An environment: one change at a time.
#[derive(Debug)]
pub struct Environment {
    pub inner: AsyncMutex<Inner>,
}

#[derive(Debug)]
pub struct Inner {
    pub state: State,
    /// Orders to the watchers of deployments, by life.
    pub orders: BTreeMap<u64, watch::Sender<Order>>,
}

impl Shared {
    /// Ends processes of ours that nobody knows.
    pub fn end_strays(&self, known: &[i32]) {
        process::end_strays(&format!("{HOME_VARIABLE}={}", self.folder.display()), known);
    }

    pub fn folder_of(&self, deployment: &DeploymentName) -> PathBuf {
        self.folder.join(deployment.as_str())
    }

    pub fn environment(&self, place: &Place) -> Option<Arc<Environment>> {
        let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        environments.get(place).cloned()
    }

    pub fn environment_or_new(&self, place: &Place) -> Arc<Environment> {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Environment::new(State::new(place.clone())));
        Arc::clone(environments.entry(place.clone()).or_insert_with(new))
    }

    pub fn status_of(&self, deployment: &Deployment) -> DeploymentStatus {
        match &deployment.phase {
            Phase::Starting => DeploymentStatus::Starting,
            Phase::Ready => DeploymentStatus::Ready { endpoint: self.endpoint(&deployment.spec) },
            Phase::Failed { reason } => DeploymentStatus::Failed { reason: reason.clone() },
        }
    }

    pub fn endpoint(&self, spec: &DeploymentSpec) -> String {
        let DeploymentSpec { project, environment, .. } = spec;
        format!("{}/endpoints/{project}/{environment}/score", self.settings.base)
    }

    /// A request to this deployment, if it is the one that serves.
    pub fn ticket_for(&self, place: &Place, deployment: &DeploymentName) -> Result<(Ticket, u16), String> {
        let ticket = self.board.enter_at(place, deployment).map_err(|serving| match serving {
            Some(serving) => format!("{serving} serves in {}, and not {deployment}", place.1),
            None => format!("nothing serves in {}", place.1),
        })?;
        let port = ticket.target.port().ok_or_else(|| format!("{deployment} is being restarted"))?;
        Ok((ticket, port))
    }

    pub async fn save(&self, state: &State) -> Result<()> {
        let (state, folder) = (state.clone(), self.folder.clone());
        let saved = tokio::task::spawn_blocking(move || state.write(&folder)).await;
        let saved = saved.unwrap_or_else(|error| Err(io::Error::other(error)));
        saved.map_err(|error| PortError::transient(BACKEND, format!("{}: {error}", self.folder.display())))
    }

    pub async fn save_or_warn(&self, state: &State) {
        if let Err(error) = self.save(state).await {
            error!("What is deployed could not be recorded: {error}");
        }
    }

    /// Saves the state, and takes away what nobody needs any more of a deployment that has ended.
    pub async fn tidy(&self, state: &mut State, ended: &DeploymentName) {
        let mut unwanted: Vec<PathBuf> = state.forget().iter().map(|name| self.folder_of(name)).collect();
        if !state.deployments.contains_key(ended) && !state.is_retiring(ended) {
            unwanted.push(self.folder_of(ended).join("image"));
        }
        self.save_or_warn(state).await;
        for folder in unwanted {
            match tokio::fs::remove_dir_all(&folder).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!("{} could not be removed: {error}", folder.display());
                }
                _ => {}
            }
        }
    }

    /// Goes on where the host before ended.
    pub async fn take_over(self: &Arc<Self>, state: State) {
        let place = state.place();
        self.board.serve(&place, Vec::new());
        let environment = self.environment_or_new(&place);
        let mut inner = environment.inner.lock().await;
        inner.state = state;
        for retiring in inner.state.retiring.clone() {
            let (shared, environment) = (Arc::clone(self), Arc::clone(&environment));
            self.spawn(supervisor::finish(shared, environment, retiring, self.settings.stop_within));
        }
        let at_work = |deployment: &&Deployment| !matches!(deployment.phase, Phase::Failed { .. });
        let at_work: Vec<_> = inner.state.deployments.values().filter(at_work).cloned().collect();
        for deployment in at_work {
            self.watch(&environment, &mut inner, &deployment);
        }
    }

    /// Watches over a deployment from now on.
    pub fn watch(self: &Arc<Self>, environment: &Arc<Environment>, inner: &mut Inner, deployment: &Deployment) {
        let (orders, received) = watch::channel(Order::Go);
        inner.orders.insert(deployment.round, orders);
        self.spawn(Supervisor::new(self, environment, deployment, received).run());
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        while watchers.try_join_next().is_some() {}
        watchers.spawn(task);
    }
}

impl Environment {
    pub fn new(state: State) -> Self {
        Self { inner: AsyncMutex::new(Inner { state, orders: BTreeMap::new() }) }
    }
}
