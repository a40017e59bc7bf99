//! The way to a cluster's API server.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::Result;
use serde::Deserialize;

use super::kubeconfig::{self, Unfit};
use super::{Kubernetes, KubernetesSettings, SERVICE};
use crate::http::{self, Body, Call, CallError, Client, Patience, Right, Transport};
use crate::{resource_id, roles};

const API_VERSION: (&str, &str) = ("api-version", "2024-09-01");
/// For so long an address is believed. A cluster that is made anew has another one.
const BELIEVED: SignedDuration = SignedDuration::from_mins(30);

const FIND: Right = Right::role("find the cluster", roles::CLUSTER);

/// A cluster that was found.
#[derive(Debug)]
pub(super) struct Cluster {
    pub client: Client,
    pub base: Url,
    until: Timestamp,
}

/// What the service answers.
#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    kubeconfigs: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(default)]
    value: String,
}

impl Kubernetes {
    /// The cluster, found anew from time to time.
    pub(super) async fn cluster(&self) -> Result<Arc<Cluster>, CallError> {
        let mut kept = self.cluster.lock().await;
        if let Some(cluster) = kept.as_ref().filter(|cluster| self.clock.now() < cluster.until) {
            return Ok(cluster.clone());
        }
        let cluster = Arc::new(self.find().await?);
        *kept = Some(cluster.clone());
        Ok(cluster)
    }

    /// Has the cluster found anew at the next call: this one was not reached where it was.
    pub(super) async fn forget(&self) {
        *self.cluster.lock().await = None;
    }

    async fn find(&self) -> Result<Cluster, CallError> {
        let KubernetesSettings { cluster, timeout_secs, .. } = &self.settings;
        let id = self.settings.resource_id();
        let segments = [&resource_id::segments(&id)[..], &["listClusterUserCredential"]].concat();
        let url = http::join(&self.base, &segments, &[API_VERSION, ("format", "exec")]);
        let found: Credentials = self.manager.read(Call::new(Method::POST, url, Body::Nothing, &FIND)).await?;

        let refused = |reason: String| CallError::refused(SERVICE, reason);
        let value = found.kubeconfigs.first().map(|credential| credential.value.as_str()).unwrap_or_default();
        let whereabouts = kubeconfig::read(value).map_err(|unfit| match unfit {
            Unfit::OpensByItself => refused(format!(
                "the cluster {cluster} hands out its administrator's credentials, for it is not integrated with Microsoft \
                 Entra ID; they are not used. Switch the integration on (az aks update --enable-aad --enable-azure-rbac) \
                 and give the identity the role Azure Kubernetes Service RBAC Writer on the namespace"
            )),
            Unfit::Unreadable(why) => refused(format!("the kubeconfig of the cluster {cluster} cannot be used: {why}")),
        })?;
        let base = http::address("the address of the API server", &whereabouts.server);
        let base = base.map_err(|error| CallError::of_port(SERVICE, error))?;
        // A token goes over the open only where all else does, in tests.
        if base.scheme() != "https" && self.base.scheme() == "https" {
            return Err(refused(format!("the API server of the cluster {cluster} is not called over https")));
        }
        let mut transport = Transport::to(&[&base], *timeout_secs);
        match whereabouts.authority {
            Some(authority) => transport = transport.trusting(authority),
            None => return Err(refused(format!("the kubeconfig of the cluster {cluster} names no authority"))),
        }
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let client = Client::new(SERVICE, transport, headers, self.credential.clone(), self.clock.clone());
        let client = client.with_patience(Patience::SHORT);
        Ok(Cluster { client, base, until: self.clock.now() + BELIEVED })
    }
}
