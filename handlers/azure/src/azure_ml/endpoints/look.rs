//! One look at an environment.

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use runner::ports::Result;

use super::super::present;
use super::resources::{Deployment, Endpoint, Page};
use super::{OnlineEndpoints, Place, READ, SERVICE};
use crate::http::{Call, CallError, Kind, Progress};

/// Pages of a list that are read before it is given up. An endpoint has 20 deployments at most.
const PAGES_MAX: usize = 10;

/// An endpoint with its deployments.
#[derive(Debug)]
pub(super) struct Look {
    pub endpoint: Endpoint,
    pub deployments: Vec<Deployment>,
}

impl Look {
    pub fn find(&self, place: &Place) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.name == place.deployment)
    }

    /// The deployment of ours that was asked for last.
    pub fn newest(&self) -> Option<&Deployment> {
        let ours = self.deployments.iter().filter(|deployment| deployment.applied().is_some());
        ours.max_by_key(|deployment| deployment.applied())
    }

    /// The moment to write on a deployment that is asked for now: after all others, whatever clocks say.
    pub fn next_moment(&self, now: Timestamp) -> Timestamp {
        let after = |last: Timestamp| last.saturating_add(SignedDuration::from_millis(1)).unwrap_or(last);
        let last = self.newest().and_then(Deployment::applied);
        last.map_or(now, |last| now.max(after(last)))
    }
}

impl OnlineEndpoints {
    /// None: there is no endpoint for the environment.
    pub(super) async fn look(&self, place: &Place) -> Result<Option<Look>> {
        let found = self.client.read(Call::get(self.endpoint_url(place, &[]), &READ)).await;
        let Some(endpoint) = present(found)? else { return Ok(None) };
        let mut deployments = self.deployments(place).await.map_err(CallError::into_port)?;
        // A list may be a moment behind.
        if deployments.iter().all(|deployment| deployment.name != place.deployment) {
            let found = self.client.read(Call::get(self.deployment_url(place, &[]), &READ)).await;
            deployments.extend(present(found)?);
        }
        Ok(Some(Look { endpoint, deployments }))
    }

    async fn deployments(&self, place: &Place) -> Result<Vec<Deployment>, CallError> {
        let mut deployments = Vec::new();
        let mut url = self.endpoint_url(place, &["deployments"]);
        for _ in 0..PAGES_MAX {
            let page: Page = match self.client.read(Call::get(url, &READ)).await {
                // The endpoint has gone between the two questions.
                Err(error) if error.kind == Kind::Gone => return Ok(deployments),
                other => other?,
            };
            deployments.extend(page.value);
            let Some(next) = page.next_link else { break };
            url =
                Url::parse(&next).ok().filter(|next| next.origin() == self.address.base.origin()).ok_or_else(|| {
                    CallError::refused(
                        SERVICE,
                        format!("the list of deployments goes on at {next:?}, which is elsewhere"),
                    )
                })?;
        }
        Ok(deployments)
    }

    /// Why a deployment has failed, in the service's words if it still has them.
    pub(super) async fn why(&self, deployment: &Deployment) -> Result<String> {
        let name = &deployment.name;
        let unknown = format!("deployment {name} failed, and the service does not say why; its log may");
        let Some(operation) = deployment.operation().and_then(|address| Url::parse(address).ok()) else {
            return Ok(unknown);
        };
        match self.client.look(&operation, &self.address.base, &READ).await {
            Ok(Progress::Failed { code, message }) => Ok(format!("deployment {name} failed, {code}: {message}")),
            // It is about something else, or kept no longer.
            Ok(_) => Ok(unknown),
            Err(error) if matches!(error.kind, Kind::Gone | Kind::Refused) => Ok(unknown),
            Err(error) => Err(error.into_port()),
        }
    }
}
