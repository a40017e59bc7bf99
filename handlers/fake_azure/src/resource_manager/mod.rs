//! Azure Resource Manager: deployments of templates, permissions, quotas.
//!
//! ```text
//! PUT -> Accepted --10 s--> Running --50 s--> Succeeded | Failed         whatIf -> 202 --10 s--> 200
//!            `------------ cancel ----------> Canceled
//! ```
//!
//! Source: `resources/resource-manager/Microsoft.Resources/stable/2024-07-01/resources.json` in
//! [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs), and
//! [permissions](https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{Asked, Told};

mod deployment;
mod template;

use deployment::Deployment;
use template::Declared;

const API_VERSION: &str = "2024-07-01";
/// Seconds after which a plan is there.
const PLANNED_SECS: i64 = 10;
/// What a poll is asked to wait.
const RETRY_SECS: &str = "15";

/// What is there.
#[derive(Debug, Default)]
pub struct ResourceManager {
    /// Resource groups, as `subscription/group` in small letters.
    pub groups: BTreeSet<String>,
    /// Deployments by `subscription/group/name`.
    pub deployments: BTreeMap<String, Deployment>,
    /// Ids of resources that deployments made.
    pub resources: BTreeSet<String>,
    /// By resource id in small letters: what the caller may do, as the service lists it.
    pub permissions: BTreeMap<String, Vec<Value>>,
    /// What Azure Machine Learning has used up.
    pub usages: Vec<Value>,
    /// Plans by number: when each was asked for, and what it will say.
    plans: Vec<(Timestamp, Value)>,
}

impl ResourceManager {
    /// Adds a resource group.
    pub fn add_group(&mut self, subscription: &str, group: &str) {
        self.groups.insert(format!("{subscription}/{group}").to_ascii_lowercase());
    }

    /// Lets a caller do this on a resource.
    pub fn grant(&mut self, id: &str, actions: &[&str], data_actions: &[&str]) {
        let permission = json!({
            "actions": actions, "notActions": [], "dataActions": data_actions, "notDataActions": [],
        });
        self.permissions.entry(id.to_ascii_lowercase()).or_default().push(permission);
    }

    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        if !asked.header("authorization").starts_with("Bearer ") {
            return Told::error(
                401,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            );
        }
        let segments: Vec<String> = asked.path.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let version = asked.query.get("api-version").map(String::as_str).unwrap_or_default();
        match &segments[..] {
            [id @ .., "providers", "microsoft.authorization", "permissions"] => self.list_permissions(version, id),
            [.., "locations", _, "usages"] => match version {
                "2024-10-01" => Told::json(200, &json!({"value": self.usages})),
                _ => wrong_version(version),
            },
            _ if version != API_VERSION => wrong_version(version),
            ["subscriptions", _, "operationresults", number] => self.plan(asked, number),
            ["subscriptions", subscription, "resourcegroups", group, below @ ..] => {
                if !self.groups.contains(&format!("{subscription}/{group}")) {
                    let message = format!("Resource group '{group}' could not be found.");
                    return Told::error(404, "ResourceGroupNotFound", &message);
                }
                let place = Place { subscription, group };
                match below {
                    ["providers", "microsoft.resources", "deployments", _, below @ ..] => {
                        self.deployment(asked, &place, &asked.path[7], below)
                    }
                    ["deployments", _, "operations"] => self.operations(asked, &place, &asked.path[5]),
                    _ => not_known(asked),
                }
            }
            _ => not_known(asked),
        }
    }

    fn list_permissions(&self, version: &str, id: &[&str]) -> Told {
        if version != "2022-04-01" {
            return wrong_version(version);
        }
        let id = format!("/{}", id.join("/"));
        // What is granted above holds below.
        let granted =
            self.permissions.iter().filter(|(scope, _)| id == **scope || id.starts_with(&format!("{scope}/")));
        let granted: Vec<_> = granted.flat_map(|(_, permissions)| permissions.clone()).collect();
        Told::json(200, &json!({ "value": granted }))
    }

    fn deployment(&mut self, asked: &Asked<'_>, place: &Place<'_>, name: &str, below: &[&str]) -> Told {
        let key = place.key(name);
        self.advance(asked.now);
        match (asked.method, below) {
            ("GET", []) => match self.deployments.get(&key) {
                Some(deployment) => Told::json(200, &deployment.json(asked.now)),
                None => not_found(name),
            },
            ("PUT", []) => {
                let declared = match Declared::read(asked, place, false) {
                    Ok(declared) => declared,
                    Err(refusal) => return refusal,
                };
                let known = self.deployments.get(&key);
                if known.is_some_and(|known| known.is_active(asked.now)) {
                    let message = format!(
                        "Unable to edit or replace deployment '{name}': previous deployment from '{}' is still active",
                        asked.now
                    );
                    return Told::error(409, "DeploymentActive", &message);
                }
                let status = if known.is_some() { 200 } else { 201 };
                let times = known.map_or(0, |known| known.times) + 1;
                let deployment = Deployment::new(place.id(name), name, declared, asked.now, times);
                let told = Told::json(status, &deployment.json(asked.now));
                self.deployments.insert(key, deployment);
                let below = format!("{}/operationStatuses/08584{times}?api-version={API_VERSION}", place.id(name));
                let address = asked.address(asked.host) + &below;
                told.with("azure-asyncoperation", address).with("retry-after", RETRY_SECS)
            }
            ("POST", ["validate"]) => match Declared::read(asked, place, false) {
                Ok(declared) => {
                    let deployment = Deployment::new(place.id(name), name, declared, asked.now, 1);
                    Told::json(200, &deployment.validated(asked.now))
                }
                Err(refusal) => refusal,
            },
            ("POST", ["whatif"]) => match Declared::read(asked, place, true) {
                Ok(declared) => {
                    let changes: Vec<_> = declared
                        .resources
                        .iter()
                        .map(|resource| {
                            let kind = if self.resources.contains(&resource.id) { "NoChange" } else { "Create" };
                            json!({"resourceId": resource.id, "changeType": kind})
                        })
                        .collect();
                    let result = json!({"status": "Succeeded", "properties": {"changes": changes}});
                    self.plans.push((asked.now, result));
                    let base = asked.address(asked.host);
                    let address = format!(
                        "{base}/subscriptions/{}/operationresults/{}?api-version={API_VERSION}",
                        place.subscription,
                        self.plans.len()
                    );
                    Told::empty(202).with("location", address).with("retry-after", RETRY_SECS)
                }
                Err(refusal) => refusal,
            },
            ("POST", ["cancel"]) => match self.deployments.get_mut(&key) {
                None => not_found(name),
                Some(deployment) if deployment.is_active(asked.now) => {
                    deployment.canceled = true;
                    Told::empty(204)
                }
                Some(_) => {
                    let message = format!("The deployment '{name}' cannot be cancelled because it is not running.");
                    Told::error(409, "DeploymentCannotBeCancelled", &message)
                }
            },
            ("GET", ["operationstatuses", _]) => match self.deployments.get(&key) {
                Some(deployment) => Told::json(200, &json!({"status": deployment.state(asked.now)})),
                None => not_found(name),
            },
            _ => not_known(asked),
        }
    }

    /// What deployments have made by now.
    fn advance(&mut self, now: Timestamp) {
        let done = self.deployments.values().filter(|deployment| deployment.state(now) == "Succeeded");
        let made: Vec<_> =
            done.flat_map(|it| it.declared.resources.iter().map(|resource| resource.id.clone())).collect();
        self.resources.extend(made);
    }

    fn operations(&self, asked: &Asked<'_>, place: &Place<'_>, name: &str) -> Told {
        match (asked.method, self.deployments.get(&place.key(name))) {
            ("GET", Some(deployment)) => Told::json(200, &json!({"value": deployment.operations(asked.now)})),
            ("GET", None) => not_found(name),
            _ => not_known(asked),
        }
    }

    fn plan(&self, asked: &Asked<'_>, number: &str) -> Told {
        let number = number.parse::<usize>().unwrap_or_default();
        match self.plans.get(number.wrapping_sub(1)) {
            None => Told::error(404, "OperationResultNotFound", "The operation result was not found."),
            Some((at, _)) if asked.now < *at + SignedDuration::from_secs(PLANNED_SECS) => {
                let here = format!("{}/{}?api-version={API_VERSION}", asked.address(asked.host), asked.path.join("/"));
                Told::empty(202).with("location", here).with("retry-after", RETRY_SECS)
            }
            Some((_, result)) => Told::json(200, result),
        }
    }
}

/// A resource group, as the caller writes it.
struct Place<'a> {
    subscription: &'a str,
    group: &'a str,
}

impl Place<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}/{}/{}", self.subscription, self.group, name.to_ascii_lowercase())
    }

    fn above(&self) -> String {
        format!("/subscriptions/{}/resourceGroups/{}", self.subscription, self.group)
    }

    fn id(&self, name: &str) -> String {
        format!("{}/providers/Microsoft.Resources/deployments/{name}", self.above())
    }
}

fn not_found(name: &str) -> Told {
    Told::error(404, "DeploymentNotFound", &format!("Deployment '{name}' could not be found."))
}

fn not_known(asked: &Asked<'_>) -> Told {
    Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/")))
}

fn wrong_version(version: &str) -> Told {
    Told::error(400, "InvalidApiVersionParameter", &format!("The api-version '{version}' is invalid."))
}
