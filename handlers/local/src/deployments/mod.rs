//! What serves on this machine: one inference server process per deployment, behind a router that knows which one has
//! an environment's requests.
//!
//! ```text
//! apply --> Starting --healthy--> Ready --another is ready, or removed--> draining --> stopped, forgotten
//!              |                    |  ^
//!              |                    |  `-- ended: restarted with a growing pause
//!              `--not healthy-------`--ended too often----------------------> Failed
//!
//! deployments/<project>.<environment>.json   what is deployed there; a process is known by its id and start
//! deployments/<deployment>/                  image/ (unpacked), server.log, gunicorn.conf.py
//! ```
//!
//! Servers outlive the host. A host that starts takes over those that still run and starts the others again.
//!
//! Of a release's limits, `cpu_cores` becomes the number of threads that numerical libraries use. `memory_mib` is not
//! enforced: a limit of the address space breaks numpy, which reserves far more than it uses, and control groups are
//! not an ordinary user's to make. Instead servers are the first to end when the system runs out of memory. A server
//! that hangs is ended by its own watchdog (gunicorn's, 300 s), not from here.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use runner::ports::{Bus, DeploymentStatus, Deployments, LogChunk, PortError, Result};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinSet;
use tracing::{error, warn};

use self::board::{Board, Place, Ticket};
use self::http::HttpClient;
use self::router::Endpoints;
use self::server::HOME_VARIABLE;
use self::state::{Deployment, Phase, State};
use self::supervisor::{Order, Supervisor};
use crate::images::LocalImages;

mod board;
mod http;
pub mod load;
mod process;
mod router;
mod server;
mod state;
mod supervisor;
mod tell;
#[cfg(test)]
mod tests;
mod usage;

const BACKEND: &str = "the local deployments";
/// So much of an answer to a smoke test is kept.
const KEPT_OF_AN_ANSWER: usize = 64 << 10;
/// So much of a log is given at a time.
const CHUNK: u64 = 64 << 10;

/// Where Python environments come from.
#[async_trait]
pub trait Interpreters: Debug + Send + Sync {
    /// The folder of programs (`venv/bin`) of the environment with what this dependency file asks for, made if need
    /// be. What its making says is appended to `log`. The error is a sentence for people.
    async fn python_bin(&self, requirements: &[u8], log: PathBuf) -> Result<PathBuf, String>;
}

/// How deployments are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the host is called: endpoints are told as `<base>/endpoints/<project>/<environment>/score`.
    pub base: String,
    /// A server that is not healthy within this has failed.
    pub healthy_within: Duration,
    /// Requests of a deployment on its way out have this long.
    pub drain_within: Duration,
    /// Between asking a server to end and ending it.
    pub stop_within: Duration,
    /// A request without an answer after this is given up.
    pub answer_within: Duration,
    /// The first pause before a restart; each further one is twice as long.
    pub restart_after: Duration,
    /// No pause before a restart is longer.
    pub restart_after_at_most: Duration,
    /// A server that ended so often within `crashes_within` has failed.
    pub crashes: usize,
    /// See `crashes`.
    pub crashes_within: Duration,
    /// Larger requests are refused.
    pub largest_request: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base: "http://127.0.0.1:7071".into(),
            healthy_within: Duration::from_secs(120),
            drain_within: Duration::from_secs(30),
            stop_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(300),
            restart_after: Duration::from_millis(250),
            restart_after_at_most: Duration::from_secs(30),
            crashes: 5,
            crashes_within: Duration::from_secs(600),
            largest_request: 16 << 20,
        }
    }
}

/// Deployments on one machine. Dropping it ends the watching; the servers go on.
#[derive(Debug)]
pub struct LocalDeployments {
    shared: Arc<Shared>,
}

/// What the watchers of all deployments use.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    images: LocalImages,
    interpreters: Arc<dyn Interpreters>,
    bus: Arc<dyn Bus>,
    settings: Settings,
    client: HttpClient,
    board: Arc<Board>,
    environments: Mutex<BTreeMap<Place, Arc<Environment>>>,
    watchers: Mutex<JoinSet<()>>,
}

/// An environment: one change at a time.
#[derive(Debug)]
struct Environment {
    inner: AsyncMutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Orders to the watchers of deployments, by life.
    orders: BTreeMap<u64, watch::Sender<Order>>,
}

impl LocalDeployments {
    /// Takes over what the folder says is deployed: servers that still run are adopted, the others started again.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub async fn open(
        folder: impl Into<PathBuf>,
        images: LocalImages,
        interpreters: Arc<dyn Interpreters>,
        bus: Arc<dyn Bus>,
        settings: Settings,
    ) -> io::Result<Self> {
        let folder = std::path::absolute(folder.into())?;
        std::fs::create_dir_all(&folder)?;
        let states = State::read_all(&folder)?;
        let running = |state: &State| {
            let deployed =
                state.deployments.values().filter_map(|one| one.process.as_ref().map(|process| process.mark.pid));
            deployed.chain(state.retiring.iter().map(|one| one.mark.pid)).collect::<Vec<_>>()
        };
        let known: Vec<i32> = states.iter().flat_map(running).collect();
        process::end_strays(&format!("{HOME_VARIABLE}={}", folder.display()), &known);

        let shared = Arc::new(Shared {
            folder,
            images,
            interpreters,
            bus,
            settings,
            client: http::client(),
            board: Arc::default(),
            environments: Mutex::default(),
            watchers: Mutex::default(),
        });
        for state in states {
            shared.take_over(state).await;
        }
        Ok(Self { shared })
    }

    /// The endpoints, to be merged into the host's routes.
    #[must_use]
    pub fn router(&self) -> Router {
        let Shared { board, client, settings, .. } = &*self.shared;
        router::router(Endpoints {
            board: Arc::clone(board),
            client: client.clone(),
            answer_within: settings.answer_within,
            largest_request: settings.largest_request,
        })
    }
}

impl Drop for LocalDeployments {
    fn drop(&mut self) {
        self.shared.watchers.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl fmt::Display for LocalDeployments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BACKEND} in {}", self.shared.folder.display())
    }
}

#[async_trait]
impl Deployments for LocalDeployments {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let shared = &self.shared;
        let place = (spec.project.clone(), spec.environment.clone());
        let name = &spec.release.deployment;
        let environment = shared.environment_or_new(&place);
        let mut inner = environment.inner.lock().await;
        if let Some(there) = inner.state.deployments.get_mut(name) {
            match there.phase {
                Phase::Starting => {
                    there.spec.reply_to = spec.reply_to.clone();
                    shared.save(&inner.state).await?;
                    return Ok(DeploymentStatus::Starting);
                }
                Phase::Ready => return Ok(shared.status_of(there)),
                Phase::Failed { .. } => {}
            }
        }

        let mut state = inner.state.clone();
        state.rounds += 1;
        let round = state.rounds;
        // Whoever was on its way here comes too late.
        let late = state.coming.replace(name.clone());
        let late = late.and_then(|late| state.deployments.get_mut(&late));
        let late_round = late.map(|late| {
            late.phase = Phase::Failed { reason: format!("{name} was deployed before it was healthy") };
            late.round
        });
        let deployment = Deployment { spec: spec.clone(), round, phase: Phase::Starting, told: false, process: None };
        state.deployments.insert(name.clone(), deployment.clone());
        shared.save(&state).await?;
        inner.state = state;
        if let Some(orders) = late_round.and_then(|round| inner.orders.get(&round)) {
            orders.send_replace(Order::GiveUp);
        }
        if shared.board.serving(&place).is_none() {
            shared.board.serve(&place, Vec::new());
        }
        shared.watch(&environment, &mut inner, &deployment);
        Ok(DeploymentStatus::Starting)
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        let Some(environment) = self.shared.environment(&(project.clone(), environment.clone())) else {
            return Ok(DeploymentStatus::Absent);
        };
        let inner = environment.inner.lock().await;
        let found = inner.state.deployments.get(deployment);
        Ok(found.map_or(DeploymentStatus::Absent, |found| self.shared.status_of(found)))
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let place = (project.clone(), environment.clone());
        Ok(match self.shared.ticket_for(&place, deployment) {
            Ok((_ticket, port)) => {
                let Shared { client, settings, .. } = &*self.shared;
                let within = settings.answer_within;
                match http::score(client, port, Bytes::from(body), within, KEPT_OF_AN_ANSWER).await {
                    Ok((status, body)) => {
                        Answer::Answered { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() }
                    }
                    Err(reason) => Answer::Unreachable { reason },
                }
            }
            Err(reason) => Answer::Unreachable { reason },
        })
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let shared = &self.shared;
        let place = (project.clone(), environment.clone());
        let Some(environment) = shared.environment(&place) else {
            return Ok(());
        };
        let mut inner = environment.inner.lock().await;
        let mut state = inner.state.clone();
        let served = state.current.as_ref() == Some(deployment);
        let Some(retired) = state.retire(deployment) else {
            return Ok(());
        };
        shared.save(&state).await?;
        inner.state = state;
        if served {
            shared.board.serve(&place, Vec::new());
        }
        if let Some(orders) = inner.orders.get(&retired.round) {
            orders.send_replace(Order::Retire);
        }
        Ok(())
    }

    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let place = (project.clone(), environment.clone());
        let unknown = || PortError::permanent(BACKEND, format!("there is no deployment {deployment} in {}", place.1));
        let environment = self.shared.environment(&place).ok_or_else(unknown)?;
        let ended = {
            let State { deployments, ended, .. } = &environment.inner.lock().await.state;
            match deployments.get(deployment) {
                Some(found) => matches!(found.phase, Phase::Failed { .. }),
                None if ended.contains(deployment) => true,
                None => return Err(unknown()),
            }
        };
        let log = self.shared.folder_of(deployment).join("server.log");
        let (text, next, at_end) = read_chunk(&log, from)
            .map_err(|error| PortError::transient(BACKEND, format!("{}: {error}", log.display())))?;
        Ok(LogChunk { text, next, ended: ended && at_end })
    }
}

impl Shared {
    fn folder_of(&self, deployment: &DeploymentName) -> PathBuf {
        self.folder.join(deployment.as_str())
    }

    fn environment(&self, place: &Place) -> Option<Arc<Environment>> {
        let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        environments.get(place).cloned()
    }

    fn environment_or_new(&self, place: &Place) -> Arc<Environment> {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Environment::new(State::new(place.clone())));
        Arc::clone(environments.entry(place.clone()).or_insert_with(new))
    }

    fn status_of(&self, deployment: &Deployment) -> DeploymentStatus {
        match &deployment.phase {
            Phase::Starting => DeploymentStatus::Starting,
            Phase::Ready => DeploymentStatus::Ready { endpoint: self.endpoint(&deployment.spec) },
            Phase::Failed { reason } => DeploymentStatus::Failed { reason: reason.clone() },
        }
    }

    fn endpoint(&self, spec: &DeploymentSpec) -> String {
        let DeploymentSpec { project, environment, .. } = spec;
        format!("{}/endpoints/{project}/{environment}/score", self.settings.base)
    }

    /// A request to this deployment, if it is the one that serves.
    fn ticket_for(&self, place: &Place, deployment: &DeploymentName) -> Result<(Ticket, u16), String> {
        let ticket = self.board.enter_at(place, deployment).map_err(|serving| match serving {
            Some(serving) => format!("{serving} serves in {}, and not {deployment}", place.1),
            None => format!("nothing serves in {}", place.1),
        })?;
        let port = ticket.target.port().ok_or_else(|| format!("{deployment} is being restarted"))?;
        Ok((ticket, port))
    }

    async fn save(&self, state: &State) -> Result<()> {
        let (state, folder) = (state.clone(), self.folder.clone());
        let saved = tokio::task::spawn_blocking(move || state.write(&folder)).await;
        let saved = saved.unwrap_or_else(|error| Err(io::Error::other(error)));
        saved.map_err(|error| PortError::transient(BACKEND, format!("{}: {error}", self.folder.display())))
    }

    async fn save_or_warn(&self, state: &State) {
        if let Err(error) = self.save(state).await {
            error!("What is deployed could not be recorded: {error}");
        }
    }

    /// Saves the state, and takes away what nobody needs any more of a deployment that has ended.
    async fn tidy(&self, state: &mut State, ended: &DeploymentName) {
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
    async fn take_over(self: &Arc<Self>, state: State) {
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
    fn watch(self: &Arc<Self>, environment: &Arc<Environment>, inner: &mut Inner, deployment: &Deployment) {
        let (orders, received) = watch::channel(Order::Go);
        inner.orders.insert(deployment.round, orders);
        self.spawn(Supervisor::new(self, environment, deployment, received).run());
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        while watchers.try_join_next().is_some() {}
        watchers.spawn(task);
    }
}

impl Environment {
    fn new(state: State) -> Self {
        Self { inner: AsyncMutex::new(Inner { state, orders: BTreeMap::new() }) }
    }
}

/// At most one chunk of a file from an offset, up to its last whole line unless there is none. A file that is not
/// there is empty.
fn read_chunk(path: &Path, from: u64) -> io::Result<(String, u64, bool)> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((String::new(), from, true)),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(CHUNK).read_to_end(&mut bytes)?;
    if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
        bytes.truncate(end + 1);
    }
    let next = from + bytes.len() as u64;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), next, next >= length))
}
