//! One port in front of several backends.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use runner::ports::{DeploymentStatus, Deployments, LogChunk, PortError, Result};

const BACKEND: &str = "deployments";

/// Each environment on a backend of its own.
#[derive(Debug)]
pub struct ByEnvironment {
    backends: BTreeMap<EnvironmentName, Arc<dyn Deployments>>,
}

impl ByEnvironment {
    /// These environments and no others.
    #[must_use]
    pub fn new(backends: BTreeMap<EnvironmentName, Arc<dyn Deployments>>) -> Self {
        Self { backends }
    }

    fn of(&self, environment: &EnvironmentName) -> Result<&dyn Deployments> {
        self.backends.get(environment).map(|backend| &**backend).ok_or_else(|| {
            let known: Vec<_> = self.backends.keys().map(EnvironmentName::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let reason = format!("nothing is set for the environment {environment}; set are: {known}");
            PortError::permanent(BACKEND, reason)
        })
    }
}

impl fmt::Display for ByEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (environment, backend)) in self.backends.iter().enumerate() {
            write!(f, "{}{environment}: {backend}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[async_trait]
impl Deployments for ByEnvironment {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        self.of(&spec.environment)?.apply(spec).await
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        self.of(environment)?.status(project, environment, deployment).await
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        self.of(environment)?.call(project, environment, deployment, body).await
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        self.of(environment)?.remove(project, environment, deployment).await
    }

    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        self.of(environment)?.logs(project, environment, deployment, from).await
    }
}
