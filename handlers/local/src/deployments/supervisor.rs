//! The watcher of one deployment, from its start to its end.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipeline::effect::DeploymentSpec;
use pipeline::names::DeploymentName;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::board::Target;
use super::process::Process;
use super::server::{HOME_VARIABLE, Server, Started, last_words, wait_until_healthy};
use super::shared::{Environment, Shared};
use super::state::{Deployment, Phase, Running};

/// What a watcher is told. Orders are given under the environment's lock, when the state says so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Start it, keep it running.
    Go,
    /// Another has its requests, or it was removed: let it answer what it has, then stop it.
    Retire,
    /// Another was deployed before it was healthy: stop it.
    GiveUp,
    /// The host stops: stop it for now. The next host starts it again.
    Rest,
}

/// Why there is no healthy server.
enum Trouble {
    /// Nobody wants it any more.
    Ordered(Order),
    /// A sentence for people.
    Broken(String),
}

/// The watcher of one life of a deployment.
pub struct Supervisor {
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    orders: watch::Receiver<Order>,
    name: DeploymentName,
    round: u64,
    spec: DeploymentSpec,
    folder: PathBuf,
    target: Arc<Target>,
    /// Whether it has had the environment's requests: from then on an end is followed by a restart.
    proven: bool,
    process: Option<Process>,
    adopted: Option<Started>,
    crashes: VecDeque<Instant>,
}

impl Supervisor {
    /// The watcher of this deployment. If its process still runs, it is taken over here and now.
    pub fn new(
        shared: &Arc<Shared>,
        environment: &Arc<Environment>,
        deployment: &Deployment,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let release = &deployment.spec.release;
        let target = Target::new(release.clone());
        let proven = deployment.phase == Phase::Ready;
        let adopted = deployment.process.as_ref().and_then(|running| {
            let process = Process::adopt(&running.mark)?;
            let identity = running.identity.clone();
            Some(Started { process, port: running.port, identity, said_from: 0 })
        });
        if let Some(adopted) = adopted.as_ref().filter(|_| proven) {
            target.up(adopted.port);
        }
        if proven {
            let place = (deployment.spec.project.clone(), deployment.spec.environment.clone());
            shared.board.serve(&place, vec![(1, Arc::clone(&target))]);
        }
        Self {
            shared: Arc::clone(shared),
            environment: Arc::clone(environment),
            orders,
            name: release.deployment.clone(),
            round: deployment.round,
            spec: deployment.spec.clone(),
            folder: shared.folder_of(&release.deployment),
            target,
            proven,
            process: None,
            adopted,
            crashes: VecDeque::new(),
        }
    }

    /// Watches until somebody orders otherwise or the deployment has failed.
    pub async fn run(mut self) {
        if self.proven {
            self.shared.tell(&self.environment, &self.name, self.round).await;
        }
        let order = loop {
            let reason = match self.until_it_ends().await {
                Err(Trouble::Ordered(order)) => break order,
                Err(Trouble::Broken(reason)) if !self.proven => return self.fail(reason).await,
                Err(Trouble::Broken(reason)) => reason,
                Ok(end) => format!("the server ended with {end}"),
            };
            self.target.down();
            warn!(deployment = %self.name, "Deployment {}: {reason}", self.name);
            let now = Instant::now();
            self.crashes.push_back(now);
            let settings = &self.shared.settings;
            self.crashes.retain(|crash| now.duration_since(*crash) < settings.crashes_within);
            if self.crashes.len() >= settings.crashes {
                let times = self.crashes.len();
                let log = self.folder.join("server.log");
                let words = last_words(&log, 0).unwrap_or_default();
                return self.fail(format!("it ended {times} times in a row; {reason}; it said: {words}")).await;
            }
            let doublings = u32::try_from(self.crashes.len() - 1).unwrap_or(u32::MAX).min(16);
            let pause = settings.restart_after * 2_u32.pow(doublings);
            let pause = pause.min(settings.restart_after_at_most);
            if let Err(Trouble::Ordered(order)) = self.unless_ordered(sleep(pause)).await {
                break order;
            }
        };
        self.leave(order).await;
    }

    /// Has a healthy server take the requests, and answers how it ended.
    async fn until_it_ends(&mut self) -> Result<String, Trouble> {
        let serves_already = self.proven && self.adopted.is_some();
        let started = match self.adopted.take() {
            Some(adopted) => adopted,
            None => self.start().await?,
        };
        let process = started.process.clone();
        self.process = Some(process.clone());
        if !serves_already {
            let (client, settings) = (self.shared.client.clone(), self.shared.settings.clone());
            let log = self.folder.join("server.log");
            let healthy = wait_until_healthy(&client, &started, &log, settings.healthy_within);
            self.unless_ordered(healthy).await?.map_err(Trouble::Broken)?;
            self.take_the_requests(started.port).await?;
        }
        let end = self.unless_ordered(process.ended()).await?;
        self.process = None;
        Ok(end)
    }

    /// Unpacks the image, finds its Python and starts the server; what was started is on record.
    async fn start(&mut self) -> Result<Started, Trouble> {
        let server = {
            let (shared, folder, spec) = (Arc::clone(&self.shared), self.folder.clone(), self.spec.clone());
            let prepared = async move { prepare(&shared, folder, &spec).await };
            self.unless_ordered(prepared).await?.map_err(Trouble::Broken)?
        };
        // From here to the record nothing gives way to an order: a process that nobody knows would be left.
        let started =
            server.start().map_err(|error| Trouble::Broken(format!("the server could not be started: {error}")))?;
        let running =
            Running { mark: started.process.mark().clone(), port: started.port, identity: started.identity.clone() };
        let mut inner = self.environment.inner.lock().await;
        if let Some(deployment) = inner.state.life(&self.name, self.round) {
            deployment.process = Some(running);
        }
        if let Err(error) = self.shared.save(&inner.state).await {
            started.process.kill();
            return Err(Trouble::Broken(error.to_string()));
        }
        Ok(started)
    }

    /// The server is healthy: the environment's requests go to it from now on, and the one before retires.
    async fn take_the_requests(&mut self, port: u16) -> Result<(), Trouble> {
        self.target.up(port);
        if self.proven {
            return Ok(());
        }
        let mut inner = self.environment.inner.lock().await;
        let mut state = inner.state.clone();
        match state.life(&self.name, self.round) {
            Some(deployment) if deployment.phase == Phase::Starting => deployment.phase = Phase::Ready,
            // The order is given already; it is found at the next look.
            _ => return Ok(()),
        }
        let before = state.current.clone().filter(|before| *before != self.name);
        let before = before.and_then(|before| state.retire(&before));
        state.current = Some(self.name.clone());
        state.coming.take_if(|coming| *coming == self.name);
        let place = state.place();
        self.shared.save(&state).await.map_err(|error| Trouble::Broken(error.to_string()))?;
        inner.state = state;
        self.shared.board.serve(&place, vec![(1, Arc::clone(&self.target))]);
        if let Some(orders) = before.and_then(|before| inner.orders.get(&before.round)) {
            orders.send_replace(Order::Retire);
        }
        drop(inner);
        self.proven = true;
        info!(deployment = %self.name, "Deployment {} serves in {} of {}", self.name, place.1, place.0);
        self.shared.tell(&self.environment, &self.name, self.round).await;
        Ok(())
    }

    async fn unless_ordered<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            order = self.orders.wait_for(|order| *order != Order::Go) => {
                // Orders come from the environment, which this watcher holds: its end is no order to stop anything.
                Err(Trouble::Ordered(order.map_or(Order::GiveUp, |order| *order)))
            }
            done = work => Ok(done),
        }
    }

    /// It will not serve. If it did, nothing does now.
    async fn fail(mut self, reason: String) {
        self.stop().await;
        let mut inner = self.environment.inner.lock().await;
        if let Some(deployment) = inner.state.life(&self.name, self.round) {
            deployment.phase = Phase::Failed { reason };
            deployment.process = None;
            deployment.told = false;
            let state = &mut inner.state;
            let served = state.current.take_if(|current| *current == self.name).is_some();
            state.coming.take_if(|coming| *coming == self.name);
            state.remember(&self.name);
            if served {
                self.shared.board.serve(&state.place(), Vec::new());
            }
        }
        inner.orders.remove(&self.round);
        self.shared.tidy(&mut inner.state, &self.name).await;
        drop(inner);
        self.shared.tell(&self.environment, &self.name, self.round).await;
    }

    /// Does what was ordered.
    async fn leave(mut self, order: Order) {
        if order == Order::Retire {
            let left = self.target.drain(self.shared.settings.drain_within).await;
            if left > 0 {
                warn!(deployment = %self.name, "Stopping deployment {} with {left} requests under way", self.name);
            }
        }
        self.stop().await;
        let mut inner = self.environment.inner.lock().await;
        if let Some(deployment) = inner.state.life(&self.name, self.round) {
            deployment.process = None;
            if order != Order::Rest {
                inner.state.remember(&self.name);
            }
        }
        let round = self.round;
        inner.state.retiring.retain(|retiring| retiring.round != round);
        inner.orders.remove(&round);
        if order == Order::Rest {
            return self.shared.save_or_warn(&inner.state).await;
        }
        self.shared.tidy(&mut inner.state, &self.name).await;
        drop(inner);
        self.shared.tell(&self.environment, &self.name, self.round).await;
    }

    async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(self.shared.settings.stop_within).await;
        }
    }
}

/// Has all that a server needs.
async fn prepare(shared: &Shared, folder: PathBuf, spec: &DeploymentSpec) -> Result<Server, String> {
    let image = &spec.release.image;
    let to = folder.join("image");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let unpacked = match to.exists() {
        true => shared.images.parts(image, &to).await,
        false => match shared.images.unpack(image, &to).await {
            // What watched before this may have been unpacking it as well, and is done first: a folder comes whole.
            Err(_) if to.exists() => shared.images.parts(image, &to).await,
            unpacked => unpacked,
        },
    };
    let unpacked = unpacked.map_err(|error| format!("the image could not be unpacked: {error}"))?;
    let requirements = unpacked.app.join(&unpacked.environment);
    let requirements =
        tokio::fs::read(&requirements).await.map_err(|error| format!("{}: {error}", requirements.display()))?;
    let python_bin = shared.interpreters.python_bin(&requirements, folder.join("server.log")).await?;
    // Settings come as any number; at most so many threads help anyone.
    let threads = spec.release.limits.cpu_cores.ceil().clamp(1.0, 64.0) as u32;
    let home = (HOME_VARIABLE.to_owned(), shared.folder.display().to_string());
    let variables = vec![home, ("SERVICE_NAME".into(), spec.project.to_string())];
    let log = folder.join("server.log");
    Ok(Server { python_bin, app: unpacked.app, entry: unpacked.entry, folder, log, threads, variables })
}

/// Stops a process that an earlier host was about to stop.
pub async fn finish(
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    retiring: super::state::Retiring,
    within: Duration,
) {
    if let Some(process) = Process::adopt(&retiring.mark) {
        process.stop(within).await;
    }
    let mut inner = environment.inner.lock().await;
    inner.state.retiring.retain(|other| other.round != retiring.round);
    shared.tidy(&mut inner.state, &retiring.deployment).await;
}
