//! Objects and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Deployment,
    Pod,
    Secret,
    Service,
}

impl Kind {
    pub fn of(root: &str, plural: &str) -> Option<Self> {
        match (root, plural) {
            ("apis", "deployments") => Some(Self::Deployment),
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
            Self::Pod => "pods",
            Self::Secret => "secrets",
            Self::Service => "services",
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Pod => "Pod",
            Self::Secret => "Secret",
            Self::Service => "Service",
        }
    }

    #[must_use]
    pub fn api_version(self) -> &'static str {
        if self == Self::Deployment { "apps/v1" } else { "v1" }
    }
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    pub value: Value,
    /// Which manager wrote which fields, as JSON pointers.
    pub owners: BTreeMap<String, BTreeSet<String>>,
    pub created: Timestamp,
    /// When its pods were last wanted anew.
    pub since: Timestamp,
}
