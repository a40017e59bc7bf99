//! The port.

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use reqwest::{Method, Url};
use runner::ports::{DeploymentStatus, Deployments, LogChunk, PortError, Result};
use serde::Deserialize;

use super::group::{DEPLOYMENT, Group, Health};
use super::look::Look;
use super::{CONTAINER, CREATE, ContainerInstances, LOGS, Place, SERVICE};
use crate::http::{self, Call, CallError, Kind};
use crate::serving::{SCORE_PATH, chunk, filled};

/// A container's log.
#[derive(Debug, Deserialize)]
struct Logs {
    content: Option<String>,
}

impl ContainerInstances {
    /// Where a group is called; None before it has a name in the DNS.
    fn address(&self, group: &Group) -> Result<Option<Url>> {
        let Some(fqdn) = group.fqdn() else { return Ok(None) };
        http::address("the address of a container group", &filled(&self.settings.endpoint, &[("fqdn", fqdn)])).map(Some)
    }

    /// How a group does. One that is healthy takes the environment over.
    async fn settle(&self, mut look: Look) -> Result<DeploymentStatus> {
        if look.replaced_by().is_some() {
            return Ok(DeploymentStatus::Absent);
        }
        match look.group.health() {
            Health::Failed(reason) => return Ok(DeploymentStatus::Failed { reason }),
            Health::Starting => return Ok(DeploymentStatus::Starting),
            Health::Running => {}
        }
        let Some(address) = self.address(&look.group)? else { return Ok(DeploymentStatus::Starting) };
        if !look.serves() {
            // A running container may still load its model, and the service does not say whether its probe was answered.
            if !self.caller.is_healthy(&address).await? {
                return Ok(DeploymentStatus::Starting);
            }
            self.take_over(&mut look).await?;
        }
        self.delete_older(&look).await;
        let endpoint = crate::serving::below(&address, SCORE_PATH);
        Ok(DeploymentStatus::Ready { endpoint: endpoint.into() })
    }
}

#[async_trait]
impl Deployments for ContainerInstances {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let DeploymentSpec { project, environment, release, .. } = spec;
        let place = Place { project, environment, deployment: &release.deployment };
        let group = place.group();
        if let Some(look) = self.look(&place).await? {
            match self.settle(look).await? {
                DeploymentStatus::Failed { .. } | DeploymentStatus::Absent => {}
                at_work => return Ok(at_work),
            }
            if !self.delete(&group).await.map_err(CallError::into_port)? {
                let reason = format!(
                    "{} was here before; its container group {group} is being deleted, and is made anew then",
                    release.deployment
                );
                return Err(PortError::transient(SERVICE, reason));
            }
        }
        let body = self.body(&group, spec).await?;
        let call = Call::send(Method::PUT, self.url(&[&group]), body, &CREATE);
        self.client.call(call).await.map_err(CallError::into_port)?;
        Ok(DeploymentStatus::Starting)
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        match self.look(&Place { project, environment, deployment }).await? {
            Some(look) => self.settle(look).await,
            None => Ok(DeploymentStatus::Absent),
        }
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let unreachable = |reason: String| Ok(Answer::Unreachable { reason });
        let Some(look) = self.look(&Place { project, environment, deployment }).await? else {
            return unreachable(format!("there is no deployment {deployment} in {environment}"));
        };
        if let Some(other) = look.replaced_by() {
            let other = other.tag(DEPLOYMENT).unwrap_or(&other.name);
            return unreachable(format!("{other} has taken the place of {deployment} in {environment}"));
        }
        match self.address(&look.group)?.filter(|_| look.serves()) {
            Some(address) => self.caller.score(&address, body).await,
            None => unreachable(format!("{deployment} does not serve in {environment} yet")),
        }
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let group = Place { project, environment, deployment }.group();
        self.delete(&group).await.map(|_| ()).map_err(CallError::into_port)
    }

    /// What the container says since it was last started. The service keeps no more than 4 MB of it and has no offsets: a
    /// longer log has lost its beginning, and an offset into it is no longer what it was. A log never ends here.
    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let group = Place { project, environment, deployment }.group();
        let url = self.url(&[&group, "containers", CONTAINER, "logs"]);
        match self.client.read::<Logs>(Call::get(url, &LOGS)).await {
            Ok(logs) => Ok(chunk(logs.content.as_deref().unwrap_or_default(), from)),
            // It has not said anything yet.
            Err(error) if matches!(error.code.as_str(), "ContainerGroupTransitioning" | "ContainerLogNotAvailable") => {
                Ok(chunk("", from))
            }
            Err(error) if error.kind == Kind::Gone => {
                let reason = format!("there is no deployment {deployment} in {environment}");
                Err(PortError::permanent(SERVICE, reason))
            }
            Err(error) => Err(error.into_port()),
        }
    }
}
