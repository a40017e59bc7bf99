//! How a release takes over, one look at a time.

use pipeline::event::Answer;
use pipeline::names::{DeploymentName, EnvironmentName};
use runner::ports::{DeploymentStatus, PortError, Result};
use serde_json::Value;

use super::object::Standing;
use super::shares::{ALL, Shares};
use super::{HEADER, Route, RouteSettings};
use crate::kubernetes::api::Object;
use crate::kubernetes::objects::{Deployment, Rollout};
use crate::kubernetes::{Kubernetes, Place, SERVICE};
use crate::serving::{SCORE_PATH, below};

impl Kubernetes {
    /// How a Deployment does. One that is wanted gets a larger part of the requests when it is time.
    pub(in crate::kubernetes) async fn settle_by_route(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        name: &str,
    ) -> Result<DeploymentStatus> {
        let Some(route) = self.get::<Route>(Object::Route, &place.service).await? else {
            return Ok(DeploymentStatus::Absent);
        };
        let Some(deployment) = self.get::<Deployment>(Object::Deployment, name).await? else {
            return Ok(DeploymentStatus::Absent);
        };
        let (shares, rollout) = (Shares::of(&route), deployment.rollout());
        if rollout == Rollout::AtRest {
            return Ok(DeploymentStatus::Absent);
        }
        if shares.is_wanted(name) {
            return match &shares.failed {
                // It may have got well meanwhile; it is tried again when somebody asks for it again.
                Some(reason) => Ok(DeploymentStatus::Failed { reason: reason.clone() }),
                None => self.advance(settings, place, &route, &shares, &deployment).await,
            };
        }
        match shares.weight(name) {
            Some(weight) if weight > 0 => self.still_serving(settings, place, &deployment).await,
            _ => Ok(DeploymentStatus::Absent),
        }
    }

    /// How the wanted Deployment does, after its next step where it is time for one.
    async fn advance(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        route: &Route,
        shares: &Shares,
        deployment: &Deployment,
    ) -> Result<DeploymentStatus> {
        let name = deployment.metadata.name.as_str();
        let Some(weight) = shares.weight(name) else { return Ok(DeploymentStatus::Absent) };
        let (base, rollout, now) = (shares.base(), deployment.rollout(), self.clock.now());
        let has_pods = deployment.status.available_replicas > 0;
        let standing = route.standing(settings, &self.settings.namespace, now);
        let reason = match (&rollout, &standing) {
            (Rollout::Stuck(said), _) => Some(self.why_stuck(name, said).await?),
            (_, Standing::Refused(reason)) => Some(reason.clone()),
            // It had pods, or it would have no requests.
            (Rollout::Running, _) if weight > 0 && (base.is_some() || !has_pods) => {
                let gone = || (base.is_some() && !has_pods).then(|| "none of its pods answers any more".to_owned());
                self.trouble(name).await?.or_else(gone)
            }
            _ => None,
        };
        if let Some(reason) = reason {
            let Some(base) = base.filter(|_| weight > 0) else { return Ok(DeploymentStatus::Failed { reason }) };
            let reason = format!("{reason}; it had {weight} % of the requests, and {base} has all of them again");
            self.write_route(settings, place, Some(route), &shares.failed(reason.clone())).await?;
            return Ok(DeploymentStatus::Failed { reason });
        }

        let is_alone = weight > 0 && base.is_none();
        // One that has them all serves with fewer pods, too: a node is made anew, or a pod is.
        let is_up = rollout == Rollout::Done || (is_alone && has_pods);
        if !is_up || standing == Standing::Open {
            return Ok(DeploymentStatus::Starting);
        }
        if is_alone {
            self.retire_older(place, deployment).await?;
            return self.ready(settings, place);
        }
        let has_had_its_time = now.duration_since(route.shifted_at()).as_secs() >= i64::from(settings.step_secs);
        if weight == 0 || has_had_its_time {
            let next = settings.after(weight).filter(|_| base.is_some() && !shares.is_way_back());
            self.write_route(settings, place, Some(route), &shares.shifted(next.unwrap_or(ALL))).await?;
        }
        // A gateway takes a moment for it, and until then the old pods have requests.
        Ok(DeploymentStatus::Starting)
    }

    /// How a Deployment does that has requests while another one is wanted.
    async fn still_serving(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        deployment: &Deployment,
    ) -> Result<DeploymentStatus> {
        if deployment.status.available_replicas > 0 {
            return self.ready(settings, place);
        }
        let trouble = self.trouble(&deployment.metadata.name).await?;
        Ok(trouble.map_or(DeploymentStatus::Starting, |reason| DeploymentStatus::Failed { reason }))
    }

    fn ready(&self, settings: &RouteSettings, place: &Place<'_>) -> Result<DeploymentStatus> {
        let address = self.address_at_gateway(settings, place)?;
        Ok(DeploymentStatus::Ready { endpoint: below(&address, SCORE_PATH).into() })
    }

    /// Gives all requests back to a Deployment that has some of them still, and pods: the way back in the middle of a
    /// shift. Any other way to it is that of a new one.
    pub(in crate::kubernetes) async fn take_back(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        name: &str,
    ) -> Result<()> {
        let Some(route) = self.get::<Route>(Object::Route, &place.service).await? else { return Ok(()) };
        let shares = Shares::of(&route);
        if shares.is_wanted(name) || shares.base() != Some(name) {
            return Ok(());
        }
        let there = self.get::<Deployment>(Object::Deployment, name).await?;
        if there.is_some_and(|there| there.status.available_replicas > 0) {
            self.write_route(settings, place, Some(&route), &shares.wanting(name)).await?;
        }
        Ok(())
    }

    /// Makes a place for a Deployment: a Service of its own, and the word of the route that it is wanted. Who has the
    /// requests keeps them.
    pub(in crate::kubernetes) async fn want_by_route(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        name: &str,
    ) -> Result<()> {
        let service = self.release_service_body(place, name);
        self.apply_object::<Value>(Object::Service, name, service).await?;
        let before: Option<Route> = self.get(Object::Route, &place.service).await?;
        let shares = before.as_ref().map(Shares::of).unwrap_or_default();
        if shares.is_wanted(name) && shares.failed.is_none() && shares.weight(name).is_some() {
            return Ok(());
        }
        self.write_route(settings, place, before.as_ref(), &shares.wanting(name)).await
    }

    /// Takes a Deployment out of the route, and its Service away. Who served beside it has all requests.
    pub(in crate::kubernetes) async fn leave_route(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        name: &str,
    ) -> Result<()> {
        let before: Option<Route> = self.get(Object::Route, &place.service).await?;
        if let Some(without) = before.as_ref().and_then(|route| Shares::of(route).without(name)) {
            self.write_route(settings, place, before.as_ref(), &without).await?;
        }
        self.delete(Object::Service, name).await
    }

    /// One write, at the version that was read.
    async fn write_route(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        before: Option<&Route>,
        shares: &Shares,
    ) -> Result<()> {
        let body = self.route_body(settings, place, before, shares, self.clock.now());
        let after: Route = self.apply_object(Object::Route, &place.service, body).await?;
        if after.weights() != shares.weights {
            let reason = format!("the HTTPRoute {} was written, and has other weights", place.service);
            return Err(PortError::transient(SERVICE, reason));
        }
        Ok(())
    }

    /// Asks one release through the gateway, whatever part of the requests it has.
    pub(in crate::kubernetes) async fn call_by_route(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        deployment: &DeploymentName,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let unreachable = |reason: String| Ok(Answer::Unreachable { reason });
        let (environment, name): (&EnvironmentName, _) = (place.environment, place.deployment(deployment));
        let Some(route) = self.get::<Route>(Object::Route, &place.service).await? else {
            return unreachable(format!("nothing was ever deployed to {environment}"));
        };
        let shares = Shares::of(&route);
        let Some(weight) = shares.weight(&name) else {
            let serving: Vec<_> = shares.serving().collect();
            return unreachable(match serving.is_empty() {
                true => format!("nothing serves in {environment}"),
                false => format!("{} serves in {environment}", serving.join(" and ")),
            });
        };
        let there = self.get::<Deployment>(Object::Deployment, &name).await?;
        if there.is_none_or(|there| there.status.available_replicas == 0) {
            return unreachable(format!("no pod of {deployment} is available in {environment}"));
        }
        // Until the gateway knows the rule with its name, the request would go to another one. It knows it before the
        // release has any weight.
        if weight == 0 {
            match route.standing(settings, &self.settings.namespace, self.clock.now()) {
                Standing::Taken => {}
                Standing::Open => return unreachable(format!("the gateway does not lead to {deployment} yet")),
                Standing::Refused(reason) => return unreachable(reason),
            }
        }
        let address = self.address_at_gateway(settings, place)?;
        self.caller.score_by(&address, Some((HEADER, &name)), body).await
    }
}
