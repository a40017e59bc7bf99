//! The Gateway API: a controller that says what it makes of routes, and a gateway that sends requests by them.
//!
//! Source: `apis/v1/httproute_types.go` and `shared_types.go` in kubernetes-sigs/gateway-api. What a controller sees of a
//! change it sees some seconds later; until then requests go as before.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Kind, Kubernetes, NAMESPACE, Object};
use crate::{Asked, Told};

/// The host by which the gateway is called.
pub const GATEWAY_HOST: &str = "gateway.example";

/// A Gateway and its listeners.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub namespace: String,
    pub name: String,
    pub listeners: Vec<String>,
    /// A listener allows routes of our namespace.
    pub is_open: bool,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { namespace: "gateways".into(), name: "public".into(), listeners: vec!["https".into()], is_open: true }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host of the Service.
    pub host: String,
    pub path: Vec<String>,
}

impl Kubernetes {
    /// What a server says to a kind of object that it does not know.
    pub(super) fn unknown_group() -> Told {
        Told::bytes(404, "text/plain; charset=utf-8", "404 page not found\n")
    }

    /// The status of a route, as its controller has written it by now.
    pub(super) fn route_status(&self, object: &Object, now: Timestamp) -> Value {
        let seen = self.seen(object, now);
        let generation = object.value["metadata"]["generation"].as_i64().unwrap();
        let observed = if self.is_seen(object, now) { generation } else { generation - 1 };
        let parents = seen["parentRefs"].as_array().into_iter().flatten();
        let parents: Vec<_> = parents.filter_map(|parent| self.parent_status(parent, seen, observed, object)).collect();
        json!({"parents": parents})
    }

    fn parent_status(&self, parent: &Value, spec: &Value, observed: i64, object: &Object) -> Option<Value> {
        let gateway = self.gateway_of(parent)?;
        let (accepted, reason, message) = match parent["sectionName"].as_str() {
            Some(listener) if !gateway.listeners.iter().any(|it| it == listener) => {
                ("False", "NoMatchingParent", format!("there is no listener {listener}"))
            }
            _ if !gateway.is_open => {
                ("False", "NotAllowedByListeners", format!("routes of {NAMESPACE} are not allowed"))
            }
            _ => ("True", "Accepted", "Route was valid".to_owned()),
        };
        let missing = backends(spec).find(|name| !self.objects.contains_key(&(Kind::Service, (*name).to_owned())));
        let (resolved, why, found) = match missing {
            Some(name) => ("False", "BackendNotFound", format!("service {NAMESPACE}/{name} not found")),
            None => ("True", "ResolvedRefs", "All references resolved".to_owned()),
        };
        let at = object.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at,
                "observedGeneration": observed,
            })
        };
        let mut parent = parent.clone();
        parent["group"] = "gateway.networking.k8s.io".into();
        parent["kind"] = "Gateway".into();
        Some(json!({
            "parentRef": parent,
            "controllerName": "istio.io/gateway-controller",
            "conditions": [
                condition("Accepted", accepted, reason, &message), condition("ResolvedRefs", resolved, why, &found),
            ],
        }))
    }

    fn gateway_of(&self, parent: &Value) -> Option<&Gateway> {
        let namespace = parent["namespace"].as_str().unwrap_or(NAMESPACE);
        self.gateways.iter().find(|it| it.namespace == namespace && parent["name"] == it.name.as_str())
    }

    fn is_seen(&self, object: &Object, now: Timestamp) -> bool {
        now.duration_since(object.since).as_secs() >= self.controller_secs
    }

    /// The spec that the controller goes by; null before it has seen one.
    fn seen<'a>(&self, object: &'a Object, now: Timestamp) -> &'a Value {
        if self.is_seen(object, now) { &object.value["spec"] } else { &object.before }
    }

    /// Where the gateway sends a request; or the status that it answers itself.
    pub fn routed(&mut self, asked: &Asked<'_>) -> Result<Destination, u16> {
        let (rule, prefix) = self.rule(asked).ok_or(404_u16)?;
        let weighted: Vec<(String, u64)> = rule["backendRefs"].as_array().into_iter().flatten().map(weighted).collect();
        let total: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return Err(500);
        }
        // 61 and 100 have no divisor in common: a hundred requests in a row are shared out exactly.
        self.turn += 61;
        let mut at = self.turn % total;
        let chosen = weighted.iter().find(|(_, weight)| {
            let is_it = at < *weight;
            at = at.saturating_sub(*weight);
            is_it
        });
        let (name, _) = chosen.unwrap();
        if !self.objects.contains_key(&(Kind::Service, name.clone())) {
            return Err(500);
        }
        let is_cut = rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/";
        let path = if is_cut { asked.path[prefix..].to_vec() } else { asked.path.clone() };
        Ok(Destination { host: format!("{name}.example"), path })
    }

    /// The rule for a request, and how many segments its prefix has: the longest prefix, then the most headers.
    fn rule(&self, asked: &Asked<'_>) -> Option<(Value, usize)> {
        let routes = self.objects.iter().filter(|((kind, _), _)| *kind == Kind::HttpRoute);
        let specs = routes.map(|(_, object)| self.seen(object, asked.now));
        let accepted = specs.filter(|spec| {
            let listens = |parent: &Value| {
                let listener = |gateway: &Gateway| {
                    parent["sectionName"].as_str().is_none_or(|name| gateway.listeners.iter().any(|it| it == name))
                };
                self.gateway_of(parent).is_some_and(|gateway| gateway.is_open && listener(gateway))
            };
            spec["parentRefs"].as_array().into_iter().flatten().any(listens)
        });
        let rules = accepted.flat_map(|spec| spec["rules"].as_array().into_iter().flatten());
        let fit = rules.filter_map(|rule| {
            let wanted = &rule["matches"][0];
            let prefix = wanted["path"]["value"].as_str().unwrap();
            let prefix: Vec<&str> = prefix.split('/').filter(|segment| !segment.is_empty()).collect();
            let headers = wanted["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
            let has = |header: &Value| asked.header(header["name"].as_str().unwrap()) == header["value"];
            let is_it = asked.segments().starts_with(&prefix) && headers.iter().all(has);
            is_it.then_some(((prefix.len(), headers.len()), rule))
        });
        fit.max_by_key(|(key, _)| *key).map(|((prefix, _), rule)| (rule.clone(), prefix))
    }
}

fn weighted(backend: &Value) -> (String, u64) {
    (backend["name"].as_str().unwrap().to_owned(), backend["weight"].as_u64().unwrap_or(1))
}

fn backends(spec: &Value) -> impl Iterator<Item = &str> {
    let rules = spec["rules"].as_array().into_iter().flatten();
    let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    backends.filter_map(|backend| backend["name"].as_str())
}

/// The weights of a route's last rule, in the order of their names.
pub(super) fn weights(spec: &Value) -> Vec<(String, u64)> {
    let rule = spec["rules"].as_array().and_then(|rules| rules.last());
    let backends = rule.and_then(|rule| rule["backendRefs"].as_array()).into_iter().flatten();
    let mut weights: Vec<_> = backends.map(weighted).collect();
    weights.sort();
    weights
}
