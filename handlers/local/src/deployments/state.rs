//! What is deployed where, on disk: one small file per environment, replaced as a whole.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use pipeline::effect::DeploymentSpec;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use serde::{Deserialize, Serialize};

use super::board::Place;
use super::process::Mark;

/// So many ended deployments of an environment keep their log and their reason.
const KEPT: usize = 20;

/// What an environment has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// Whose.
    pub project: Project,
    /// Where.
    pub environment: EnvironmentName,
    /// Who takes the requests.
    pub current: Option<DeploymentName>,
    /// Who will, once healthy.
    pub coming: Option<DeploymentName>,
    /// How often something was applied; tells one life of a deployment from the next.
    pub rounds: u64,
    /// Those that start, serve, or have failed.
    pub deployments: BTreeMap<DeploymentName, Deployment>,
    /// Processes that take no new requests and are being stopped.
    pub retiring: Vec<Retiring>,
    /// Ended deployments, the newest first.
    pub ended: VecDeque<DeploymentName>,
}

/// One deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// What was asked for.
    pub spec: DeploymentSpec,
    /// Which round of the environment began its life.
    pub round: u64,
    /// How it does.
    pub phase: Phase,
    /// Whether who asked for it was told.
    pub told: bool,
    /// Its process; none while there is none.
    pub process: Option<Running>,
}

/// How a deployment does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not healthy yet, this time.
    Starting,
    /// It has the requests.
    Ready,
    /// It got not healthy, or ended too often.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A process and where it is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// Which process.
    pub mark: Mark,
    /// Its port.
    pub port: u16,
    /// What it says of itself.
    pub identity: String,
}

/// A process that is being stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Retiring {
    /// Whose.
    pub deployment: DeploymentName,
    /// From which life.
    pub round: u64,
    /// Which.
    pub mark: Mark,
}

impl State {
    /// An environment that nothing was put into yet.
    pub fn new((project, environment): Place) -> Self {
        Self {
            project,
            environment,
            current: None,
            coming: None,
            rounds: 0,
            deployments: BTreeMap::new(),
            retiring: Vec::new(),
            ended: VecDeque::new(),
        }
    }

    /// Whose and where.
    pub fn place(&self) -> Place {
        (self.project.clone(), self.environment.clone())
    }

    /// The deployment in this life of it.
    pub fn life(&mut self, name: &DeploymentName, round: u64) -> Option<&mut Deployment> {
        self.deployments.get_mut(name).filter(|deployment| deployment.round == round)
    }

    /// Takes a deployment off duty. Its process, if it has one, is on record as being stopped.
    pub fn retire(&mut self, name: &DeploymentName) -> Option<Deployment> {
        let deployment = self.deployments.remove(name)?;
        if let Some(Running { mark, .. }) = &deployment.process {
            let (deployment, round) = (name.clone(), deployment.round);
            self.retiring.push(Retiring { deployment, round, mark: mark.clone() });
        }
        self.current.take_if(|current| current == name);
        self.coming.take_if(|coming| coming == name);
        self.remember(name);
        Some(deployment)
    }

    /// Counts a deployment among the ended ones.
    pub fn remember(&mut self, name: &DeploymentName) {
        self.ended.retain(|ended| ended != name);
        self.ended.push_front(name.clone());
    }

    /// Takes out those that ended longest ago; nothing of them need be kept.
    pub fn forget(&mut self) -> Vec<DeploymentName> {
        let mut forgotten = Vec::new();
        while self.ended.len() > KEPT {
            let Some(name) = self.ended.pop_back() else { break };
            let is_failed = |deployment: &Deployment| matches!(deployment.phase, Phase::Failed { .. });
            if self.deployments.get(&name).is_none_or(is_failed) && !self.is_retiring(&name) {
                self.deployments.remove(&name);
                forgotten.push(name);
            }
        }
        forgotten
    }

    /// Whether a process of it is being stopped.
    pub fn is_retiring(&self, name: &DeploymentName) -> bool {
        self.retiring.iter().any(|retiring| retiring.deployment == *name)
    }

    /// Reads the states of all environments in a folder.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Self>> {
        let mut states = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let state = serde_json::from_slice(&fs::read(&path)?).map_err(|error| {
                    let path = path.display();
                    io::Error::other(format!(
                        "{path} cannot be read: {error}; without it nobody knows what serves there"
                    ))
                })?;
                states.push(state);
            }
        }
        Ok(states)
    }

    /// Writes the state; it is durable when this returns.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        // Names have no dot, so two environments never share a file.
        let path = folder.join(format!("{}.{}.json", self.project, self.environment));
        let partial = path.with_extension("json.partial");
        let body = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        let mut file = File::create(&partial)?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    }
}
