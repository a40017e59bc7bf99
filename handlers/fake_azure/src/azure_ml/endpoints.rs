//! Managed online endpoints of any workspace: endpoints, deployments, the environments they stand on, their operations
//! and what they answer when they are called.
//!
//! What is taken and told follows `mfe.json` of version 2024-10-01 in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{Asked, Told};

mod checks;
mod deployments;
mod told;

use told::{accepted, busy, found, gone};

const API_VERSION: &str = "2024-10-01";
/// The key of every endpoint.
pub const KEY: &str = "endpoint-secret";

/// What is there.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// How long things take.
    pub pace: Pace,
    /// What becomes of deployments of this image digest: code and message of a failure.
    pub broken: BTreeMap<String, (&'static str, &'static str)>,
    /// By name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// By name and version.
    pub environments: BTreeMap<(String, String), Value>,
    /// By id.
    operations: BTreeMap<String, Operation>,
    /// Deployments that answered a call, the newest last.
    pub called: Vec<String>,
}

/// Seconds that operations take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    pub endpoint: i64,
    pub deployment: i64,
    pub traffic: i64,
    pub deletion: i64,
}

#[derive(Debug)]
pub struct Endpoint {
    /// As it was written.
    pub body: Value,
    /// The operation that last changed it.
    operation: String,
    pub deployments: BTreeMap<String, Deployment>,
}

#[derive(Debug)]
pub struct Deployment {
    pub body: Value,
    operation: String,
}

#[derive(Debug)]
struct Operation {
    ends_at: Timestamp,
    /// `provisioningState` until then.
    meanwhile: &'static str,
    failure: Option<(&'static str, &'static str)>,
}

impl Operation {
    fn state(&self, now: Timestamp) -> &'static str {
        match self.failure {
            _ if now < self.ends_at => self.meanwhile,
            Some(_) => "Failed",
            None => "Succeeded",
        }
    }
}

impl Endpoints {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        if asked.query.get("api-version").map(String::as_str) != Some(API_VERSION) {
            return Told::error(400, "InvalidApiVersionParameter", "The api-version is not supported.");
        }
        self.tidy(asked.now);
        let segments = asked.segments();
        let below = match &segments[..] {
            ["subscriptions", _, "providers", _, "locations", _, kind, id] => return self.operation(asked, kind, id),
            ["subscriptions", _, "resourceGroups", _, "providers", _, "workspaces", _, below @ ..] => below,
            _ => return gone(),
        };
        match (asked.method, below) {
            ("GET", ["environments", name, "versions", version]) => self.environment(asked, name, version),
            ("PUT", ["environments", name, "versions", version]) => self.put_environment(asked, name, version),
            (_, ["onlineEndpoints", name]) => self.endpoint(asked, name),
            (_, ["onlineEndpoints", name, rest @ ..]) => match self.endpoints.contains_key(*name) {
                true => self.below_endpoint(asked, name, rest),
                false => gone(),
            },
            _ => gone(),
        }
    }

    fn environment(&self, asked: &Asked<'_>, name: &str, version: &str) -> Told {
        match self.environments.get(&(name.to_owned(), version.to_owned())) {
            Some(body) => Told::json(200, &found(asked, version, body, "Succeeded")),
            None => gone(),
        }
    }

    fn put_environment(&mut self, asked: &Asked<'_>, name: &str, version: &str) -> Told {
        if let Err(why) = checks::environment(name, asked.body) {
            return Told::error(400, "UserError", &why);
        }
        let key = (name.to_owned(), version.to_owned());
        match self.environments.get(&key) {
            Some(before) if before != asked.body => {
                Told::error(409, "UserError", "A version of an environment cannot be changed.")
            }
            Some(before) => Told::json(200, &found(asked, version, before, "Succeeded")),
            None => {
                self.environments.insert(key, asked.body.clone());
                Told::json(201, &found(asked, version, asked.body, "Succeeded"))
            }
        }
    }

    /// Begins an operation and answers its id.
    fn begin(
        &mut self,
        asked: &Asked<'_>,
        secs: i64,
        meanwhile: &'static str,
        failure: Option<(&'static str, &'static str)>,
    ) -> String {
        let id = format!("oe-{}", self.operations.len() + 1);
        let ends_at = asked.now.saturating_add(SignedDuration::from_secs(secs)).unwrap();
        self.operations.insert(id.clone(), Operation { ends_at, meanwhile, failure });
        id
    }

    fn state(&self, operation: &str, now: Timestamp) -> &'static str {
        self.operations[operation].state(now)
    }

    /// What has been deleted long enough is gone.
    fn tidy(&mut self, now: Timestamp) {
        let operations = &self.operations;
        let is_gone = |id: &str| operations[id].meanwhile == "Deleting" && now >= operations[id].ends_at;
        self.endpoints.retain(|_, endpoint| !is_gone(&endpoint.operation));
        for endpoint in self.endpoints.values_mut() {
            endpoint.deployments.retain(|_, deployment| !is_gone(&deployment.operation));
        }
    }

    fn operation(&self, asked: &Asked<'_>, kind: &str, id: &str) -> Told {
        let Some(operation) = self.operations.get(id) else { return gone() };
        let (state, has_ended) = (operation.state(asked.now), asked.now >= operation.ends_at);
        match kind {
            "mfeOperationsStatus" => {
                let status = if has_ended { state } else { "InProgress" };
                let mut body = json!({"id": format!("/{}", asked.path.join("/")), "name": id, "status": status});
                if let Some((code, message)) = operation.failure.filter(|_| has_ended) {
                    body["error"] = json!({"code": code, "message": message});
                }
                Told::json(200, &body)
            }
            _ if has_ended => Told::empty(204),
            _ => accepted(asked, id),
        }
    }

    fn endpoint(&mut self, asked: &Asked<'_>, name: &str) -> Told {
        match asked.method {
            "GET" => match self.endpoints.contains_key(name) {
                true => Told::json(200, &self.tell_endpoint(asked, name)),
                false => gone(),
            },
            "PUT" => self.put_endpoint(asked, name),
            _ => Told::error(405, "MethodNotAllowed", "PATCH knows tags and identity only"),
        }
    }

    fn put_endpoint(&mut self, asked: &Asked<'_>, name: &str) -> Told {
        let before = self.endpoints.get(name);
        let ready = |name: &str| {
            let deployment = before.and_then(|endpoint| endpoint.deployments.get(name));
            deployment.is_some_and(|deployment| self.state(&deployment.operation, asked.now) == "Succeeded")
        };
        if let Err(why) = checks::endpoint(name, asked.body, ready) {
            return Told::error(400, "BadRequest", &why);
        }
        if before.is_some_and(|before| self.is_busy(before, asked.now)) {
            return busy(name);
        }
        let is_new = before.is_none();
        let (secs, meanwhile) = if is_new { (self.pace.endpoint, "Creating") } else { (self.pace.traffic, "Updating") };
        let operation = self.begin(asked, secs, meanwhile, None);
        let body = asked.body.clone();
        match self.endpoints.get_mut(name) {
            Some(endpoint) => (endpoint.body, endpoint.operation) = (body, operation.clone()),
            None => {
                let endpoint = Endpoint { body, operation: operation.clone(), deployments: BTreeMap::new() };
                self.endpoints.insert(name.to_owned(), endpoint);
            }
        }
        let told = Told::json(if is_new { 201 } else { 200 }, &self.tell_endpoint(asked, name));
        told::followed(told, asked, &operation)
    }

    /// Whether the endpoint takes no other change now.
    fn is_busy(&self, endpoint: &Endpoint, now: Timestamp) -> bool {
        now < self.operations[&endpoint.operation].ends_at
    }

    fn tell_endpoint(&self, asked: &Asked<'_>, name: &str) -> Value {
        let endpoint = &self.endpoints[name];
        let mut told = found(asked, name, &endpoint.body, self.state(&endpoint.operation, asked.now));
        let location = endpoint.body["location"].as_str().unwrap();
        let address = asked.address(&format!("{name}.{location}.inference.ml.azure.com"));
        told["properties"]["scoringUri"] = format!("{address}/score").into();
        told["properties"]["swaggerUri"] = format!("{address}/swagger.json").into();
        told["properties"]["properties"]["AzureAsyncOperationUri"] =
            told::status_address(asked, &endpoint.operation).into();
        told["properties"]["keys"] = Value::Null;
        told["identity"]["principalId"] = "00000000-1111-2222-3333-444444444444".into();
        told["identity"]["tenantId"] = "00000000-1111-2222-3333-444444444444".into();
        told
    }

    /// Answers as a model does.
    pub fn score(&mut self, asked: &Asked<'_>) -> Told {
        let name = asked.host.split('.').next().unwrap();
        let Some(endpoint) = self.endpoints.get(name) else { return Told::empty(404) };
        if asked.header("authorization") != format!("Bearer {KEY}") {
            return Told::bytes(401, "text/plain", "key_auth_access_denied");
        }
        let traffic = &endpoint.body["properties"]["traffic"];
        let wanted = match asked.header("azureml-model-deployment") {
            "" => traffic.as_object().unwrap().keys().next().cloned().unwrap_or_default(),
            wanted => wanted.to_owned(),
        };
        let ready =
            endpoint.deployments.get(&wanted).is_some_and(|it| self.state(&it.operation, asked.now) == "Succeeded");
        if !ready {
            return Told::bytes(404, "text/plain", "no such deployment");
        }
        self.called.push(wanted.clone());
        Told::bytes(200, "application/json", "{\"result\": [0.0]}").with("azureml-model-deployment", wanted)
    }
}
