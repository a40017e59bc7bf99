//! Objects as the API server shows them. What this product has no use for is left out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{OF_DEPLOYMENT, STARTED_AT, WANTED};

/// A page of objects.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub(super) struct List<T> {
    #[serde(default)]
    pub metadata: ListMeta,
    pub items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ListMeta {
    /// Empty on the last page.
    #[serde(default, rename = "continue")]
    pub go_on: String,
}

/// What all objects have.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub name: String,
    pub annotations: BTreeMap<String, String>,
    pub resource_version: String,
    pub generation: i64,
    pub creation_timestamp: Option<String>,
}

/// A Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub metadata: Meta,
    spec: ServiceSpec,
    status: ServiceStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    selector: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceStatus {
    load_balancer: LoadBalancer,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    ingress: Vec<Ingress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Ingress {
    ip: Option<String>,
    hostname: Option<String>,
}

impl Service {
    /// The Deployment that has the requests.
    pub fn selected(&self) -> Option<&str> {
        self.spec.selector.get(OF_DEPLOYMENT).map(String::as_str)
    }

    /// The Deployment that was asked for last.
    pub fn wanted(&self) -> Option<&str> {
        self.metadata.annotations.get(WANTED).map(String::as_str)
    }

    /// The address that its load balancer gave it.
    pub fn address(&self) -> Option<&str> {
        self.status.load_balancer.ingress.iter().find_map(|it| it.hostname.as_deref().or(it.ip.as_deref()))
    }
}

/// A Deployment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Deployment {
    pub metadata: Meta,
    pub spec: DeploymentSpec,
    pub status: DeploymentStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentSpec {
    pub replicas: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DeploymentStatus {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    pub available_replicas: i64,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
}

/// How far a Deployment has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rollout {
    /// It has no pods, and is to have none.
    AtRest,
    /// It goes on.
    Running,
    /// All pods are there, new and available.
    Done,
    /// There was no progress for too long; with the controller's words.
    Stuck(String),
}

impl Deployment {
    /// When it was started last.
    pub fn started_at(&self) -> Timestamp {
        let said = self.metadata.annotations.get(STARTED_AT).and_then(|text| text.parse().ok());
        said.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub fn rollout(&self) -> Rollout {
        let Self { metadata, spec, status } = self;
        if spec.replicas == 0 {
            return Rollout::AtRest;
        }
        // What is said of an older generation is not about this one.
        if status.observed_generation < metadata.generation {
            return Rollout::Running;
        }
        let is_stuck = |it: &&Condition| {
            it.r#type == "Progressing" && it.status == "False" && it.reason == "ProgressDeadlineExceeded"
        };
        if let Some(condition) = status.conditions.iter().find(is_stuck) {
            return Rollout::Stuck(condition.message.clone());
        }
        let counts = [status.updated_replicas, status.replicas, status.available_replicas];
        if counts == [spec.replicas; 3] { Rollout::Done } else { Rollout::Running }
    }
}
