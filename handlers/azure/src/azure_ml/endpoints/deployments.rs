//! The port.

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName, Project};
use reqwest::Method;
use runner::ports::{DeploymentStatus, Deployments, LogChunk, PortError, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::present;
use super::look::Look;
use super::resources::{Endpoint, Phase};
use super::{DEPLOY, LOGS, MAKE, OnlineEndpoints, Place, READ, REGISTER, SERVICE};
use crate::http::{Call, CallError, Kind};
use crate::serving::chunk;

/// Lines of a log that are asked for.
const LINES: u32 = 5000;

/// A deployment's log.
#[derive(Debug, Deserialize)]
struct Log {
    content: Option<String>,
}

impl OnlineEndpoints {
    /// The endpoint and its deployments, once deployments can be made. An endpoint whose last change failed is written
    /// again as it is: it may serve all the same.
    async fn ensure_endpoint(&self, place: &Place, spec: &DeploymentSpec) -> Result<Look> {
        let found = self.look(place).await?;
        let phase = found.as_ref().map(|look| look.endpoint.phase());
        match (found, phase) {
            (Some(look), Some(Phase::Settled)) => return Ok(look),
            (Some(_), Some(Phase::UnderWay | Phase::Leaving)) => {
                return Err(later(format!("endpoint {} is being changed", place.endpoint)));
            }
            (Some(look), Some(Phase::Broken)) => {
                let traffic: Vec<_> =
                    look.endpoint.served_by().into_iter().map(|it| (it, look.endpoint.traffic(it))).collect();
                self.shift(place, &look, &traffic).await?;
                return Err(later(format!("endpoint {} had failed and is being mended", place.endpoint)));
            }
            _ => {}
        }
        let call = Call::send(Method::PUT, self.endpoint_url(place, &[]), self.endpoint_body(spec), &MAKE);
        let endpoint: Endpoint = self.client.read(call).await.map_err(CallError::into_port)?;
        if endpoint.phase() == Phase::Settled {
            return Ok(Look { endpoint, deployments: Vec::new() });
        }
        Err(later(format!("endpoint {} is being made", place.endpoint)))
    }

    async fn start(&self, place: &Place, spec: &DeploymentSpec, look: &Look) -> Result<()> {
        let environment = self.environment(spec);
        let url = self.address.at(&["environments", &environment.name, "versions", &environment.version], &[]);
        let found: Option<Value> = present(self.client.read(Call::get(url.clone(), &READ)).await)?;
        if found.is_none() {
            let call = Call::send(Method::PUT, url, environment.body.clone(), &REGISTER);
            self.client.call(call).await.map_err(CallError::into_port)?;
        }
        let body = self.deployment_body(spec, &environment, look.next_moment(self.client.now()));
        let call = Call::send(Method::PUT, self.deployment_url(place, &[]), body, &DEPLOY);
        self.client.call(call).await.map(|_| ()).map_err(CallError::into_port)
    }
}

/// The service is at work, and what was asked for is asked for again.
fn later(reason: String) -> PortError {
    PortError::transient(SERVICE, reason)
}

#[async_trait]
impl Deployments for OnlineEndpoints {
    async fn apply(&self, spec: &DeploymentSpec) -> Result<DeploymentStatus> {
        let DeploymentSpec { project, environment, release, .. } = spec;
        let place = self.place(project, environment, &release.deployment);
        let look = self.ensure_endpoint(&place, spec).await?;
        if let Some(before) = look.find(&place) {
            match self.settle(&place, &look).await? {
                // It has failed, or another one took its place.
                DeploymentStatus::Failed { .. } | DeploymentStatus::Absent => {}
                at_work => return Ok(at_work),
            }
            if before.phase() != Phase::Leaving {
                self.delete(&place, &place.deployment).await.map_err(CallError::into_port)?;
            }
            if self.look(&place).await?.is_none_or(|look| look.find(&place).is_some()) {
                let reason =
                    format!("{} was here before and is being deleted; it is made anew then", release.deployment);
                return Err(later(reason));
            }
        }
        self.start(&place, spec, &look).await?;
        Ok(DeploymentStatus::Starting)
    }

    async fn status(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<DeploymentStatus> {
        let place = self.place(project, environment, deployment);
        match self.look(&place).await? {
            Some(look) => self.settle(&place, &look).await,
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
        let place = self.place(project, environment, deployment);
        let unreachable = |reason: String| Ok(Answer::Unreachable { reason });
        let Some(look) = self.look(&place).await? else {
            return unreachable(format!("there is no endpoint for {project} in {environment}"));
        };
        if look.endpoint.traffic(&place.deployment) == 0 {
            let served_by = look.endpoint.served_by();
            let other = look.deployments.iter().find(|other| served_by.contains(&other.name.as_str()));
            return unreachable(match other {
                Some(other) => format!("{} serves in {environment}, and not {deployment}", other.known_as()),
                None => format!("nothing serves in {environment}"),
            });
        }
        match look.endpoint.scoring_uri() {
            Some(address) => self.score(&place, address, body).await,
            None => unreachable(format!("endpoint {} has no address yet", place.endpoint)),
        }
    }

    async fn remove(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
    ) -> Result<()> {
        let place = self.place(project, environment, deployment);
        let Some(look) = self.look(&place).await? else { return Ok(()) };
        if look.find(&place).is_none_or(|found| found.phase() == Phase::Leaving) {
            return Ok(());
        }
        // What has traffic cannot be deleted, and there is nobody to give it to.
        if look.endpoint.traffic(&place.deployment) > 0 {
            self.shift(&place, &look, &[]).await?;
        }
        self.delete(&place, &place.deployment).await.map_err(CallError::into_port)
    }

    /// The last lines that the service keeps. It has no offsets: of a long log the beginning is lost, and an offset into it
    /// is no longer what it was. A log never ends here.
    async fn logs(
        &self,
        project: &Project,
        environment: &EnvironmentName,
        deployment: &DeploymentName,
        from: u64,
    ) -> Result<LogChunk> {
        let place = self.place(project, environment, deployment);
        let body = json!({"containerType": "InferenceServer", "tail": LINES});
        let call = Call::send(Method::POST, self.deployment_url(&place, &["getLogs"]), body, &LOGS);
        let log: Log = match self.client.read(call).await {
            Err(error) if error.kind == Kind::Gone => {
                let reason = format!("there is no deployment {deployment} in {environment}");
                return Err(PortError::permanent(SERVICE, reason));
            }
            other => other.map_err(CallError::into_port)?,
        };
        Ok(chunk(log.content.as_deref().unwrap_or_default(), from))
    }
}
