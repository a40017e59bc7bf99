//! What the service shows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Behaviour, Group};

/// A group as it is now.
pub fn group(group: &Group, behaviour: Behaviour, start_secs: i64, now: Timestamp) -> Value {
    let mut shown = group.body.clone();
    if let Some(identities) = shown.pointer_mut("/identity/userAssignedIdentities").and_then(Value::as_object_mut) {
        for identity in identities.values_mut() {
            let id = "11111111-2222-3333-4444-555555555555";
            *identity = json!({"principalId": id, "clientId": id});
        }
    }
    let properties = &mut shown["properties"];
    let secs = now.duration_since(group.started).as_secs();
    let is_started = secs >= start_secs;
    let running = json!({"state": "Running", "startTime": stamp(group.started, start_secs), "detailStatus": ""});
    let waiting = |detail: &str| json!({"state": "Waiting", "detailStatus": detail});
    let (provisioning, state, view) = match behaviour {
        _ if !is_started && behaviour != Behaviour::NoImage => {
            let provisioning = if secs < start_secs / 2 { "Pending" } else { "Creating" };
            let events = json!([event(group, 2, "Pulling", "pulling image", "Normal", 1)]);
            (provisioning, "Pending", json!({"restartCount": 0, "currentState": waiting(""), "events": events}))
        }
        Behaviour::Fine | Behaviour::Deaf | Behaviour::Inaccessible => {
            let events = json!([
                event(group, 2, "Pulling", "pulling image", "Normal", 1),
                event(group, 9, "Pulled", "Successfully pulled image", "Normal", 1),
                event(group, start_secs, "Started", "Started container", "Normal", 1),
            ]);
            ("Succeeded", "Running", json!({"restartCount": 0, "currentState": running, "events": events}))
        }
        Behaviour::Crashes => {
            let restarts = (secs - start_secs) / 10;
            let before = json!({
                "state": "Terminated", "startTime": stamp(group.started, start_secs), "exitCode": 1,
                "finishTime": stamp(group.started, start_secs + 5), "detailStatus": "Error",
            });
            let current = waiting("CrashLoopBackOff: Back-off restarting failed");
            let view = json!({
                "restartCount": restarts, "currentState": current, "previousState": before,
                "events": [
                    event(group, 9, "Pulled", "Successfully pulled image", "Normal", 1),
                    event(group, start_secs + 9, "BackOff", "Back-off restarting failed container", "Warning", restarts + 1),
                ],
            });
            ("Creating", "Running", view)
        }
        Behaviour::NoImage => {
            let tried = 1 + secs / 15;
            let message = "Failed to pull image: manifest unknown";
            let events = json!([
                event(group, 2, "Pulling", "pulling image", "Normal", tried),
                event(group, 5, "Failed", message, "Warning", tried),
            ]);
            (
                "Creating",
                "Pending",
                json!({"restartCount": 0, "currentState": waiting("ImagePullBackOff"), "events": events}),
            )
        }
        Behaviour::Stopped => {
            let ended = json!({"state": "Terminated", "exitCode": 0, "detailStatus": "Completed"});
            ("Succeeded", "Stopped", json!({"restartCount": 0, "currentState": ended, "events": []}))
        }
    };
    properties["provisioningState"] = provisioning.into();
    properties["instanceView"] = json!({"state": state, "events": []});
    properties["containers"][0]["properties"]["instanceView"] = view;
    let fqdn = fqdn(&group.body);
    let address = &mut properties["ipAddress"];
    address["fqdn"] = fqdn.into();
    if is_started {
        address["ip"] = "20.101.2.3".into();
    }
    shown
}

/// The host of a group: the scope puts a part of its own into it.
pub fn fqdn(body: &Value) -> String {
    let label = body["properties"]["ipAddress"]["dnsNameLabel"].as_str().unwrap();
    format!("{label}.a1b2c3d4e5f6g7h8.{}.azurecontainer.io", body["location"].as_str().unwrap())
}

/// As a list shows it, and an answer to a change.
pub fn without_views(group: &mut Value) {
    let properties = group["properties"].as_object_mut().unwrap();
    properties.remove("instanceView");
    for container in properties["containers"].as_array_mut().unwrap() {
        container["properties"].as_object_mut().unwrap().remove("instanceView");
    }
}

/// What may be shown of a request, and the rest by its name.
pub fn without_secrets(body: &Value) -> (Value, BTreeMap<String, String>) {
    let (mut body, mut secrets) = (body.clone(), BTreeMap::new());
    let mut take = |holder: &mut Value, member: &str, name: &str| {
        if let Some(secret) = holder.as_object_mut().unwrap().remove(member) {
            secrets.insert(name.to_owned(), secret.as_str().unwrap().to_owned());
        }
    };
    let properties = &mut body["properties"];
    for container in properties["containers"].as_array_mut().unwrap() {
        for variable in container["properties"]["environmentVariables"].as_array_mut().unwrap() {
            let name = variable["name"].as_str().unwrap().to_owned();
            take(variable, "secureValue", &name);
        }
    }
    if let Some(credentials) = properties.get_mut("imageRegistryCredentials").and_then(Value::as_array_mut) {
        for credential in credentials {
            take(credential, "password", "password");
        }
    }
    (body, secrets)
}

fn event(group: &Group, after: i64, name: &str, message: &str, kind: &str, count: i64) -> Value {
    let at = stamp(group.started, after);
    json!({"count": count, "firstTimestamp": at, "lastTimestamp": at, "name": name, "message": message, "type": kind})
}

fn stamp(from: Timestamp, after: i64) -> String {
    (from + SignedDuration::from_secs(after)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
