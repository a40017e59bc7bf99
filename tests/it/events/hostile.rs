//! Bodies that somebody wrote to hurt, through the whole product: each is answered as its transport wants it, what
//! cannot be understood is kept for a person, and the handler lives on.

use std::fs;

use reqwest::Method;

use super::{SECRET, after, events, from_event_grid, from_github, machine, runs, sample, signed, watch_all};
use crate::support::{Backends, Machine, Value, json, send};

/// What a handler may take at most, in kB: built without optimization, as it is here.
const MEMORY: u64 = 150 << 10;

/// The names of all hostile bodies and what is told of each.
fn hostile() -> Vec<(String, Value)> {
    let table: Value = serde_json::from_slice(&sample("../hostile/readings.json")).unwrap();
    let samples: Vec<_> = table["samples"].as_object().unwrap().clone().into_iter().collect();
    assert_eq!(samples.len(), 62);
    samples
}

fn body(file: &str) -> Vec<u8> {
    sample(&format!("../hostile/{file}"))
}

/// A machine where all that the samples are about is watched, and nothing could be trained.
fn watching() -> Machine {
    let machine = machine();
    watch_all(&machine);
    machine
}

#[test]
fn each_hostile_body_comes_to_what_it_should_and_says_why() {
    let machine = watching();
    let (backends, handler) = (Backends::of(&machine), machine.handler_process());
    let mut kept = 0;
    for (file, told) in hostile() {
        // Many of them pretend to be the same event.
        backends.forget_events();
        let body = body(&file);
        match told["through"].as_str().unwrap() {
            "azure_devops" => drop(backends.send("devops-events", &body)),
            "event_grid" => drop(backends.send("event-grid", &body)),
            // Their own web hooks have no door here; whoever sends one elsewhere is answered, too.
            "container_registry" => {
                backends.send("event-grid", &body);
                assert_ne!(after(&machine, 1)[0]["reading"]["outcome"], "read", "{file}");
                continue;
            }
            _ if told["signature"].is_string() => {
                let headers: Value = serde_json::from_slice(&sample("github/fixtures/push.headers.json")).unwrap();
                let signature = headers["X-Hub-Signature-256"].as_str().unwrap();
                let headers = [("X-GitHub-Event", "push"), ("X-Hub-Signature-256", signature)];
                assert_eq!(send(Method::POST, &machine.url("/api/github"), &headers, &body).status, 401, "{file}");
                assert_eq!(events(&machine), Vec::<Value>::new(), "{file}");
                continue;
            }
            _ => {
                let reply = from_github(&machine, told["event"].as_str().unwrap(), "", &body);
                assert_eq!(reply.status, 202, "{file}: {reply:?}");
            }
        }
        let told: Vec<_> = told["readings"].as_array().unwrap().iter().filter(is_on_record).map(outcome).collect();
        let mut found: Vec<_> = after(&machine, told.len()).iter().map(|event| outcome(&event["reading"])).collect();
        let mut told = told;
        // Those of one moment are in no order.
        found.sort();
        told.sort();
        assert_eq!(found, told, "{file}");
        for event in events(&machine).iter().filter(|event| event["reading"]["outcome"] == "quarantined") {
            let digest = event["body"].as_str().unwrap_or_else(|| panic!("{file}: its body is not kept: {event:#}"));
            assert!(backends.artifact(digest) == body, "{file}: another body is kept");
            kept += 1;
        }
    }
    assert!(kept > 50, "{kept}");
    lives_on(&machine, handler);
}

#[test]
fn whoever_knows_the_secret_can_send_anything_and_hurts_nobody() {
    let machine = watching();
    let handler = machine.handler_process();
    let mlflow = |body: &[u8]| {
        use base64::Engine as _;
        use hmac::Mac as _;
        let now = jiff::Timestamp::now().as_second().to_string();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"mlflow's own").unwrap();
        mac.update(format!("d1.{now}.").as_bytes());
        mac.update(body);
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let signature = format!("v1,{signature}");
        let headers = [
            ("Content-Type", "application/json"),
            ("X-MLflow-Signature", &*signature),
            ("X-MLflow-Delivery-Id", "d1"),
            ("X-MLflow-Timestamp", &*now),
        ];
        send(Method::POST, &machine.url("/api/mlflow"), &headers, body)
    };
    for (file, _) in hostile() {
        let body = body(&file);
        let text = std::str::from_utf8(&body).is_ok();
        // The host hands bodies on as text: one that is none is not what was signed any more.
        let answered = if text { 202 } else { 401 };
        for event in ["push", "pull_request", "check_run", "ping", "../x", ""] {
            assert_eq!(from_github(&machine, event, "", &body).status, answered, "{file} as {event}");
        }
        assert_eq!(mlflow(&body).status, answered, "{file}");
        let headers =
            [("Content-Type", "application/json"), ("Authorization", "Basic ZGF0YWJyaWNrczpvcGVuIHNlc2FtZQ==")];
        let reply = send(Method::POST, &machine.url("/api/databricks"), &headers, &body);
        assert_eq!(reply.status, 202, "{file}: {reply:?}");
        // As bytes they are what was signed.
        let signature = signed(SECRET, &body);
        let headers = [
            ("Content-Type", "application/octet-stream"),
            ("X-GitHub-Event", "push"),
            ("X-Hub-Signature-256", &*signature),
        ];
        let reply = send(Method::POST, &machine.url("/api/github"), &headers, &body);
        assert_eq!(reply.status, 202, "{file}: {reply:?}");
        for kind in ["Notification", "SubscriptionValidation", "Unsubscribe", "Nonsense"] {
            let reply = from_event_grid(&machine, "azure_ml_event", kind, &body);
            // What is no event at all the host refuses by itself, as the real one does.
            assert!(matches!(reply.status, 200 | 202 | 400), "{file} as {kind}: {reply:?}");
        }
    }
    lives_on(&machine, handler);
    let doctor = machine.cli(&["doctor"]);
    assert!(doctor.stdout.contains("events kept for a person"), "{}", doctor.stdout);
}

fn is_on_record(reading: &&Value) -> bool {
    reading["code"] != "event.duplicate"
}

/// `quarantined json.syntax`; of what was read only that it was.
fn outcome(reading: &Value) -> String {
    let code = if reading["outcome"] == "read" { &Value::Null } else { &reading["code"] };
    format!("{} {code}", reading["outcome"])
}

#[track_caller]
fn lives_on(machine: &Machine, handler: u32) {
    assert_eq!(machine.handler_process(), handler, "the handler was started again");
    for (name, process) in [("handler", handler), ("host", machine.host_process().unwrap())] {
        let most = peak(process);
        assert!(most < MEMORY, "the {name} took {most} kB");
    }
    assert_eq!(machine.json(&["dead-letters"]), json!({"dead_letters": []}));
    assert_eq!(runs(machine), Vec::<Value>::new());
}

/// The most memory that a process ever had, in kB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
