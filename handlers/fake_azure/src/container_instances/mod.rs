//! Azure Container Instances.
//!
//! Source: `containerInstance.json` of version 2023-05-01 in Azure/azure-rest-api-specs. A group takes its time to start and
//! to be deleted, by the clock; how its container does is what a test says of its image. A list does not say how groups do.
//! What was told it in secret it never tells.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{Asked, Told};

mod check;
mod view;

const VERSION: &str = "2023-05-01";

/// How a container does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It starts, and answers.
    #[default]
    Fine,
    /// It starts, and never answers its probe.
    Deaf,
    /// It ends as often as it is started.
    Crashes,
    /// Its image is not to be had.
    NoImage,
    /// Its image is not to be had, which the service sees at once.
    Inaccessible,
    /// It is stopped, by a person.
    Stopped,
}

/// What is there.
#[derive(Debug)]
pub struct ContainerInstances {
    pub groups: BTreeMap<String, Group>,
    /// A part of an image's reference, and how its container does; the first that fits counts.
    pub behaviours: Vec<(String, Behaviour)>,
    pub start_secs: i64,
    /// 0: a group is gone at once.
    pub delete_secs: i64,
    /// Groups in a page of a list.
    pub page: usize,
    /// What all containers say.
    pub log: String,
    operations: BTreeMap<String, Timestamp>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// As it was asked for, without its secrets.
    pub body: Value,
    /// Values that were told in secret.
    pub secrets: BTreeMap<String, String>,
    pub started: Timestamp,
    pub deleted: Option<Timestamp>,
}

impl Default for ContainerInstances {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            behaviours: Vec::new(),
            start_secs: 40,
            delete_secs: 0,
            page: 2,
            log: "Server ready\n".into(),
            operations: BTreeMap::new(),
        }
    }
}

impl ContainerInstances {
    /// Whether the container behind this host is up.
    #[must_use]
    pub fn serves(&mut self, host: &str, now: Timestamp) -> bool {
        self.forget_deleted(now);
        let found = self.groups.values().find(|group| view::fqdn(&group.body) == host);
        found.is_some_and(|group| self.behaviour(group) == Behaviour::Fine && self.is_started(group, now))
    }

    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        self.forget_deleted(asked.now);
        if asked.query.get("api-version").map(String::as_str) != Some(VERSION) {
            return Told::error(400, "InvalidApiVersionParameter", "The api-version is not one of this provider's");
        }
        let segments = asked.segments();
        let ["subscriptions", subscription, rest @ ..] = &segments[..] else { return not_found(asked) };
        match rest {
            ["providers", _, "locations", _, "operations", id] => self.operation(asked, id),
            ["resourceGroups", group, "providers", _, "containerGroups", below @ ..] => {
                let head = format!(
                    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerInstance/containerGroups"
                );
                self.below(asked, &head, below)
            }
            _ => not_found(asked),
        }
    }

    fn below(&mut self, asked: &Asked<'_>, head: &str, below: &[&str]) -> Told {
        match (asked.method, below) {
            ("GET", []) => self.list(asked, head),
            ("PUT", [name]) => self.put(asked, head, name),
            ("DELETE", [name]) => self.delete(asked, head, name),
            (_, [name, ..]) if !self.groups.contains_key(*name) => not_found(asked),
            ("GET", [name]) => Told::json(200, &self.shown(head, name, asked.now)),
            ("PATCH", [name]) => self.patch(asked, head, name),
            ("GET", [name, "containers", "scoring", "logs"]) => {
                let group = &self.groups[*name];
                if !self.is_started(group, asked.now) {
                    return transitioning(name);
                }
                Told::json(200, &json!({"content": self.log}))
            }
            _ => not_found(asked),
        }
    }

    fn list(&self, asked: &Asked<'_>, head: &str) -> Told {
        let skip: usize = asked.query.get("$skiptoken").map_or(0, |token| token.parse().unwrap());
        let shown = |name: &String| {
            let mut group = self.shown(head, name, asked.now);
            view::without_views(&mut group);
            group
        };
        let page: Vec<Value> = self.groups.keys().skip(skip).take(self.page).map(shown).collect();
        let mut answer = json!({"value": page});
        let next = skip + self.page;
        if next < self.groups.len() {
            let host = asked.address("management.azure.com");
            answer["nextLink"] = format!("{host}{head}?api-version={VERSION}&$skiptoken={next}").into();
        }
        Told::json(200, &answer)
    }

    fn put(&mut self, asked: &Asked<'_>, head: &str, name: &str) -> Told {
        if let Err(error) = check::group(name, asked.body) {
            return error;
        }
        let label = &asked.body["properties"]["ipAddress"]["dnsNameLabel"];
        let is_taken = |(other, group): (&String, &Group)| {
            other != name && group.body["properties"]["ipAddress"]["dnsNameLabel"] == *label
        };
        if self.groups.iter().any(is_taken) {
            let message = format!("The DNS name label {label} in container group '{name}' not available.");
            return Told::error(400, "DnsNameLabelNotAvailable", &message);
        }
        let before = self.groups.get(name);
        if before.is_some_and(|before| before.deleted.is_some()) {
            return transitioning(name);
        }
        if before.is_some_and(|before| !check::is_update(&before.body, asked.body)) {
            let message = format!("The updates on container group '{name}' are invalid.");
            return Told::error(400, "InvalidContainerGroupUpdate", &message);
        }
        let is_new = before.is_none();
        let (body, secrets) = view::without_secrets(asked.body);
        let group = Group { body, secrets, started: asked.now, deleted: None };
        if self.behaviour(&group) == Behaviour::Inaccessible {
            let message = format!("The image in container group '{name}' is not accessible.");
            return Told::error(400, "InaccessibleImage", &message);
        }
        self.groups.insert(name.to_owned(), group);
        let mut shown = self.shown(head, name, asked.now);
        view::without_views(&mut shown);
        let done = asked.now + SignedDuration::from_secs(self.start_secs);
        let told = Told::json(if is_new { 201 } else { 200 }, &shown);
        told.with("azure-asyncoperation", self.begin(asked, done))
    }

    fn patch(&mut self, asked: &Asked<'_>, head: &str, name: &str) -> Told {
        let tags = &asked.body["tags"];
        if let Err(error) = check::tags(tags) {
            return error;
        }
        if asked.body.as_object().unwrap().keys().any(|key| key != "tags") {
            return Told::error(400, "InvalidRequestContent", "Only tags can be updated.");
        }
        self.groups.get_mut(name).unwrap().body["tags"] = tags.clone();
        let mut shown = self.shown(head, name, asked.now);
        view::without_views(&mut shown);
        Told::json(200, &shown)
    }

    fn delete(&mut self, asked: &Asked<'_>, head: &str, name: &str) -> Told {
        let Some(group) = self.groups.get(name) else { return Told::empty(204) };
        if group.deleted.is_some() {
            return transitioning(name);
        }
        if self.delete_secs == 0 {
            let mut shown = self.shown(head, name, asked.now);
            view::without_views(&mut shown);
            self.groups.remove(name);
            return Told::json(200, &shown);
        }
        let done = asked.now + SignedDuration::from_secs(self.delete_secs);
        self.groups.get_mut(name).unwrap().deleted = Some(done);
        Told::empty(202).with("azure-asyncoperation", self.begin(asked, done)).with("retry-after", "10")
    }

    /// The address at which an operation is followed.
    fn begin(&mut self, asked: &Asked<'_>, done: Timestamp) -> String {
        let id = format!("operation-{}", self.operations.len());
        self.operations.insert(id.clone(), done);
        let host = asked.address("management.azure.com");
        let provider = "providers/Microsoft.ContainerInstance/locations/westeurope";
        format!("{host}/subscriptions/{}/{provider}/operations/{id}?api-version={VERSION}", asked.path[1])
    }

    fn operation(&self, asked: &Asked<'_>, id: &str) -> Told {
        let Some(done) = self.operations.get(id) else { return not_found(asked) };
        let status = if *done <= asked.now { "Succeeded" } else { "InProgress" };
        Told::json(200, &json!({"id": id, "status": status})).with("retry-after", "10")
    }

    fn shown(&self, head: &str, name: &str, now: Timestamp) -> Value {
        let group = &self.groups[name];
        let mut shown = view::group(group, self.behaviour(group), self.start_secs, now);
        shown["id"] = format!("{head}/{name}").into();
        shown["name"] = name.into();
        shown["type"] = "Microsoft.ContainerInstance/containerGroups".into();
        shown
    }

    fn behaviour(&self, group: &Group) -> Behaviour {
        let image = group.body["properties"]["containers"][0]["properties"]["image"].as_str().unwrap();
        let found = self.behaviours.iter().find(|(part, _)| image.contains(part.as_str()));
        found.map(|(_, behaviour)| *behaviour).unwrap_or_default()
    }

    fn is_started(&self, group: &Group, now: Timestamp) -> bool {
        now.duration_since(group.started).as_secs() >= self.start_secs
    }

    fn forget_deleted(&mut self, now: Timestamp) {
        self.groups.retain(|_, group| group.deleted.is_none_or(|at| now < at));
    }
}

fn transitioning(name: &str) -> Told {
    let message = format!("The container group '{name}' is still transitioning, please retry later.");
    Told::error(409, "ContainerGroupTransitioning", &message)
}

fn not_found(asked: &Asked<'_>) -> Told {
    let message = format!("The Resource '{}' was not found.", asked.path.join("/"));
    Told::error(404, "ResourceNotFound", &message)
}
