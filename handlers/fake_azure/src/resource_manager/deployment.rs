//! A deployment and its states.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::template::{Declared, Resource};

/// Seconds after which it works, and after which it is done.
const RUNNING_SECS: i64 = 10;
const DONE_SECS: i64 = 60;

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    id: String,
    name: String,
    pub declared: Declared,
    put_at: Timestamp,
    pub canceled: bool,
    /// How often it was put.
    pub times: usize,
}

impl Deployment {
    pub(super) fn new(id: String, name: &str, declared: Declared, put_at: Timestamp, times: usize) -> Self {
        Self { id, name: name.to_owned(), declared, put_at, canceled: false, times }
    }

    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        let since = now.duration_since(self.put_at);
        match () {
            () if self.canceled => "Canceled",
            () if since < SignedDuration::from_secs(RUNNING_SECS) => "Accepted",
            () if since < SignedDuration::from_secs(DONE_SECS) => "Running",
            () if self.broken().is_some() => "Failed",
            () => "Succeeded",
        }
    }

    pub(super) fn is_active(&self, now: Timestamp) -> bool {
        matches!(self.state(now), "Accepted" | "Running")
    }

    fn broken(&self) -> Option<&Resource> {
        self.declared.resources.iter().find(|resource| resource.is_broken)
    }

    pub(super) fn json(&self, now: Timestamp) -> Value {
        let state = self.state(now);
        let mut properties = json!({
            "provisioningState": state, "mode": "Incremental", "templateHash": self.declared.hash,
            "parameters": self.declared.parameters, "timestamp": self.put_at.to_string(), "duration": "PT1M",
            "correlationId": "9c1f7a0e-0e5b-4f2a-8b6d-3a2f1c0d9e8b", "providers": [], "dependencies": [],
        });
        if state == "Succeeded" {
            properties["outputs"] = self.declared.outputs.clone();
            let ids: Vec<_> = self.declared.resources.iter().map(|resource| json!({"id": resource.id})).collect();
            properties["outputResources"] = ids.into();
        }
        if state == "Failed" {
            properties["error"] = json!({
                "code": "DeploymentFailed", "target": self.id,
                "message": "At least one resource deployment operation failed. Please list deployment operations for details.",
            });
        }
        let mut deployment = json!({
            "id": self.id, "name": self.name, "type": "Microsoft.Resources/deployments", "properties": properties,
        });
        if let Some(tags) = &self.declared.tags {
            deployment["tags"] = tags.clone();
        }
        deployment
    }

    /// What a validation says of it.
    pub(super) fn validated(&self, now: Timestamp) -> Value {
        let mut deployment = self.json(now);
        deployment["properties"]["provisioningState"] = "Succeeded".into();
        let ids: Vec<_> = self.declared.resources.iter().map(|resource| json!({"id": resource.id})).collect();
        deployment["properties"]["validatedResources"] = ids.into();
        deployment
    }

    pub(super) fn operations(&self, now: Timestamp) -> Vec<Value> {
        let state = self.state(now);
        let operation = |(nth, resource): (usize, &Resource)| {
            let is_broken = resource.is_broken && state == "Failed";
            let mut properties = json!({
                "provisioningOperation": "Create", "timestamp": now.to_string(), "duration": "PT20S",
                "provisioningState": if state == "Failed" && !is_broken { "Succeeded" } else { state },
                "statusCode": if is_broken { "Conflict" } else { "OK" },
                "targetResource": {
                    "id": resource.id, "resourceType": resource.kind, "resourceName": resource.name,
                },
            });
            if is_broken {
                let inner = json!({"code": "SkuNotAvailable", "message": "The requested size is not available here."});
                let outer = json!({"code": "ResourceDeploymentFailure", "message": "It failed.", "details": [inner]});
                properties["statusMessage"] = json!({"status": "Failed", "error": outer});
            }
            json!({"id": format!("{}/operations/{nth}", self.id), "operationId": nth.to_string(), "properties": properties})
        };
        self.declared.resources.iter().enumerate().map(operation).collect()
    }
}
