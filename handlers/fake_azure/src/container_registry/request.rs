//! What a request for a run may say: closed objects, exact words, nothing null.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// Members that all requests have.
const COMMON: [&str; 9] = [
    "type",
    "isArchiveEnabled",
    "agentPoolName",
    "logTemplate",
    "timeout",
    "platform",
    "agentConfiguration",
    "sourceLocation",
    "credentials",
];
const BUILD: [&str; 7] =
    ["imageNames", "isPushEnabled", "noCache", "dockerFilePath", "target", "arguments", "imageNames"];
const TASK: [&str; 3] = ["encodedTaskContent", "encodedValuesContent", "values"];

/// What is wrong with a request, if anything.
pub(super) fn wrong(request: &Value, version: &str) -> Option<String> {
    check(request, version).err()
}

fn check(request: &Value, version: &str) -> Result<(), String> {
    let members = request.as_object().ok_or("The run request is missing.")?;
    if has_null(request) {
        return Err("A value is null.".into());
    }
    let kind = request["type"].as_str().unwrap_or_default();
    let own: &[&str] = match kind {
        "DockerBuildRequest" => &BUILD,
        "EncodedTaskRunRequest" => &TASK,
        _ => return Err(format!("'{kind}' is no type of a run request.")),
    };
    if let Some(name) = members.keys().find(|name| !COMMON.contains(&name.as_str()) && !own.contains(&name.as_str())) {
        return Err(format!("Could not find member '{name}' on object of type '{kind}'."));
    }
    one_of(&request["platform"]["os"], &["Linux", "Windows"], "os")?;
    if request["platform"].get("architecture").is_some() {
        one_of(&request["platform"]["architecture"], &["amd64", "x86", "386", "arm", "arm64"], "architecture")?;
    }
    match request.get("timeout").map(Value::as_i64) {
        None | Some(Some(300..=28_800)) => {}
        Some(_) => return Err("The timeout must be between 300 and 28800 seconds.".into()),
    }
    if let Some(source) = request["credentials"].get("sourceRegistry") {
        if source.get("loginMode").is_some() {
            one_of(&source["loginMode"], &["None", "Default"], "loginMode")?;
        }
        if source.get("identity").is_some() && version != "2025-03-01-preview" {
            return Err("Could not find member 'identity' on object of type 'SourceRegistryCredentials'.".into());
        }
    }
    match kind {
        "DockerBuildRequest" => {
            request["dockerFilePath"].as_str().ok_or("dockerFilePath is required.")?;
        }
        _ => {
            let task = task(request).ok_or("encodedTaskContent is no Base64.")?;
            if !task.contains("version: v1.1.0") || !task.contains("steps:") {
                return Err("The task has no version or no steps.".into());
            }
        }
    }
    Ok(())
}

/// The task's YAML.
pub(super) fn task(request: &Value) -> Option<String> {
    String::from_utf8(BASE64.decode(request["encodedTaskContent"].as_str()?).ok()?).ok()
}

fn one_of(value: &Value, words: &[&str], name: &str) -> Result<(), String> {
    let word = value.as_str().unwrap_or_default();
    if words.contains(&word) { Ok(()) } else { Err(format!("'{word}' is not valid for {name}.")) }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}
