//! Fields that an object may have, as far as they are sent; and what must be in them.

use serde_json::{Value, json};

use super::{Kind, known_route};

/// Whether all fields are known; the first that is not.
pub(super) fn check(kind: Kind, body: &Value) -> Result<(), String> {
    let known = match kind {
        Kind::Deployment => deployment(),
        Kind::Service => service(),
        Kind::Secret => {
            json!({"apiVersion": 1, "kind": 1, "metadata": metadata(), "type": 1, "data": 1, "stringData": 1})
        }
        Kind::HttpRoute => known_route::fields(&metadata()),
        Kind::Pod => json!({}),
    };
    fields("", &known, body)
}

/// 1 is anything, an array's element stands for all of its kind.
fn fields(path: &str, known: &Value, value: &Value) -> Result<(), String> {
    match (known, value) {
        (Value::Object(known), Value::Object(members)) => members.iter().try_for_each(|(name, member)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            fields(&path, known.get(name).ok_or(path.clone())?, member)
        }),
        (Value::Array(known), Value::Array(elements)) => {
            let mut all = elements.iter().enumerate();
            all.try_for_each(|(at, element)| fields(&format!("{path}[{at}]"), &known[0], element))
        }
        (Value::Object(_) | Value::Array(_), _) => Err(path.to_owned()),
        _ => Ok(()),
    }
}

fn metadata() -> Value {
    json!({"name": 1, "namespace": 1, "labels": 1, "annotations": 1, "resourceVersion": 1})
}

fn service() -> Value {
    json!({
        "apiVersion": 1, "kind": 1, "metadata": metadata(),
        "spec": {
            "type": 1, "selector": 1, "loadBalancerClass": 1,
            "ports": [{"name": 1, "port": 1, "targetPort": 1, "protocol": 1, "appProtocol": 1}],
        },
    })
}

fn deployment() -> Value {
    let probe = json!({
        "httpGet": {"path": 1, "port": 1, "scheme": 1}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 1,
        "initialDelaySeconds": 1, "successThreshold": 1,
    });
    let container = json!({
        "name": 1, "image": 1, "ports": [{"name": 1, "containerPort": 1, "protocol": 1}],
        "env": [{"name": 1, "value": 1, "valueFrom": {"secretKeyRef": {"name": 1, "key": 1, "optional": 1}}}],
        "resources": {"requests": 1, "limits": 1}, "startupProbe": probe, "readinessProbe": probe, "livenessProbe": probe,
        "lifecycle": {"preStop": {"exec": {"command": 1}, "sleep": {"seconds": 1}}},
        "securityContext": {
            "allowPrivilegeEscalation": 1, "runAsNonRoot": 1, "capabilities": {"drop": 1}, "seccompProfile": {"type": 1},
        },
    });
    json!({
        "apiVersion": 1, "kind": 1, "metadata": metadata(),
        "spec": {
            "replicas": 1, "progressDeadlineSeconds": 1, "revisionHistoryLimit": 1, "minReadySeconds": 1,
            "selector": {"matchLabels": 1},
            "strategy": {"type": 1, "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": 1, "annotations": 1},
                "spec": {
                    "automountServiceAccountToken": 1, "terminationGracePeriodSeconds": 1, "serviceAccountName": 1,
                    "nodeSelector": 1, "containers": [container],
                },
            },
        },
    })
}

/// What the API server requires of an object.
pub(super) fn validate(kind: Kind, name: &str, body: &Value) -> Result<(), String> {
    let metadata = &body["metadata"];
    // A Service is called what a host may be called, in the older and stricter way.
    let is_word = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.len() > 63 || !starts || name.ends_with('-') || !name.chars().all(is_word) {
        return Err(format!("metadata.name: Invalid value: {name:?}"));
    }
    labels("metadata.labels", &metadata["labels"])?;
    for (name, value) in metadata["annotations"].as_object().into_iter().flatten() {
        if !value.is_string() {
            return Err(format!("metadata.annotations.{name}: Invalid value: it is no string"));
        }
    }
    let spec = &body["spec"];
    match kind {
        Kind::Deployment => {
            labels("spec.selector.matchLabels", &spec["selector"]["matchLabels"])?;
            let template = &spec["template"];
            labels("spec.template.metadata.labels", &template["metadata"]["labels"])?;
            for (name, value) in spec["selector"]["matchLabels"].as_object().unwrap() {
                if template["metadata"]["labels"][name] != *value {
                    return Err("`selector` does not match template `labels`".into());
                }
            }
            for container in
                template["spec"]["containers"].as_array().ok_or("spec.template.spec.containers: Required")?
            {
                container_of(container)?;
            }
            Ok(())
        }
        Kind::Service => {
            labels("spec.selector", &spec["selector"])?;
            let kinds = ["ClusterIP", "LoadBalancer", "NodePort", "ExternalName"];
            let is_kind = spec["type"].as_str().is_none_or(|kind| kinds.contains(&kind));
            let ports = spec["ports"].as_array().ok_or("spec.ports: Required value")?;
            match is_kind && ports.iter().all(|port| port["port"].is_u64()) {
                true => Ok(()),
                false => Err("spec.type: Unsupported value".into()),
            }
        }
        Kind::HttpRoute => known_route::validate(spec),
        Kind::Secret | Kind::Pod => Ok(()),
    }
}

fn container_of(container: &Value) -> Result<(), String> {
    let is_text = |name: &str| container[name].as_str().is_some_and(|text| !text.is_empty());
    if !is_text("name") || !is_text("image") {
        return Err("spec.template.spec.containers[0]: Required value: name and image".into());
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        if variable["name"].as_str().is_none_or(str::is_empty)
            || variable.get("value").is_some_and(|it| !it.is_string())
        {
            return Err(format!("spec.template.spec.containers[0].env: Invalid value: {variable}"));
        }
    }
    for resources in container["resources"].as_object().into_iter().flat_map(|all| all.values()) {
        let quantity = |name: &str, units: &[&str]| {
            let text = resources[name].as_str().unwrap_or_default();
            units.iter().any(|unit| text.strip_suffix(unit).is_some_and(|number| number.parse::<u64>().is_ok()))
        };
        if !quantity("cpu", &["m", ""]) || !quantity("memory", &["Mi", "Gi"]) {
            return Err(format!("spec.template.spec.containers[0].resources: Invalid value: {resources}"));
        }
    }
    Ok(())
}

fn labels(path: &str, labels: &Value) -> Result<(), String> {
    let labels = labels.as_object().ok_or_else(|| format!("{path}: Required value"))?;
    for (name, value) in labels {
        let value = value.as_str().ok_or_else(|| format!("{path}.{name}: Invalid value: it is no string"))?;
        let is_edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        let is_word = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if value.len() > 63 || !is_word || !is_edge(value.chars().next()) || !is_edge(value.chars().last()) {
            return Err(format!("{path}.{name}: Invalid value: {value:?}"));
        }
    }
    Ok(())
}
