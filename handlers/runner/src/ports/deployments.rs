//! What serves.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use serde::{Deserialize, Serialize};

use super::{LogChunk, Result};

/// How a deployment does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Not there.
    Absent,
    /// It starts.
    Starting,
    /// It takes the environment's requests.
    Ready {
        /// Where it is called.
        endpoint: String,
    },
    /// It did not get healthy, or died.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Puts releases into environments. A new one is started, must get healthy, takes the traffic, and only then the old
/// one is drained and stopped: no request is dropped. The end is told to `reply_to` as `DeploymentReady` or
/// `DeploymentFailed`, once or more.
#[async_trait]
pub trait Deployments: Debug + Display + Send + Sync {
    /// Applies a release by its digest. Applying the same deployment twice is the same as once, unless it has failed
    /// or was removed or replaced: then it is started again.
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus>;

    /// How it does.
    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus>;

    /// Sends a body to what serves in the environment and answers what came back, also when nobody answered. Answers
    /// `Unreachable` when another deployment than this one serves.
    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer>;

    /// Takes it out of service; one that is not there is removed already.
    async fn remove(&self, project: &Project, environment: &EnvironmentName, deployment: &DeploymentName)
    -> Result<()>;

    /// What it says, from a byte offset.
    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk>;
}
