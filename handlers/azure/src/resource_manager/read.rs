//! What Azure Resource Manager answers, in our words.

use std::collections::BTreeMap;

use pipeline::infrastructure::{Change, ChangeKind};
use serde_json::Value;

/// Whether a deployment has not ended.
pub(super) fn is_running(deployment: &Value) -> bool {
    // Without a state it has succeeded.
    let state = deployment["properties"]["provisioningState"].as_str();
    state.is_some_and(|state| !matches!(state, "Succeeded" | "Failed" | "Canceled"))
}

/// What would change, what matters most first.
pub(super) fn changes(found: &Value) -> Vec<Change> {
    let change = |found: &Value| Change {
        kind: match found["changeType"].as_str() {
            Some("Create") => ChangeKind::Create,
            Some("Modify") => ChangeKind::Modify,
            Some("Delete") => ChangeKind::Delete,
            Some("Deploy") => ChangeKind::Deploy,
            Some("NoChange") => ChangeKind::NoChange,
            Some("Ignore") => ChangeKind::Ignore,
            _ => ChangeKind::Unsupported,
        },
        resource: resource(found["resourceId"].as_str().unwrap_or_default()),
    };
    let mut changes: Vec<_> = found.as_array().into_iter().flatten().map(change).collect();
    changes.sort();
    changes
}

/// A resource as people know it: its type and its name.
pub(super) fn resource(id: &str) -> String {
    let at = id.to_ascii_lowercase().rfind("/providers/").map(|at| at + "/providers/".len());
    let parts: Vec<&str> = at.map(|at| id[at..].split('/').collect()).unwrap_or_default();
    let [namespace, pairs @ ..] = &parts[..] else { return id.to_owned() };
    let kinds: Vec<&str> = pairs.iter().step_by(2).copied().collect();
    let names: Vec<&str> = pairs.iter().skip(1).step_by(2).copied().collect();
    format!("{namespace}/{} {}", kinds.join("/"), names.join("/"))
}

/// Each failed operation: the resource, and the deepest reason.
pub(super) fn failures(operations: &Value) -> Vec<String> {
    let failed = operations["value"].as_array().into_iter().flatten().map(|operation| &operation["properties"]);
    let failed = failed.filter(|it| it["provisioningState"] == "Failed");
    let reason = |it: &Value| {
        let reason = deepest(&it["statusMessage"]["error"]).or_else(|| it["statusCode"].as_str().map(str::to_owned));
        let resource = it["targetResource"]["id"].as_str().map(resource);
        [resource, reason].into_iter().flatten().collect::<Vec<_>>().join(": ")
    };
    failed.map(reason).filter(|reason| !reason.is_empty()).collect()
}

/// The innermost of nested errors, which tells what really happened.
pub(super) fn deepest(error: &Value) -> Option<String> {
    // Some answers wrap it once more.
    let mut error = if error["error"].is_object() { &error["error"] } else { error };
    while let Some(deeper) = error["details"].get(0).filter(|it| it["message"].is_string()) {
        error = deeper;
    }
    let words = ["code", "message"].into_iter().filter_map(|name| error[name].as_str());
    let words = words.collect::<Vec<_>>().join(": ");
    (!words.is_empty()).then_some(words)
}

/// What a template says of what it has made, without what it calls secure.
pub(super) fn outputs(outputs: &Value) -> BTreeMap<String, String> {
    let told = |(name, output): (&String, &Value)| {
        let is_secure = output["type"].as_str().is_none_or(|kind| kind.to_ascii_lowercase().starts_with("secure"));
        let text = match &output["value"] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (!is_secure).then(|| (name.clone(), text))
    };
    outputs.as_object().into_iter().flatten().filter_map(told).collect()
}
