//! Objects and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Deployment,
    HttpRoute,
    Pod,
    Secret,
    Service,
}

impl Kind {
    pub fn of(root: &str, plural: &str) -> Option<Self> {
        match (root, plural) {
            ("apis", "deployments") => Some(Self::Deployment),
            ("apis", "httproutes") => Some(Self::HttpRoute),
            ("api", "pods") => Some(Self::Pod),
            ("api", "secrets") => Some(Self::Secret),
            ("api", "services") => Some(Self::Service),
            _ => None,
        }
    }

    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::HttpRoute => "httproutes",
            Self::Pod => "pods",
            Self::Secret => "secrets",
            Self::Service => "services",
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::HttpRoute => "HTTPRoute",
            Self::Pod => "Pod",
            Self::Secret => "Secret",
            Self::Service => "Service",
        }
    }

    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Deployment => "apps/v1",
            Self::HttpRoute => "gateway.networking.k8s.io/v1",
            Self::Pod | Self::Secret | Self::Service => "v1",
        }
    }
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    pub value: Value,
    /// Which manager wrote which fields, as JSON pointers.
    pub owners: BTreeMap<String, BTreeSet<String>>,
    pub created: Timestamp,
    /// When its pods were last wanted anew; of a route, when it was changed.
    pub since: Timestamp,
    /// The spec that a route had before its last change.
    pub before: Value,
}
