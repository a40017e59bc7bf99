//! Deployments in an endpoint.

use serde_json::{Value, json};

use super::told::{self, accepted, busy, found, gone};
use super::{Deployment, Endpoints, KEY, checks};
use crate::{Asked, Told};

impl Endpoints {
    pub(super) fn below_endpoint(&mut self, asked: &Asked<'_>, name: &str, below: &[&str]) -> Told {
        match (asked.method, below) {
            ("GET", ["deployments"]) => {
                let all: Vec<_> = self.endpoints[name].deployments.keys().cloned().collect();
                let all: Vec<_> = all.iter().map(|deployment| self.tell_deployment(asked, name, deployment)).collect();
                Told::json(200, &json!({"value": all}))
            }
            ("POST", ["listKeys"]) => {
                Told::json(200, &json!({"primaryKey": KEY, "secondaryKey": "another-endpoint-secret"}))
            }
            ("PUT", ["deployments", deployment]) => self.put_deployment(asked, name, deployment),
            (_, ["deployments", deployment, ..]) if !self.endpoints[name].deployments.contains_key(*deployment) => {
                if asked.method == "DELETE" {
                    Told::empty(204)
                } else {
                    gone()
                }
            }
            ("GET", ["deployments", deployment]) => Told::json(200, &self.tell_deployment(asked, name, deployment)),
            ("DELETE", ["deployments", deployment]) => self.delete_deployment(asked, name, deployment),
            ("POST", ["deployments", deployment, "getLogs"]) => {
                if !matches!(asked.body["containerType"].as_str(), Some("InferenceServer" | "StorageInitializer")) {
                    return Told::error(400, "UserError", "containerType");
                }
                let text = format!("Instance status:\nSystemSetup: Succeeded\n{deployment} listens on 5001\n");
                Told::json(200, &json!({"content": text}))
            }
            _ => gone(),
        }
    }

    fn put_deployment(&mut self, asked: &Asked<'_>, name: &str, deployment: &str) -> Told {
        let environment = |id: &str| {
            let (_, rest) = id.split_once("/environments/")?;
            let (name, version) = rest.split_once("/versions/")?;
            self.environments.get(&(name.to_owned(), version.to_owned()))
        };
        let environment = match checks::deployment(deployment, asked.body) {
            Err(why) => return Told::error(400, "BadRequest", &why),
            Ok(id) => environment(id),
        };
        let Some(environment) = environment else {
            return Told::error(400, "UserError", "The environment of the deployment does not exist.");
        };
        let endpoint = &self.endpoints[name];
        let before = endpoint.deployments.get(deployment);
        let is_changing = before.is_some_and(|before| asked.now < self.operations[&before.operation].ends_at);
        if is_changing || self.is_busy(endpoint, asked.now) || self.state(&endpoint.operation, asked.now) == "Failed" {
            return busy(name);
        }
        let image = environment["properties"]["image"].as_str().unwrap();
        let failure = self.broken.iter().find(|(digest, _)| image.ends_with(digest.as_str())).map(|(_, why)| *why);
        let is_new = before.is_none();
        let meanwhile = if is_new { "Creating" } else { "Updating" };
        let operation = self.begin(asked, self.pace.deployment, meanwhile, failure);
        let made = Deployment { body: asked.body.clone(), operation: operation.clone() };
        self.endpoints.get_mut(name).unwrap().deployments.insert(deployment.to_owned(), made);
        let told = Told::json(if is_new { 201 } else { 200 }, &self.tell_deployment(asked, name, deployment));
        told::followed(told, asked, &operation)
    }

    fn delete_deployment(&mut self, asked: &Asked<'_>, name: &str, deployment: &str) -> Told {
        let endpoint = &self.endpoints[name];
        if endpoint.body["properties"]["traffic"][deployment].as_i64().unwrap_or_default() > 0 {
            return Told::error(400, "BadRequest", "Cannot delete a deployment that has traffic.");
        }
        let is_changing = asked.now < self.operations[&endpoint.deployments[deployment].operation].ends_at;
        if is_changing || self.is_busy(endpoint, asked.now) {
            return busy(name);
        }
        let operation = self.begin(asked, self.pace.deletion, "Deleting", None);
        self.endpoints.get_mut(name).unwrap().deployments.get_mut(deployment).unwrap().operation.clone_from(&operation);
        accepted(asked, &operation)
    }

    fn tell_deployment(&self, asked: &Asked<'_>, name: &str, deployment: &str) -> Value {
        let made = &self.endpoints[name].deployments[deployment];
        let mut told = found(asked, deployment, &made.body, self.state(&made.operation, asked.now));
        told["properties"]["properties"]["AzureAsyncOperationUri"] =
            told::status_address(asked, &made.operation).into();
        told["id"] = format!("/subscriptions/s/onlineEndpoints/{name}/deployments/{deployment}").into();
        told
    }
}
