//! An `HTTPRoute`, as far as it is read, and what its gateway says of it.

use jiff::Timestamp;
use serde::Deserialize;

use super::RouteSettings;
use crate::kubernetes::WANTED;
use crate::kubernetes::objects::Meta;
use crate::text;

/// The annotation with the time at which weights were changed last.
pub(super) const SHIFTED_AT: &str = "trainyard/shifted-at";
/// The annotation with the Deployment that was replaced last.
pub(super) const REPLACED: &str = "trainyard/replaced";
/// The annotation with the reason why the wanted Deployment failed on its way.
pub(super) const FAILED: &str = "trainyard/failed";

/// For so long a controller may not have looked at a route, or not have seen what the route names. One that takes longer
/// is not there.
const UNSEEN_SECS: i64 = 120;
/// Characters of a controller's own words.
const WORDS_MAX: usize = 300;

/// A route.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::kubernetes) struct Route {
    pub metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Spec {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    backend_refs: Vec<BackendRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct BackendRef {
    name: String,
    weight: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    parents: Vec<Parent>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Parent {
    parent_ref: ParentRef,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ParentRef {
    name: String,
    namespace: Option<String>,
    section_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
    observed_generation: i64,
}

/// What a gateway makes of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kubernetes) enum Standing {
    /// Requests go as it says.
    Taken,
    /// Nobody has said yet.
    Open,
    /// They do not, and will not by themselves.
    Refused(String),
}

impl Route {
    /// The release that was asked for last.
    pub fn wanted(&self) -> Option<String> {
        self.annotation(WANTED)
    }

    pub fn replaced(&self) -> Option<String> {
        self.annotation(REPLACED)
    }

    pub fn failed(&self) -> Option<String> {
        self.annotation(FAILED)
    }

    fn annotation(&self, name: &str) -> Option<String> {
        self.metadata.annotations.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// When weights were changed last.
    pub fn shifted_at(&self) -> Timestamp {
        let said = self.annotation(SHIFTED_AT).and_then(|text| text.parse().ok());
        said.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Who has which weight: the last rule is the one for all requests. What names none has 1.
    pub fn weights(&self) -> Vec<(String, u32)> {
        let weights = self.spec.rules.last().map(|rule| rule.backend_refs.as_slice()).unwrap_or_default();
        weights.iter().map(|it| (it.name.clone(), it.weight.unwrap_or(1))).collect()
    }

    /// What the gateway of settings says of this generation of it.
    pub fn standing(&self, settings: &RouteSettings, namespace: &str, now: Timestamp) -> Standing {
        let gateway_namespace = settings.gateway_namespace.as_deref().unwrap_or(namespace);
        let gateway = format!("{gateway_namespace}/{}", settings.gateway);
        let is_ours = |parent: &&Parent| {
            let ParentRef { name, namespace: its_namespace, section_name } = &parent.parent_ref;
            *name == settings.gateway
                && its_namespace.as_deref().unwrap_or(namespace) == gateway_namespace
                && *section_name == settings.listener
        };
        let parents = self.status.parents.iter().filter(is_ours);
        let conditions: Vec<_> = parents.flat_map(|parent| &parent.conditions).filter(|it| self.is_new(it)).collect();
        let of = |kind: &'static str, status: &'static str| {
            conditions.iter().find(move |it| it.r#type == kind && it.status == status)
        };
        let is_late = now.duration_since(self.shifted_at()).as_secs() >= UNSEEN_SECS;
        if of("Accepted", "True").is_none() {
            return match of("Accepted", "False") {
                Some(why) => {
                    Standing::Refused(format!("the gateway {gateway} does not accept the route: {}", why.said()))
                }
                None if is_late => Standing::Refused(format!(
                    "no controller has taken up the route within {UNSEEN_SECS} s; check that the gateway {gateway} of \
                     `route` is there, and that its controller runs"
                )),
                None => Standing::Open,
            };
        }
        match of("ResolvedRefs", "False") {
            // A Service that was made a moment ago may not be known yet.
            Some(_) if !is_late => Standing::Open,
            Some(why) => {
                Standing::Refused(format!("the gateway {gateway} does not find what the route names: {}", why.said()))
            }
            None => Standing::Taken,
        }
    }

    /// What is said of an older generation is not about this one.
    fn is_new(&self, condition: &Condition) -> bool {
        condition.observed_generation >= self.metadata.generation
    }
}

impl Condition {
    fn said(&self) -> String {
        let message = text::first(&self.message, WORDS_MAX);
        if message.is_empty() { self.reason.clone() } else { format!("{}, {message}", self.reason) }
    }
}
