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
//! Servers outlive a host that is killed; one that is stopped stops them too. Either way a host that starts takes over
//! those that still run and starts the others again.
//!
//! Of a release's limits, `cpu_cores` becomes the number of threads that numerical libraries use. `memory_mib` is not
//! enforced: a limit of the address space breaks numpy, which reserves far more than it uses, and control groups are
//! not an ordinary user's to make. Instead servers are the first to end when the system runs out of memory. A server
//! that hangs is ended by its own watchdog (gunicorn's, 300 s), not from here.

use std::fmt;
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
use tracing::warn;

use self::router::Endpoints;
use self::shared::Shared;
use self::state::{Deployment, Phase, State};
use self::supervisor::Order;
use crate::images::LocalImages;

mod board;
mod http;
pub mod load;
mod process;
mod router;
mod server;
mod settings;
mod shared;
mod state;
mod supervisor;
mod tell;
#[cfg(test)]
mod tests;
mod usage;

pub use self::process::ended as process_ended;
pub use self::settings::{Interpreters, Settings};

const BACKEND: &str = "the local deployments";
/// So much of an answer to a smoke test is kept.
const KEPT_OF_AN_ANSWER: usize = 64 << 10;
/// How much longer than a server needs to stop its watcher may take for it.
const SPARE: Duration = Duration::from_secs(5);
/// So much of a log is given at a time.
const CHUNK: u64 = 64 << 10;

/// Deployments on one machine. Dropping it ends the watching; the servers go on.
#[derive(Debug)]
pub struct LocalDeployments {
    shared: Arc<Shared>,
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
            let deployed = state.deployments.values().filter_map(|one| Some(&one.process.as_ref()?.mark));
            let marks = deployed.chain(state.retiring.iter().map(|one| &one.mark));
            // What a server that has ended had started is nobody's now.
            marks.filter(|mark| mark.is_alive()).map(|mark| mark.pid).collect::<Vec<_>>()
        };
        let known: Vec<i32> = states.iter().flat_map(running).collect();
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
        shared.end_strays(&known);
        for state in states {
            shared.take_over(state).await;
        }
        Ok(Self { shared })
    }

    /// Stops what serves, for now: it stays deployed, and the next to open the folder starts it again. Nothing may be
    /// asked of these deployments afterwards.
    pub async fn rest(&self) {
        let shared = &self.shared;
        let environments: Vec<_> = {
            let environments = shared.environments.lock().unwrap_or_else(PoisonError::into_inner);
            environments.values().cloned().collect()
        };
        for environment in environments {
            for orders in environment.inner.lock().await.orders.values() {
                // Who has another order is on its way out already.
                orders.send_if_modified(|order| {
                    *order == Order::Go && {
                        *order = Order::Rest;
                        true
                    }
                });
            }
        }
        let mut watchers = std::mem::take(&mut *shared.watchers.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async { while watchers.join_next().await.is_some() {} };
        if tokio::time::timeout(shared.settings.stop_within + SPARE, ended).await.is_err() {
            warn!("Some deployments do not stop, and are ended");
        }
        watchers.shutdown().await;
        shared.end_strays(&[]);
    }

    /// The endpoints, to be merged into the host's routes.
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
