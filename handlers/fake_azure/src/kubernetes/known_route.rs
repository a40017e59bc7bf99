//! Fields that an `HTTPRoute` may have, as far as they are sent; and what must be in them.
//!
//! Source: the markers `+kubebuilder:validation` of `apis/v1/httproute_types.go` in kubernetes-sigs/gateway-api.

use serde_json::{Value, json};

pub(super) fn fields(metadata: &Value) -> Value {
    let backend = json!({"group": 1, "kind": 1, "name": 1, "namespace": 1, "port": 1, "weight": 1, "filters": 1});
    let path = json!({"type": 1, "value": 1});
    let pair = json!({"type": 1, "name": 1, "value": 1});
    let rewritten = json!({"type": 1, "replaceFullPath": 1, "replacePrefixMatch": 1});
    json!({
        "apiVersion": 1, "kind": 1, "metadata": metadata,
        "spec": {
            "parentRefs": [{"group": 1, "kind": 1, "namespace": 1, "name": 1, "sectionName": 1, "port": 1}],
            "hostnames": 1,
            "rules": [{
                "matches": [{"path": path, "headers": [pair], "queryParams": [pair], "method": 1}],
                "filters": [{"type": 1, "urlRewrite": {"hostname": 1, "path": rewritten}}],
                "backendRefs": [backend],
                "timeouts": {"request": 1, "backendRequest": 1},
            }],
        },
    })
}

pub(super) fn validate(spec: &Value) -> Result<(), String> {
    for parent in list(&spec["parentRefs"], "spec.parentRefs", 32)? {
        name("spec.parentRefs.name", &parent["name"])?;
        for optional in ["namespace", "sectionName"] {
            parent.get(optional).map_or(Ok(()), |text| name(&format!("spec.parentRefs.{optional}"), text))?;
        }
    }
    for host in list(&spec["hostnames"], "spec.hostnames", 16)? {
        let text = host.as_str().unwrap_or_default();
        name("spec.hostnames", &text.strip_prefix("*.").unwrap_or(text).into())?;
    }
    let rules = list(&spec["rules"], "spec.rules", 16)?;
    if spec.get("rules").is_some() && rules.is_empty() {
        return Err("spec.rules: Invalid value: 0: spec.rules in body should have at least 1 items".into());
    }
    rules.iter().try_for_each(rule)
}

fn rule(rule: &Value) -> Result<(), String> {
    for matched in list(&rule["matches"], "spec.rules.matches", 64)? {
        path(&matched["path"])?;
        for header in list(&matched["headers"], "spec.rules.matches.headers", 16)? {
            let is_kind = header.get("type").is_none_or(|kind| kind == "Exact" || kind == "RegularExpression");
            let is_text = |name: &str| header[name].as_str().is_some_and(|text| !text.is_empty());
            let value = header["value"].as_str().unwrap_or_default();
            if !is_kind || !is_text("name") || value.is_empty() || value.len() > 4096 {
                return Err(format!("spec.rules.matches.headers: Invalid value: {header}"));
            }
        }
    }
    for filter in list(&rule["filters"], "spec.rules.filters", 16)? {
        let rewritten = &filter["urlRewrite"]["path"];
        let is_prefix = rewritten["type"] == "ReplacePrefixMatch" && rewritten["replacePrefixMatch"].is_string();
        if filter["type"] != "URLRewrite" || !is_prefix {
            return Err(format!("spec.rules.filters: Invalid value: {filter}"));
        }
        let is_one =
            rule["matches"].as_array().is_some_and(|all| all.len() == 1 && all[0]["path"]["type"] == "PathPrefix");
        if !is_one {
            return Err(
                "When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be \
                        specified"
                    .into(),
            );
        }
    }
    for backend in list(&rule["backendRefs"], "spec.rules.backendRefs", 16)? {
        name("spec.rules.backendRefs.name", &backend["name"])?;
        if !backend["port"].as_u64().is_some_and(|port| (1..=65535).contains(&port)) {
            return Err("Must have port for Service reference".into());
        }
        let weight = backend.get("weight").map_or(Some(1), Value::as_u64);
        if weight.is_none_or(|weight| weight > 1_000_000) {
            return Err(format!("spec.rules.backendRefs.weight: Invalid value: {backend}"));
        }
    }
    Ok(())
}

fn path(path: &Value) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("spec.rules.matches.path: Invalid value: {path}: {why}"));
    if !["PathPrefix", "Exact"].contains(&path["type"].as_str().unwrap_or("PathPrefix")) {
        return wrong("Unsupported value");
    }
    let value = path["value"].as_str().unwrap_or("/");
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-/._~!$&'()*+,;=:@".contains(c);
    let has_dots = ["//", "/./", "/../"].iter().any(|part| value.contains(part));
    if !value.starts_with('/') || has_dots || value.ends_with("/..") || value.ends_with("/.") {
        return wrong("value must be an absolute path");
    }
    if value.len() > 1024 || !value.chars().all(is_word) { wrong("must only contain valid characters") } else { Ok(()) }
}

/// A list, or nothing where there is none.
fn list<'a>(value: &'a Value, path: &str, most: usize) -> Result<&'a [Value], String> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(all) if all.len() <= most => Ok(all),
        Value::Array(all) => Err(format!("{path}: Too many: {}: must have at most {most} items", all.len())),
        _ => Err(format!("{path}: Invalid value")),
    }
}

fn name(path: &str, value: &Value) -> Result<(), String> {
    let text = value.as_str().unwrap_or_default();
    let is_word = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_name = text.len() <= 253 && text.chars().all(is_word);
    match is_name && is_edge(text.chars().next()) && is_edge(text.chars().last()) {
        true => Ok(()),
        false => Err(format!("{path}: Invalid value: {value}")),
    }
}
