//! Server-side apply: fields have owners; who writes another's field differently has a conflict, unless it insists.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>. Lists are taken as a whole here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Kind, Kubernetes, NAMESPACE, Object, failure, gateway, known, missing};
use crate::{Asked, Told};

impl Kubernetes {
    pub(super) fn apply(&mut self, asked: &Asked<'_>, kind: Kind, name: &str) -> Told {
        if asked.header("content-type") != "application/apply-patch+yaml" {
            return failure(415, "UnsupportedMediaType", "only server-side apply is spoken here");
        }
        let query = |name: &str| asked.query.get(name).map(String::as_str);
        let Some(manager) = query("fieldManager") else {
            return failure(400, "BadRequest", "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value");
        };
        let body = asked.body;
        let is_it = body["apiVersion"] == kind.api_version()
            && body["kind"] == kind.name()
            && body["metadata"]["name"] == name
            && body["metadata"]["namespace"] == NAMESPACE;
        if !is_it || !body["metadata"]["managedFields"].is_null() {
            return failure(400, "BadRequest", "the object provided does not fit the address");
        }
        if query("fieldValidation") == Some("Strict")
            && let Err(unknown) = known::check(kind, body)
        {
            return failure(400, "BadRequest", &format!("strict decoding error: unknown field {unknown:?}"));
        }
        if let Err(message) = known::validate(kind, name, body) {
            return failure(422, "Invalid", &message);
        }

        let key = (kind, name.to_owned());
        let before = self.objects.get(&key).cloned();
        if let Some(version) = body["metadata"]["resourceVersion"].as_str()
            && before.as_ref().is_none_or(|before| before.value["metadata"]["resourceVersion"] != version)
        {
            let message = "the object has been modified; please apply your changes to the latest version and try again";
            return failure(409, "Conflict", message);
        }
        let is_new = before.is_none();
        let mut object = before.clone().unwrap_or_else(|| Object {
            value: skeleton(kind, name, asked.now),
            owners: BTreeMap::new(),
            created: asked.now,
            since: asked.now,
            before: Value::Null,
        });
        if let Err(message) = merge(&mut object, body, manager, query("force") == Some("true")) {
            return failure(409, "Conflict", &message);
        }
        let selector = |object: &Object| object.value["spec"]["selector"].clone();
        if kind == Kind::Deployment && before.as_ref().is_some_and(|before| selector(before) != selector(&object)) {
            return failure(422, "Invalid", "spec.selector: Invalid value: field is immutable");
        }
        self.keep(key, before.as_ref(), object, asked.now);
        let object = &self.objects[&(kind, name.to_owned())];
        Told::json(if is_new { 201 } else { 200 }, &self.shown(kind, object, asked.now))
    }

    pub(super) fn scale(&mut self, asked: &Asked<'_>, name: &str) -> Told {
        if asked.header("content-type") != "application/merge-patch+json" {
            return failure(415, "UnsupportedMediaType", "only merge patches are spoken here");
        }
        let key = (Kind::Deployment, name.to_owned());
        let Some(before) = self.objects.get(&key).cloned() else { return missing(Kind::Deployment, name) };
        let replicas = asked.body["spec"]["replicas"].clone();
        let mut object = before.clone();
        object.value["spec"]["replicas"] = replicas.clone();
        let manager = asked.query.get("fieldManager").map_or("unknown", String::as_str);
        for owned in object.owners.values_mut() {
            owned.remove("/spec/replicas");
        }
        object.owners.entry(format!("{manager} (scale)")).or_default().insert("/spec/replicas".into());
        self.keep(key, Some(&before), object, asked.now);
        let scale = json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"replicas": replicas}, "status": {"replicas": before.value["spec"]["replicas"]},
        });
        Told::json(200, &scale)
    }

    fn keep(&mut self, key: (Kind, String), before: Option<&Object>, mut object: Object, now: Timestamp) {
        let old = before.map_or(&Value::Null, |before| &before.value);
        if old["spec"] != object.value["spec"] {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            object.value["metadata"]["generation"] = generation.into();
        }
        let is_anew = old["spec"]["template"] != object.value["spec"]["template"] || old["spec"]["replicas"] == 0;
        if is_anew && object.value["spec"]["replicas"] != 0 {
            object.since = now;
        }
        if key.0 == Kind::HttpRoute && old["spec"] != object.value["spec"] {
            object.since = now;
            object.before = old["spec"].clone();
            let (before, after) = (gateway::weights(&old["spec"]), gateway::weights(&object.value["spec"]));
            if before != after {
                self.shifts.push(after);
            }
        }
        if *old != object.value {
            self.version += 1;
            object.value["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        if key.0 == Kind::Service && old["spec"]["selector"] != object.value["spec"]["selector"] {
            self.switches.push(object.value["spec"]["selector"]["trainyard/deployment"].as_str().unwrap().to_owned());
        }
        self.objects.insert(key, object);
    }
}

fn skeleton(kind: Kind, name: &str, now: Timestamp) -> Value {
    let created = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut value = json!({
        "apiVersion": kind.api_version(),
        "kind": kind.name(),
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "creationTimestamp": created},
    });
    if kind == Kind::Service {
        value["spec"] = json!({"clusterIP": "10.0.12.7"});
    }
    value
}

fn merge(object: &mut Object, config: &Value, manager: &str, is_forced: bool) -> Result<(), String> {
    let mut wanted = BTreeMap::new();
    leaves("", config, &mut wanted);
    for (path, value) in &wanted {
        let live = object.value.pointer(path);
        for (other, owned) in &mut object.owners {
            if other != manager && owned.contains(path) && live != Some(*value) {
                if !is_forced {
                    return Err(format!("Apply failed with 1 conflict: conflict with {other:?}: .{path}"));
                }
                owned.remove(path);
            }
        }
    }
    let mine: BTreeSet<String> = wanted.keys().cloned().collect();
    let before = object.owners.insert(manager.to_owned(), mine.clone()).unwrap_or_default();
    for path in before.difference(&mine) {
        if !object.owners.values().any(|owned| owned.contains(path)) {
            remove(&mut object.value, path);
        }
    }
    for (path, value) in wanted {
        set(&mut object.value, &path, value.clone());
    }
    object.owners.retain(|_, owned| !owned.is_empty());
    Ok(())
}

/// Fields that somebody can own.
fn leaves<'a>(path: &str, value: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
    let named = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/metadata/resourceVersion"];
    match value {
        _ if named.contains(&path) => {}
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                leaves(&format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), member, found);
            }
        }
        _ => {
            found.insert(path.to_owned(), value);
        }
    }
}

fn set(value: &mut Value, path: &str, leaf: Value) {
    let mut at = value;
    for name in path.split('/').skip(1).map(unescaped) {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[name];
    }
    *at = leaf;
}

fn remove(value: &mut Value, path: &str) {
    let (holder, name) = path.rsplit_once('/').unwrap();
    if let Some(holder) = value.pointer_mut(holder).and_then(Value::as_object_mut) {
        holder.remove(&unescaped(name));
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Who owns what, as an object shows it.
pub(super) fn managed_fields(kind: Kind, object: &Object) -> Value {
    let time = object.value["metadata"]["creationTimestamp"].clone();
    let entry = |(manager, owned): (&String, &BTreeSet<String>)| {
        let mut fields = Value::Object(Map::new());
        for path in owned {
            let named: String = path.split('/').skip(1).map(|name| format!("/f:{name}")).collect();
            set(&mut fields, &named, json!({}));
        }
        json!({
            "manager": manager, "operation": "Apply", "apiVersion": kind.api_version(), "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    };
    object.owners.iter().map(entry).collect()
}
