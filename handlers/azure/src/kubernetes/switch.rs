//! Who has the requests of an environment, and giving them to the release that was asked for last.

use std::cmp::Reverse;

use reqwest::Url;
use runner::ports::{DeploymentStatus, PortError, Result};

use super::api::Object;
use super::objects::{Deployment, Rollout, Service};
use super::{Kubernetes, NOBODY, OF_SERVICE, Place, SERVICE};
use crate::http;
use crate::serving::{SCORE_PATH, below, filled};

impl Kubernetes {
    /// How a Deployment does. One that is rolled out and wanted gets the requests.
    pub(super) async fn settle(&self, place: &Place<'_>, name: &str) -> Result<DeploymentStatus> {
        let Some(service) = self.get::<Service>(Object::Service, &place.service).await? else {
            return Ok(DeploymentStatus::Absent);
        };
        let Some(deployment) = self.get::<Deployment>(Object::Deployment, name).await? else {
            return Ok(DeploymentStatus::Absent);
        };
        let (is_wanted, is_selected) = (service.wanted() == Some(name), service.selected() == Some(name));
        if !is_wanted && !is_selected {
            return Ok(DeploymentStatus::Absent);
        }
        let service = match deployment.rollout() {
            Rollout::AtRest => return Ok(DeploymentStatus::Absent),
            Rollout::Stuck(said) => {
                return Ok(DeploymentStatus::Failed { reason: self.why_stuck(name, &said).await? });
            }
            Rollout::Done if is_selected => service,
            Rollout::Done => self.switch(place, &service, name).await?,
            // It answers, if with fewer pods: a node is made anew, or a pod is.
            Rollout::Running if is_selected && deployment.status.available_replicas > 0 => service,
            Rollout::Running if is_selected => {
                let trouble = self.trouble(name).await?;
                return Ok(trouble.map_or(DeploymentStatus::Starting, |reason| DeploymentStatus::Failed { reason }));
            }
            Rollout::Running => return Ok(DeploymentStatus::Starting),
        };
        // While another one is on its way, what is there besides is not for this one to tidy.
        if is_wanted {
            self.retire_older(place, &deployment).await?;
        }
        Ok(match self.address(place, &service)? {
            Some(address) => DeploymentStatus::Ready { endpoint: below(&address, SCORE_PATH).into() },
            // The load balancer has given it none yet.
            None => DeploymentStatus::Starting,
        })
    }

    /// Gives the requests to a Deployment: one write, at the version that was read.
    async fn switch(&self, place: &Place<'_>, before: &Service, name: &str) -> Result<Service> {
        let body = self.service_body(place, Some(before), name, Some(name));
        let after: Service = self.apply_object(Object::Service, &place.service, body).await?;
        if after.selected() != Some(name) {
            let reason = format!("the Service {} was switched to {name}, and selects something else", place.service);
            return Err(PortError::transient(SERVICE, reason));
        }
        Ok(after)
    }

    /// Ends the pods of what a Deployment has replaced, and deletes all but the last few of it. One that was started later
    /// is on its way, and left alone.
    pub(super) async fn retire_older(&self, place: &Place<'_>, deployment: &Deployment) -> Result<()> {
        let mut older: Vec<Deployment> = self.list(Object::Deployment, (OF_SERVICE, &place.service)).await?;
        let since = deployment.started_at();
        older.retain(|other| other.metadata.name != deployment.metadata.name && other.started_at() <= since);
        older.sort_by_key(|other| Reverse(other.started_at()));
        for (at, other) in older.iter().enumerate() {
            if at >= self.settings.kept_releases {
                self.delete(Object::Deployment, &other.metadata.name).await?;
                if self.settings.route.is_some() {
                    self.delete(Object::Service, &other.metadata.name).await?;
                }
            } else if other.rollout() != Rollout::AtRest {
                self.scale_to_none(&other.metadata.name).await?;
            }
        }
        Ok(())
    }

    /// Says that a Deployment is the one that is wanted now. Who has the requests keeps them.
    pub(super) async fn want(&self, place: &Place<'_>, name: &str) -> Result<()> {
        let before: Option<Service> = self.get(Object::Service, &place.service).await?;
        let selected = before.as_ref().and_then(Service::selected);
        if before.as_ref().and_then(Service::wanted) == Some(name) && selected.is_some() {
            return Ok(());
        }
        let body = self.service_body(place, before.as_ref(), name, selected);
        self.apply_object::<Service>(Object::Service, &place.service, body).await.map(|_| ())
    }

    /// Says that a Deployment is not wanted any more, unless it has the requests. The Service is another one then: whoever
    /// read it before, and would switch it to this Deployment now, is refused.
    pub(super) async fn forgo(&self, place: &Place<'_>, name: &str) -> Result<()> {
        let Some(before) = self.get::<Service>(Object::Service, &place.service).await? else { return Ok(()) };
        let selected = before.selected();
        if before.wanted() != Some(name) || selected == Some(name) {
            return Ok(());
        }
        let body = self.service_body(place, Some(&before), selected.unwrap_or(NOBODY), selected);
        self.apply_object::<Service>(Object::Service, &place.service, body).await.map(|_| ())
    }

    /// Where the Service is called; None before it has an address.
    pub(super) fn address(&self, place: &Place<'_>, service: &Service) -> Result<Option<Url>> {
        let pattern = &self.settings.endpoint;
        let address = match service.address() {
            Some(address) => address,
            None if pattern.contains("{address}") => return Ok(None),
            None => NOBODY,
        };
        // Addresses of version 6 stand in brackets.
        let bracketed = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let values = [
            ("address", bracketed.as_str()),
            ("service", &place.service),
            ("project", place.project.as_str()),
            ("environment", place.environment.as_str()),
        ];
        http::address("the address of the Service", &filled(pattern, &values)).map(Some)
    }
}
