//! Deployments that answer what a test says.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::{Answer, Event};
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use pipeline::release::Release;

use super::jobs::chunk;
use super::world::World;
use super::{absent, lock, named};
use crate::ports::{DeploymentStatus, Deployments, LogChunk, Result};

type Place = (Project, EnvironmentName);
type Health = Box<dyn Fn(&DeploymentSpec) -> DeploymentStatus + Send + Sync>;
type Scoring = Box<dyn Fn(&Release, &[u8]) -> Answer + Send + Sync>;

/// Environments in which releases are names. A release is ready at once and answers `[0.0]`, unless a test says else.
pub struct MemoryDeployments {
    world: World,
    state: Mutex<State>,
    health: Mutex<Health>,
    scoring: Mutex<Scoring>,
}

#[derive(Default)]
struct State {
    places: BTreeMap<Place, Environment>,
    applied: Vec<DeploymentSpec>,
}

#[derive(Default)]
struct Environment {
    deployments: BTreeMap<DeploymentName, (DeploymentSpec, DeploymentStatus)>,
    serving: Option<DeploymentName>,
}

named!(MemoryDeployments, "deployments in memory");

impl MemoryDeployments {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            state: Mutex::default(),
            health: Mutex::new(Box::new(|spec| DeploymentStatus::Ready { endpoint: endpoint(spec) })),
            scoring: Mutex::new(Box::new(|_, _| Answer::Answered { status: 200, body: "[0.0]".into() })),
        }
    }

    /// Decides how deployments that are applied from now on do. `Starting` ones wait for [`settle`](Self::settle).
    pub fn health(&self, health: impl Fn(&DeploymentSpec) -> DeploymentStatus + Send + Sync + 'static) {
        *lock(&self.health) = Box::new(health);
    }

    /// Decides what releases answer from now on.
    pub fn scoring(&self, scoring: impl Fn(&Release, &[u8]) -> Answer + Send + Sync + 'static) {
        *lock(&self.scoring) = Box::new(scoring);
    }

    /// Says how a deployment does now, and tells it. One that becomes ready takes the place of what serves.
    ///
    /// # Errors
    ///
    /// There is no such deployment.
    pub fn settle(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        status: DeploymentStatus,
    ) -> Result<()> {
        let mut state = lock(&self.state);
        let place = state
            .places
            .get_mut(&(project.clone(), environment.clone()))
            .filter(|place| place.deployments.contains_key(deployment))
            .ok_or_else(|| absent(format_args!("deployment {deployment} in {environment}")))?;
        let event = place.settle(deployment, status.clone());
        let reply_to = place.deployments.get(deployment);
        let reply_to = reply_to.map(|(spec, _)| spec.reply_to.clone());
        drop(state);
        if let (Some(event), Some(reply_to)) = (event, reply_to) {
            let what = format!("{deployment}/{}", word(&status));
            self.world.tell(&reply_to, &what, event);
        }
        Ok(())
    }

    /// What serves in an environment.
    #[must_use]
    pub fn serving(&self, project: &Project, environment: &EnvironmentName) -> Option<Release> {
        let state = lock(&self.state);
        let place = state.places.get(&(project.clone(), environment.clone()))?;
        let (spec, _) = place.deployments.get(place.serving.as_ref()?)?;
        Some(spec.release.clone())
    }

    /// All that was started, in order. A repeat that found its deployment at work is not in it.
    #[must_use]
    pub fn applied(&self) -> Vec<DeploymentSpec> {
        lock(&self.state).applied.clone()
    }

    fn start(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let name = &spec.release.deployment;
        let key = format!("{}/{}/{name}", spec.project, spec.environment);
        let mut state = lock(&self.state);
        let at = (spec.project.clone(), spec.environment.clone());
        let place = state.places.entry(at).or_default();
        if let Some((_, status)) = place.deployments.get(name)
            && !matches!(status, DeploymentStatus::Failed { .. })
        {
            let status = status.clone();
            self.world.tally.note("deployment", &key, false);
            return Ok(status);
        }
        let started = (spec.clone(), DeploymentStatus::Starting);
        place.deployments.insert(name.clone(), started);
        state.applied.push(spec.clone());
        drop(state);
        self.world.tally.note("deployment", &key, true);
        let status = lock(&self.health)(spec);
        self.settle(&spec.project, &spec.environment, name, status.clone())?;
        Ok(status)
    }
}

impl Environment {
    fn settle(&mut self, name: &DeploymentName, status: DeploymentStatus) -> Option<Event> {
        let deployment = name.clone();
        let (_, now) = self.deployments.get_mut(name)?;
        *now = status.clone();
        match status {
            DeploymentStatus::Ready { endpoint } => {
                if let Some(old) = self.serving.replace(deployment.clone())
                    && old != deployment
                {
                    self.deployments.remove(&old);
                }
                Some(Event::DeploymentReady { deployment, endpoint })
            }
            DeploymentStatus::Failed { reason } => {
                self.serving.take_if(|serving| *serving == deployment);
                Some(Event::DeploymentFailed { deployment, reason })
            }
            DeploymentStatus::Starting => None,
            DeploymentStatus::Absent => {
                self.serving.take_if(|serving| *serving == deployment);
                self.deployments.remove(name);
                None
            }
        }
    }
}

fn endpoint(spec: &DeploymentSpec) -> String {
    format!("memory:/{}/{}/score", spec.project, spec.environment)
}

fn word(status: &DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Absent => "absent",
        DeploymentStatus::Starting => "starting",
        DeploymentStatus::Ready { .. } => "ready",
        DeploymentStatus::Failed { .. } => "failed",
    }
}

#[async_trait]
impl Deployments for MemoryDeployments {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let name = spec.release.deployment.as_str();
        let faults = &self.world.faults;
        faults.around("deployments.apply", name, || self.start(spec))
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        let faults = &self.world.faults;
        faults.around("deployments.status", deployment.as_str(), || {
            let state = lock(&self.state);
            let place = state.places.get(&(project.clone(), environment.clone()));
            let found = place.and_then(|place| place.deployments.get(deployment));
            Ok(found.map_or(DeploymentStatus::Absent, |(_, status)| status.clone()))
        })
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let faults = &self.world.faults;
        faults.around("deployments.call", deployment.as_str(), || {
            let serving = self.serving(project, environment);
            Ok(match serving {
                Some(release) if release.deployment == *deployment => lock(&self.scoring)(&release, &body),
                Some(other) => Answer::Unreachable { reason: format!("{} serves in {environment}", other.deployment) },
                None => Answer::Unreachable { reason: format!("nothing serves in {environment}") },
            })
        })
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let faults = &self.world.faults;
        faults.around("deployments.remove", deployment.as_str(), || {
            let mut state = lock(&self.state);
            let place = state.places.entry((project.clone(), environment.clone()));
            place.or_default().settle(deployment, DeploymentStatus::Absent);
            Ok(())
        })
    }

    async fn logs(
        &self,
        _project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let faults = &self.world.faults;
        faults.around("deployments.logs", deployment.as_str(), || {
            let log = format!("{deployment} serves in {environment}\n");
            Ok(chunk(&log, from, true))
        })
    }
}
