//! What is asked for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::shares::Shares;
use super::{HEADER, Route, RouteSettings, names, object};
use crate::kubernetes::bodies::SERVICE_PORT;
use crate::kubernetes::{Kubernetes, OF_DEPLOYMENT, OF_SERVICE, Place, WANTED};
use crate::serving::{PORT, filled};

impl Kubernetes {
    /// The route of an environment. `before` is what was read: the write is refused if it has changed meanwhile.
    pub(super) fn route_body(
        &self,
        settings: &RouteSettings,
        place: &Place<'_>,
        before: Option<&Route>,
        shares: &Shares,
        now: Timestamp,
    ) -> Value {
        let namespace = &self.settings.namespace;
        let mut annotations = Map::from_iter([(object::SHIFTED_AT.to_owned(), now.to_string().into())]);
        let said = [(WANTED, &shares.wanted), (object::REPLACED, &shares.replaced), (object::FAILED, &shares.failed)];
        for (name, text) in said {
            annotations.extend(text.as_ref().map(|text| (name.to_owned(), text.as_str().into())));
        }
        let mut parent = json!({"name": settings.gateway});
        if let Some(namespace) = &settings.gateway_namespace {
            parent["namespace"] = namespace.as_str().into();
        }
        if let Some(listener) = &settings.listener {
            parent["sectionName"] = listener.as_str().into();
        }
        let mut spec = json!({"parentRefs": [parent], "rules": rules(settings, place, shares)});
        if !settings.hostnames.is_empty() {
            let host = |pattern: &String| filled(pattern, &names(place)).to_ascii_lowercase();
            spec["hostnames"] = settings.hostnames.iter().map(host).collect();
        }
        let mut body = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": place.service,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": "trainyard", OF_SERVICE: place.service},
                "annotations": annotations,
            },
            "spec": spec,
        });
        if let Some(before) = before {
            body["metadata"]["resourceVersion"] = before.metadata.resource_version.as_str().into();
        }
        body
    }

    /// The Service of one release, to which the route leads.
    pub(super) fn release_service_body(&self, place: &Place<'_>, name: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name,
                "namespace": self.settings.namespace,
                "labels": self.labels(place, name),
                "annotations": self.settings.service_annotations,
            },
            "spec": {
                "type": "ClusterIP",
                "selector": {OF_DEPLOYMENT: name},
                "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT, "protocol": "TCP"}],
            },
        })
    }
}

/// A rule for each release that is asked for by its name, and one for all other requests. More headers come first.
fn rules(settings: &RouteSettings, place: &Place<'_>, shares: &Shares) -> Vec<Value> {
    let path = settings.path(place);
    let value = if path.is_empty() { "/" } else { path.as_str() };
    let prefix = json!({"type": "PathPrefix", "value": value});
    let rule = |matched: Value, backends: Vec<Value>| {
        let mut rule = json!({"matches": [matched]});
        if !path.is_empty() {
            let rewrite = json!({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}});
            rule["filters"] = json!([{"type": "URLRewrite", "urlRewrite": rewrite}]);
        }
        if !backends.is_empty() {
            rule["backendRefs"] = backends.into();
        }
        rule
    };
    let by_name = |(name, _): &(String, u32)| {
        let header = json!({"type": "Exact", "name": HEADER, "value": name});
        rule(
            json!({"path": prefix, "headers": [header]}),
            vec![json!({"name": name, "port": SERVICE_PORT, "weight": 1})],
        )
    };
    let backend = |(name, weight): &(String, u32)| json!({"name": name, "port": SERVICE_PORT, "weight": weight});
    let mut rules: Vec<_> = shares.weights.iter().map(by_name).collect();
    rules.push(rule(json!({"path": prefix}), shares.weights.iter().map(backend).collect()));
    rules
}
