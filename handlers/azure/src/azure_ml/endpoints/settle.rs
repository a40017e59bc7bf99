//! The way of a deployment from ready to serving, one step for each question.

use reqwest::Method;
use runner::ports::{DeploymentStatus, PortError, Result};
use tracing::warn;

use super::look::Look;
use super::resources::{Deployment, Phase};
use super::{DELETE, OnlineEndpoints, Place, SERVICE, SHIFT};
use crate::http::{Body, Call, CallError, Kind};

/// All requests.
const ALL: i64 = 100;

impl OnlineEndpoints {
    /// How a deployment does. One that is ready gets the traffic; once it has it, the others go.
    pub(super) async fn settle(&self, place: &Place, look: &Look) -> Result<DeploymentStatus> {
        let Some(deployment) = look.find(place) else { return Ok(DeploymentStatus::Absent) };
        let serves = look.endpoint.traffic(&place.deployment) == ALL;
        let is_newest = look.newest().is_some_and(|newest| newest.name == deployment.name);
        if !serves && !is_newest {
            return Ok(DeploymentStatus::Absent);
        }
        match deployment.phase() {
            Phase::Leaving => return Ok(DeploymentStatus::Absent),
            Phase::Broken => return Ok(DeploymentStatus::Failed { reason: self.why(deployment).await? }),
            Phase::UnderWay => return Ok(DeploymentStatus::Starting),
            Phase::Settled => {}
        }
        // The service has been seen to answer before it is so: traffic counts when it is read, not when it is written.
        match look.endpoint.phase() {
            Phase::Settled if serves => {}
            Phase::Settled | Phase::Broken => {
                self.shift(place, look, &[(&place.deployment, ALL)]).await?;
                return Ok(DeploymentStatus::Starting);
            }
            Phase::UnderWay | Phase::Leaving => return Ok(DeploymentStatus::Starting),
        }
        // A deployment that is newer, and not ready yet or broken, is not this one's to delete.
        let older = |other: &&Deployment| is_newest && other.name != place.deployment && other.applied().is_some();
        for other in look.deployments.iter().filter(older).filter(|other| other.phase() != Phase::Leaving) {
            if !self.delete_older(place, other).await? {
                return Ok(DeploymentStatus::Starting);
            }
        }
        match look.endpoint.scoring_uri() {
            Some(endpoint) => Ok(DeploymentStatus::Ready { endpoint: endpoint.into() }),
            None => Ok(DeploymentStatus::Starting),
        }
    }

    /// Writes the endpoint with this traffic.
    pub(super) async fn shift(&self, place: &Place, look: &Look, traffic: &[(&str, i64)]) -> Result<()> {
        let body = look.endpoint.with_traffic(traffic);
        let call = Call::send(Method::PUT, self.endpoint_url(place, &[]), body, &SHIFT);
        match self.client.call(call).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into_port()),
        }
    }

    /// Has a deployment deleted. One that is not there is deleted already.
    pub(super) async fn delete(&self, place: &Place, name: &str) -> Result<(), CallError> {
        let url = self.endpoint_url(place, &["deployments", name]);
        match self.client.call(Call::new(Method::DELETE, url, Body::Nothing, &DELETE)).await {
            Err(error) if error.kind != Kind::Gone => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the service has taken it on. Machines that nobody needs cost money, so a busy service is asked again; one
    /// that refuses is not a reason to give up a release that serves.
    async fn delete_older(&self, place: &Place, other: &Deployment) -> Result<bool> {
        match self.delete(place, &other.name).await {
            Ok(()) => Ok(true),
            Err(error) if error.status == 409 => Ok(false),
            Err(error) => match error.into_port() {
                PortError::Permanent { reason, .. } => {
                    warn!("{SERVICE}: {} serves no more and stays: {reason}", other.known_as());
                    Ok(true)
                }
                error => Err(error),
            },
        }
    }
}
