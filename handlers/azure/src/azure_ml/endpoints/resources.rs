//! Endpoints and deployments, as the service tells of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The tag with the moment at which a deployment was asked for.
pub(super) const APPLIED: &str = "trainyard-applied";
/// The tag with our name of a deployment.
pub(super) const DEPLOYMENT: &str = "trainyard-deployment";
/// What a deployment or endpoint says of the operation that last changed it.
const OPERATION: &str = "AzureAsyncOperationUri";

/// An endpoint, whole: it is written back as it was read.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Endpoint(pub Value);

/// A deployment, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Deployment {
    pub name: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    properties: Properties,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    provisioning_state: String,
    #[serde(default)]
    properties: Option<BTreeMap<String, Option<String>>>,
}

/// A list, one page of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub value: Vec<Deployment>,
    pub next_link: Option<String>,
}

/// How far the service is with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Settled,
    UnderWay,
    Leaving,
    Broken,
}

impl Phase {
    fn of(state: &str) -> Self {
        match state {
            "Succeeded" => Self::Settled,
            "Failed" | "Canceled" => Self::Broken,
            "Deleting" => Self::Leaving,
            // Creating, Updating, Scaling, and words to come.
            _ => Self::UnderWay,
        }
    }
}

impl Endpoint {
    pub fn phase(&self) -> Phase {
        Phase::of(self.0["properties"]["provisioningState"].as_str().unwrap_or_default())
    }

    /// Where it is called.
    pub fn scoring_uri(&self) -> Option<&str> {
        self.0["properties"]["scoringUri"].as_str()
    }

    /// Parts in a hundred of the requests that a deployment gets.
    pub fn traffic(&self, deployment: &str) -> i64 {
        self.0["properties"]["traffic"][deployment].as_i64().unwrap_or_default()
    }

    /// The deployments that get any.
    pub fn served_by(&self) -> Vec<&str> {
        let traffic = self.0["properties"]["traffic"].as_object().into_iter().flatten();
        traffic.filter(|(_, part)| part.as_i64().unwrap_or_default() > 0).map(|(name, _)| name.as_str()).collect()
    }

    /// The same with this traffic, to be written: without what only the service writes, and without nulls, of which it
    /// tells and which it does not take. Nothing is mirrored, for the others are about to go.
    pub fn with_traffic(&self, traffic: &[(&str, i64)]) -> Value {
        let mut whole = without_nulls(self.0.clone());
        if let Some(members) = whole.as_object_mut() {
            members.retain(|name, _| {
                matches!(name.as_str(), "location" | "tags" | "kind" | "sku" | "identity" | "properties")
            });
        }
        if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
            for read_only in ["provisioningState", "scoringUri", "swaggerUri", "keys", "mirrorTraffic"] {
                properties.remove(read_only);
            }
            let traffic: Map<String, Value> =
                traffic.iter().map(|(name, part)| ((*name).into(), (*part).into())).collect();
            properties.insert("traffic".into(), traffic.into());
        }
        if let Some(identity) = whole.get_mut("identity").and_then(Value::as_object_mut) {
            identity.retain(|name, _| matches!(name.as_str(), "type" | "userAssignedIdentities"));
            for of_user in
                identity.get_mut("userAssignedIdentities").and_then(Value::as_object_mut).into_iter().flatten()
            {
                *of_user.1 = json!({});
            }
        }
        whole
    }
}

impl Deployment {
    pub fn phase(&self) -> Phase {
        Phase::of(&self.properties.provisioning_state)
    }

    /// When it was asked for. None: it is not ours.
    pub fn applied(&self) -> Option<Timestamp> {
        self.tags.get(APPLIED)?.parse().ok()
    }

    /// What we call it.
    pub fn known_as(&self) -> &str {
        self.tags.get(DEPLOYMENT).map_or(&self.name, String::as_str)
    }

    /// Where it is told how the service fared with it.
    pub fn operation(&self) -> Option<&str> {
        self.properties.properties.as_ref()?.get(OPERATION)?.as_deref()
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            there.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_back_without_what_only_the_service_writes() {
        let read = json!({
            "id": "/subscriptions/s", "name": "e", "type": "t", "systemData": {}, "location": "westeurope",
            "tags": {"team": "ml"}, "kind": null, "sku": null,
            "identity": {
                "type": "SystemAssigned,UserAssigned", "principalId": "p", "tenantId": "t",
                "userAssignedIdentities": {"/id": {"principalId": "p", "clientId": "c"}},
            },
            "properties": {
                "authMode": "Key", "keys": null, "scoringUri": "https://e", "swaggerUri": "https://s",
                "provisioningState": "Succeeded", "traffic": {"old": 100}, "mirrorTraffic": {"old": 10},
                "publicNetworkAccess": "Enabled", "properties": {"a": "b"}, "description": "by hand", "compute": null,
            },
        });
        let written = json!({
            "location": "westeurope", "tags": {"team": "ml"},
            "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/id": {}}},
            "properties": {
                "authMode": "Key", "traffic": {"new": 100}, "publicNetworkAccess": "Enabled", "properties": {"a": "b"},
                "description": "by hand",
            },
        });
        assert_eq!(Endpoint(read).with_traffic(&[("new", 100)]), written);
    }
}
