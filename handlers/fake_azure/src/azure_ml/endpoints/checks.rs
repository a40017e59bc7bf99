//! What the service refuses.

use serde_json::{Map, Value};

const ROUTES: [&str; 3] = ["livenessRoute", "readinessRoute", "scoringRoute"];
const IDENTITIES: [&str; 4] = ["None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"];

fn name(name: &str) -> Result<(), String> {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_right = (3..=32).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain && is_right && !name.ends_with('-') { Ok(()) } else { Err(format!("the name {name} is not valid")) }
}

/// No members but these, none of them null.
fn only(what: &str, value: &Value, known: &[&str]) -> Result<(), String> {
    let members = value.as_object().ok_or_else(|| format!("{what} must be an object"))?;
    for (name, value) in members {
        if !known.contains(&name.as_str()) {
            return Err(format!("{what}.{name} is read only or unknown"));
        }
        if value.is_null() {
            return Err(format!("{what}.{name} must not be null"));
        }
    }
    Ok(())
}

fn text<'a>(what: &str, value: &'a Value) -> Result<&'a str, String> {
    value.as_str().filter(|text| !text.is_empty()).ok_or_else(|| format!("{what} is required"))
}

fn tracked(body: &Value) -> Result<(), String> {
    only("body", body, &["location", "tags", "kind", "sku", "identity", "properties"])?;
    text("location", &body["location"])?;
    if let Some(tags) = body.get("tags")
        && !tags
            .as_object()
            .is_some_and(|tags| tags.values().all(|tag| tag.as_str().is_some_and(|tag| tag.len() <= 256)))
    {
        return Err("tags are texts of at most 256 characters".into());
    }
    if let Some(identity) = body.get("identity") {
        only("identity", identity, &["type", "userAssignedIdentities"])?;
        if !IDENTITIES.contains(&text("identity.type", &identity["type"])?) {
            return Err("identity.type is unknown".into());
        }
    }
    Ok(())
}

pub fn endpoint(named: &str, body: &Value, is_ready: impl Fn(&str) -> bool) -> Result<(), String> {
    name(named)?;
    tracked(body)?;
    let properties = &body["properties"];
    let known = ["authMode", "description", "properties", "compute", "publicNetworkAccess", "traffic", "mirrorTraffic"];
    only("properties", properties, &known)?;
    if !matches!(text("authMode", &properties["authMode"])?, "Key" | "AMLToken" | "AADToken") {
        return Err("authMode is unknown".into());
    }
    let none = Value::Object(Map::new());
    let traffic = properties.get("traffic").unwrap_or(&none).as_object().ok_or("traffic must be an object")?;
    let mut sum = 0;
    for (deployment, part) in traffic {
        let part = part.as_i64().ok_or("traffic must be integers")?;
        if part > 0 && !is_ready(deployment) {
            return Err(format!("Traffic cannot be sent to {deployment}, which is not ready."));
        }
        sum += part;
    }
    if sum == 0 || sum == 100 { Ok(()) } else { Err("Traffic values need to sum to 100.".into()) }
}

pub fn environment(named: &str, body: &Value) -> Result<(), String> {
    if named.is_empty() || !named.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(format!("the name {named} is not valid"));
    }
    only("body", body, &["properties"])?;
    let properties = &body["properties"];
    only(
        "properties",
        properties,
        &["image", "osType", "inferenceConfig", "condaFile", "tags", "properties", "description"],
    )?;
    text("image", &properties["image"])?;
    if !matches!(properties["osType"].as_str(), None | Some("Linux" | "Windows")) {
        return Err("osType is unknown".into());
    }
    if let Some(config) = properties.get("inferenceConfig") {
        only("inferenceConfig", config, &ROUTES)?;
        for route in ROUTES.iter().filter_map(|route| config.get(*route)) {
            let is_path = route["path"].as_str().is_some_and(|path| path.starts_with('/'));
            if !is_path || !route["port"].is_u64() {
                return Err("a route has a path and a port".into());
            }
        }
    }
    Ok(())
}

/// Answers the id of the environment.
pub fn deployment<'a>(named: &str, body: &'a Value) -> Result<&'a str, String> {
    name(named)?;
    tracked(body)?;
    let properties = &body["properties"];
    let known = [
        "endpointComputeType",
        "environmentId",
        "environmentVariables",
        "instanceType",
        "scaleSettings",
        "requestSettings",
        "livenessProbe",
        "readinessProbe",
        "appInsightsEnabled",
        "model",
        "description",
        "properties",
    ];
    only("properties", properties, &known)?;
    if properties["endpointComputeType"] != "Managed" {
        return Err("endpointComputeType must be Managed or Kubernetes".into());
    }
    text("instanceType", &properties["instanceType"])?;
    if properties["scaleSettings"]["scaleType"] != "Default" {
        return Err("scaleType must be Default".into());
    }
    if body["sku"]["capacity"].as_u64().unwrap_or_default() == 0 || !body["sku"]["name"].is_string() {
        return Err("sku is required, with a name and a capacity".into());
    }
    text("environmentId", &properties["environmentId"])
}
