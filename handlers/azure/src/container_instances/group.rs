//! A container group as the service shows it, and what that means.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text;

/// Tags that say whose a group is.
pub(super) const PROJECT: &str = "trainyard-project";
pub(super) const ENVIRONMENT: &str = "trainyard-environment";
pub(super) const DEPLOYMENT: &str = "trainyard-deployment";
/// When it was asked for.
pub(super) const APPLIED: &str = "trainyard-applied";
/// When it took over the environment; not there before.
pub(super) const SERVING: &str = "trainyard-serving";

/// So often a container ends before it is given up.
const RESTARTS: u64 = 3;
/// So often an image is tried before it is given up.
const PULLS: u64 = 3;
/// Characters of the service's own words.
const WORDS_MAX: usize = 300;

/// A group. What this product has no use for is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    pub name: String,
    /// Null where there are none.
    tags: Option<BTreeMap<String, String>>,
    properties: Properties,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    provisioning_state: Option<String>,
    instance_view: Option<GroupView>,
    containers: Vec<Container>,
    ip_address: Option<IpAddress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct GroupView {
    state: Option<String>,
    events: Option<Vec<Event>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct IpAddress {
    fqdn: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    properties: ContainerProperties,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerProperties {
    image: String,
    instance_view: Option<ContainerView>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerView {
    restart_count: Option<u64>,
    current_state: Option<State>,
    previous_state: Option<State>,
    events: Option<Vec<Event>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct State {
    state: Option<String>,
    exit_code: Option<i64>,
    detail_status: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Event {
    name: Option<String>,
    message: Option<String>,
    count: Option<u64>,
    r#type: Option<String>,
}

/// How a group does, apart from who serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    Starting,
    Running,
    Failed(String),
}

/// What a group's tags say of its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Turn {
    pub applied: Timestamp,
    pub serving: Option<Timestamp>,
    /// Tells groups of one moment apart.
    pub name: String,
}

impl Turn {
    /// Whether the other has taken this one's place, or is about to when this one never had it.
    pub fn is_over(&self, other: &Self) -> bool {
        match self.serving {
            Some(serving) => other.serving.is_some_and(|since| (since, &other.name) > (serving, &self.name)),
            None => self.is_older(other),
        }
    }

    /// Whether the other was asked for later.
    pub fn is_older(&self, other: &Self) -> bool {
        (other.applied, &other.name) > (self.applied, &self.name)
    }
}

impl Group {
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.as_ref()?.get(name).map(String::as_str)
    }

    /// All tags and one more.
    pub fn tagged(&self, name: &str, value: String) -> Value {
        let mut tags = self.tags.clone().unwrap_or_default();
        tags.insert(name.to_owned(), value);
        serde_json::json!(tags)
    }

    pub fn turn(&self) -> Turn {
        let moment = |tag| self.tag(tag).and_then(|text| text.parse().ok());
        let applied = moment(APPLIED).unwrap_or(Timestamp::UNIX_EPOCH);
        Turn { applied, serving: moment(SERVING), name: self.name.to_ascii_lowercase() }
    }

    pub fn fqdn(&self) -> Option<&str> {
        self.properties.ip_address.as_ref()?.fqdn.as_deref()
    }

    /// How it does.
    pub fn health(&self) -> Health {
        let Properties { provisioning_state, instance_view, containers, .. } = &self.properties;
        let provisioning = provisioning_state.as_deref().unwrap_or_default();
        let state = instance_view.as_ref().and_then(|view| view.state.as_deref()).unwrap_or_default();
        if let Some(why) = containers.iter().find_map(Container::trouble) {
            return Health::Failed(why);
        }
        if provisioning == "Failed" || matches!(state, "Failed" | "Stopped" | "Succeeded") {
            let state = if provisioning == "Failed" { "could not be made" } else { "is stopped" };
            let events = instance_view.iter().filter_map(|view| view.events.as_ref());
            let views = containers.iter().filter_map(|container| container.properties.instance_view.as_ref());
            let events = events.chain(views.filter_map(|view| view.events.as_ref())).flatten();
            let said = last_words(events).map(|words| format!(": {words}")).unwrap_or_default();
            return Health::Failed(format!("the container group {} {state}{said}", self.name));
        }
        let runs = containers.iter().all(|container| container.state() == "Running");
        match runs && !containers.is_empty() && provisioning == "Succeeded" && state == "Running" {
            true => Health::Running,
            false => Health::Starting,
        }
    }
}

impl Container {
    fn state(&self) -> &str {
        let view = self.properties.instance_view.as_ref();
        view.and_then(|view| view.current_state.as_ref()?.state.as_deref()).unwrap_or_default()
    }

    /// Why it will not run, if that is so.
    fn trouble(&self) -> Option<String> {
        let view = self.properties.instance_view.as_ref()?;
        let events = view.events.as_deref().unwrap_or_default();
        if self.state() == "Running" {
            return None;
        }
        let restarts = view.restart_count.unwrap_or_default();
        if restarts >= RESTARTS {
            let before = view.previous_state.as_ref();
            let code = before.and_then(|state| state.exit_code);
            let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            let detail = before.and_then(|state| state.detail_status.as_deref()).filter(|text| !text.is_empty());
            let detail = detail.map(|text| format!(" ({})", text::first(text, WORDS_MAX))).unwrap_or_default();
            let reason =
                format!("the container {} ended{code}{detail} and was started {restarts} times again", self.name);
            return Some(format!("{reason}; its log says why"));
        }
        let was_pulled = events.iter().any(|event| event.name.as_deref() == Some("Pulled"));
        let refused = events.iter().filter(|event| !was_pulled && event.is_failed_pull());
        let times: u64 = refused.clone().map(|event| event.count.unwrap_or(1)).sum();
        if times >= PULLS {
            let said = last_words(refused).unwrap_or_default();
            return Some(format!(
                "the image {} cannot be pulled: {said}. Check that it is there, and that whoever pulls it may \
                 (AcrPull on the registry)",
                self.properties.image
            ));
        }
        None
    }
}

impl Event {
    fn is_failed_pull(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        self.name.as_deref() == Some("Failed") && (message.contains("pull") || message.contains("image"))
    }
}

/// What was said last of what went wrong; if nothing did, what was said last.
fn last_words<'a>(events: impl Iterator<Item = &'a Event> + Clone) -> Option<String> {
    let is_warning = |event: &&Event| event.r#type.as_deref() == Some("Warning");
    let event = events.clone().filter(is_warning).last().or_else(|| events.last())?;
    Some(text::first(event.message.as_deref()?, WORDS_MAX))
}
