//! The port.

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use runner::ports::{DeploymentStatus, Deployments, LogChunk, PortError, Result};
use serde_json::Value;

use super::api::Object;
use super::bodies::CONTAINER;
use super::objects::{Deployment, Service};
use super::{Kubernetes, NOBODY, Place, SERVICE};
use crate::serving::chunk;

/// So much more of a log is read than was read before, in bytes.
const MORE: u64 = 64 << 10;

impl Kubernetes {
    /// How a Deployment does; one whose time has come gets the requests.
    async fn look(&self, place: &Place<'_>, name: &str) -> Result<DeploymentStatus> {
        match &self.settings.route {
            Some(route) => self.settle_by_route(route, place, name).await,
            None => self.settle(place, name).await,
        }
    }
}

#[async_trait]
impl Deployments for Kubernetes {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let place = Place::of(&spec.project, &spec.environment);
        let name = place.deployment(&spec.release.deployment);
        if let Some(route) = &self.settings.route {
            self.take_back(route, &place, &name).await?;
        }
        match self.look(&place, &name).await? {
            DeploymentStatus::Failed { .. } | DeploymentStatus::Absent => {}
            at_work => return Ok(at_work),
        }
        let body = self.deployment_body(&place, &name, spec, &self.clock.now().to_string()).await?;
        if let Some((_, key)) = self.caller.key().await? {
            let body = self.secret_body(&place, &key);
            self.apply_object::<Value>(Object::Secret, &place.service, body).await?;
        }
        match &self.settings.route {
            Some(route) => self.want_by_route(route, &place, &name).await?,
            None => self.want(&place, &name).await?,
        }
        self.apply_object::<Value>(Object::Deployment, &name, body).await?;
        Ok(DeploymentStatus::Starting)
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        let place = Place::of(project, environment);
        self.look(&place, &place.deployment(deployment)).await
    }

    async fn call(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let unreachable = |reason: String| Ok(Answer::Unreachable { reason });
        let place = Place::of(project, environment);
        if let Some(route) = &self.settings.route {
            return self.call_by_route(route, &place, deployment, body).await;
        }
        let name = place.deployment(deployment);
        let Some(service) = self.get::<Service>(Object::Service, &place.service).await? else {
            return unreachable(format!("nothing was ever deployed to {environment}"));
        };
        match service.selected() {
            Some(selected) if selected == name => {}
            Some(other) if other != NOBODY => return unreachable(format!("{other} serves in {environment}")),
            _ => return unreachable(format!("nothing serves in {environment}")),
        }
        let there = self.get::<Deployment>(Object::Deployment, &name).await?;
        if there.is_none_or(|there| there.status.available_replicas == 0) {
            return unreachable(format!("no pod of {deployment} is available in {environment}"));
        }
        match self.address(&place, &service)? {
            Some(address) => self.caller.score(&address, body).await,
            None => unreachable(format!("the Service {} has no address yet", place.service)),
        }
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let place = Place::of(project, environment);
        let name = place.deployment(deployment);
        match &self.settings.route {
            Some(route) => self.leave_route(route, &place, &name).await?,
            None => self.forgo(&place, &name).await?,
        }
        self.delete(Object::Deployment, &name).await
    }

    /// What the pod says that has been there for longest, since its container was last started. A cluster keeps only the
    /// end of a long log; then an offset is no longer what it was.
    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let place = Place::of(project, environment);
        let name = place.deployment(deployment);
        if let Some(pod) = self.oldest_pod(&name).await? {
            let log = self.log(&pod, CONTAINER, from.saturating_add(MORE)).await?;
            return Ok(chunk(&log, from));
        }
        match self.get::<Deployment>(Object::Deployment, &name).await? {
            Some(_) => Ok(chunk("", from)),
            None => {
                let reason = format!("there is no deployment {deployment} in {environment}");
                Err(PortError::permanent(SERVICE, reason))
            }
        }
    }
}
