//! Azure Kubernetes Service: a Deployment for each release, and one Service for each environment whose selector says
//! which release has its requests.
//!
//! ```text
//! apply   Service: annotation trainyard/wanted = this release, selector as it was; then its Deployment
//! status  rolled out, and still the one that is wanted: Service: selector = this release (one write);
//!         then the others are scaled to 0, and all but the last few deleted --> Ready
//! remove  not wanted any more: Service: annotation = whoever has the requests; then its Deployment is deleted
//! call    the Service selects it: POST <address of the Service>/score
//! ```
//!
//! A question about an old release changes nothing: only the release that was asked for last is switched to. The Service is
//! written at the version that was read, so two who write at once do not undo each other. Pods that lost the requests
//! first finish what they have: they are told to stop a while after no new ones come. The way back is the same way: an
//! apply of the old release scales it up again, and then it is switched to.
//!
//! With `route` in the settings a gateway gives the requests to releases by weights instead, in steps: see `route/`.
//!
//! Of the cluster's credentials only its address and its authority are used; the token is the identity's own, for the
//! cluster. A cluster that hands out its administrator's certificate instead is refused.
//!
//! Sources: `managedClusters.json` of version 2024-09-01 in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs), folder `containerservice`, and the
//! OpenAPI file of the API server, `swagger.json` in
//! [kubernetes-client/python](https://github.com/kubernetes-client/python).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pipeline::names::{DeploymentName, EnvironmentName, Project};
use reqwest::Url;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, Client, Patience, Transport};
use crate::resource_id;
use crate::serving::{ApiKey, Caller, ImageSettings, Puller, ServingParts, filled, name};

mod api;
mod bodies;
mod cluster;
mod deployments;
mod kubeconfig;
mod objects;
mod pods;
mod route;
mod switch;

pub use route::RouteSettings;

use cluster::Cluster;

const SERVICE: &str = "Azure Kubernetes Service";
/// Characters of a name, at most: what a cluster appends for a pod has to fit a label, too.
const NAME_MAX: usize = 46;
/// The label with the name of the Service that an object belongs to.
const OF_SERVICE: &str = "trainyard/service";
/// The label with the name of the Deployment that an object belongs to.
const OF_DEPLOYMENT: &str = "trainyard/deployment";
/// The annotation of a Service with the name of the Deployment that was asked for last.
const WANTED: &str = "trainyard/wanted";
/// The annotation with the time at which a Deployment was started.
const STARTED_AT: &str = "trainyard/started-at";
/// What a Service selects before there is anything to select.
const NOBODY: &str = "nobody";

/// A cluster, and how releases are run in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group of the cluster.
    pub resource_group: String,
    /// The cluster's name.
    pub cluster: String,
    /// The namespace in which everything is made. It must be there.
    pub namespace: String,
    /// Where images are pulled from. The cluster's kubelet identity needs AcrPull there.
    pub image: ImageSettings,
    /// Pods of a release.
    #[serde(default = "replicas")]
    pub replicas: u32,
    /// How long a release may make no progress before it has failed.
    #[serde(default = "progress_deadline_secs")]
    pub progress_deadline_secs: u32,
    /// Releases that stay in the cluster without pods after they were replaced; older ones are deleted.
    #[serde(default = "kept_releases")]
    pub kept_releases: usize,
    /// Who reaches the Service. With `route` only the gateway does, and this is left out.
    #[serde(default)]
    pub service: ServiceKind,
    /// More annotations of the Service; with `route`, of each release's.
    #[serde(default)]
    pub service_annotations: BTreeMap<String, String>,
    /// Where a Service is called: `{address}` stands for the address that its load balancer gave it, `{service}`,
    /// `{project}` and `{environment}` for their names. With `route`: where the gateway is called, without the path.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// The gateway that shares requests out between releases, where the cluster has the Gateway API. Without it a
    /// release gets all of them at once, by the selector of a Service.
    #[serde(default)]
    pub route: Option<RouteSettings>,
    /// The key that callers have to show, if the image asks for one.
    #[serde(default)]
    pub api_key: Option<ApiKey>,
    /// The address of Azure Resource Manager.
    #[serde(default = "cloud")]
    pub base: String,
    /// How long one call of the service may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// How long the answer of a model may take.
    #[serde(default = "answer_timeout_secs")]
    pub answer_timeout_secs: u64,
}

/// Who reaches a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// Who is in the virtual network.
    #[default]
    InternalLoadBalancer,
    /// Everybody.
    PublicLoadBalancer,
    /// Who is in the cluster; a gateway stands before it, and `endpoint` is the gateway's.
    ClusterIp,
}

impl KubernetesSettings {
    /// The cluster's id.
    #[must_use]
    pub fn resource_id(&self) -> String {
        let Self { subscription, resource_group, cluster, .. } = self;
        resource_id::resource(subscription, resource_group, "Microsoft.ContainerService/managedClusters", cluster)
    }

    /// The id of the namespace: that of the cluster's part in which roles are granted.
    #[must_use]
    pub fn namespace_id(&self) -> String {
        format!("{}/namespaces/{}", self.resource_id(), self.namespace)
    }
}

fn replicas() -> u32 {
    2
}

fn progress_deadline_secs() -> u32 {
    600
}

fn kept_releases() -> usize {
    5
}

fn endpoint() -> String {
    "http://{address}".into()
}

fn cloud() -> String {
    "https://management.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn answer_timeout_secs() -> u64 {
    60
}

/// Releases in a cluster.
#[derive(Debug)]
pub struct Kubernetes {
    /// Azure Resource Manager, which knows where the cluster is.
    manager: Client,
    /// For the cluster itself.
    credential: Arc<dyn Credential>,
    clock: Arc<dyn Clock>,
    cluster: tokio::sync::Mutex<Option<Arc<Cluster>>>,
    settings: KubernetesSettings,
    base: Url,
    puller: Puller,
    caller: Caller,
}

/// An environment of a project, and what its objects are called.
#[derive(Debug, Clone)]
struct Place<'a> {
    project: &'a Project,
    environment: &'a EnvironmentName,
    /// The name of its Service.
    service: String,
}

impl<'a> Place<'a> {
    fn of(project: &'a Project, environment: &'a EnvironmentName) -> Self {
        let readable = format!("{project}-{environment}");
        let service = name(&[project.as_str(), environment.as_str(), &readable], NAME_MAX);
        Self { project, environment, service }
    }

    /// The name of a release's Deployment.
    fn deployment(&self, deployment: &DeploymentName) -> String {
        name(&[self.project.as_str(), self.environment.as_str(), deployment.as_str()], NAME_MAX)
    }
}

impl Kubernetes {
    /// The resource by which tokens for a cluster's API server are asked for; the scope is `{it}/.default`.
    pub const RESOURCE: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

    /// The cluster that these settings are about. `manager` opens Azure Resource Manager, `credential` the cluster (a token
    /// for [`RESOURCE`](Self::RESOURCE)).
    ///
    /// # Errors
    ///
    /// An address is none, or a setting is missing.
    pub fn new(
        settings: KubernetesSettings,
        manager: Arc<dyn Credential>,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        parts: ServingParts,
    ) -> Result<Self> {
        let wrong = |reason: String| PortError::permanent("settings", reason);
        let named = [
            ("subscription", &settings.subscription),
            ("resource_group", &settings.resource_group),
            ("cluster", &settings.cluster),
            ("namespace", &settings.namespace),
        ];
        for (what, text) in named {
            if matches!(text.trim(), "" | "." | "..") || text.contains('/') {
                return Err(wrong(format!("`{what}` of Kubernetes is {text:?}, which is no name")));
            }
        }
        if let Some(route) = &settings.route {
            route.check()?;
            if settings.service == ServiceKind::PublicLoadBalancer || settings.endpoint.contains("{address}") {
                let reason = "with `route` of Kubernetes requests come through the gateway: leave `service` out, and set \
                              `endpoint` to where the gateway is called";
                return Err(wrong(reason.into()));
            }
        }
        if settings.service == ServiceKind::ClusterIp && settings.endpoint.contains("{address}") {
            let reason =
                "a Service of the kind cluster_ip gets no address: set `endpoint` to where its gateway is called";
            return Err(wrong(reason.into()));
        }
        let base = http::address("the address of Azure Resource Manager", &settings.base)?;
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let manager = Client::new(SERVICE, transport, HeaderMap::new(), manager, clock.clone());
        let manager = manager.with_patience(Patience::SHORT);
        let example = [("address", "10.0.0.1"), ("service", "s"), ("project", "p"), ("environment", "e")];
        let example = http::address("`endpoint` of Kubernetes", &filled(&settings.endpoint, &example))?;
        let ServingParts { promote, secrets } = parts;
        let puller = Puller::new(settings.image.clone(), promote)?;
        let caller = Caller::new(SERVICE, &example, settings.answer_timeout_secs, settings.api_key.clone(), secrets)?;
        let cluster = tokio::sync::Mutex::default();
        Ok(Self { manager, credential, clock, cluster, settings, base, puller, caller })
    }
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {}/{}", self.settings.cluster, self.settings.namespace)
    }
}
