//! Lists: runs, environments, dead letters, checks; and stopping the host.

use serde_json::{Value, json};

use super::host::Host;
use super::{Hands, type_in, type_in_as, type_in_plainly};
use crate::Exit;

#[test]
fn a_list_of_runs_has_a_line_for_each() {
    let host = Host::start();
    let mut waits = summary(2, None);
    waits["waiting_for"] = json!("approval for prod");
    host.says("GET /api/runs", 200, json!({ "runs": [waits, summary(1, Some("not_better"))], "next": null }));
    let said = type_in(host.port, &["runs"]);
    assert_eq!(said.exit, Exit::Done);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", said.out);
    assert!(lines[0].starts_with("RUN"), "{}", said.out);
    assert!(lines[1].starts_with("p/2") && lines[1].contains("⏸ approval for prod"), "{}", said.out);
    assert!(lines[2].contains("not better") && lines[2].contains("mse 3295.7149"), "{}", said.out);
}

#[test]
fn a_long_list_is_read_page_by_page_up_to_the_limit() {
    let host = Host::start();
    let page = |from: u64, next: Option<&str>| json!({ "runs": (from..from + 100).map(|number| summary(number, Some("released"))).collect::<Vec<_>>(), "next": next });
    host.says("GET /api/runs", 200, page(1, Some("a"))).says("GET /api/runs", 200, page(101, Some("b")));
    let said = type_in(host.port, &["runs", "--limit", "150", "--project", "p", "--json"]);
    assert_eq!(said.json()["runs"].as_array().unwrap().len(), 150);
    let asked: Vec<String> = host.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(asked, ["GET /api/runs?limit=100&project=p", "GET /api/runs?limit=50&project=p&after=a"]);
}

#[test]
fn environments_say_what_serves_and_who_waits() {
    let host = Host::start();
    let current = json!({ "number": 7, "run": "r1", "model": { "name": "m", "version": 3 }, "image": "sha256:00112233445566",
        "deployed_at": "2025-03-04T12:00:00Z", "endpoint": "http://127.0.0.1:7071/endpoints/p/prod/score" });
    let prod = json!({ "project": "p", "environment": "prod", "current": current, "proven": true, "holder": 8,
        "queue": [9, 10], "quarantine": ["sha256:0"] });
    let qa = json!({ "project": "p", "environment": "qa", "current": null, "proven": false, "holder": null, "queue": [],
        "quarantine": [] });
    host.says("GET /api/environments", 200, json!({ "environments": [qa, prod] }));
    let said = type_in(host.port, &["environments"]);
    assert!(said.out.contains("tested; run 8 changes it; then 9, 10; 1 in quarantine"), "{}", said.out);
    assert!(said.out.contains("m:3") && said.out.contains("001122334455 "), "{}", said.out);
    assert!(said.out.lines().nth(1).unwrap().contains("nothing"), "{}", said.out);
}

#[test]
fn a_dead_letter_is_shown_and_can_be_sent_again() {
    let host = Host::start();
    host.says("GET /api/dead-letters", 200, json!({ "dead_letters": [{ "id": "d1", "queue": "train",
        "reason": "MaxDeliveryCountExceeded", "description": "ten tries", "at": "2025-03-04T12:00:00Z", "run": "p/7" }] }));
    host.says("POST /api/dead-letters/d1/redrive", 200, json!({ "ok": true, "said": "Sent to train again." }));
    let said = type_in(host.port, &["dead-letters"]);
    assert!(said.out.contains("MaxDeliveryCountExceeded: ten tries"), "{}", said.out);
    assert_eq!(type_in(host.port, &["dead-letters", "redrive", "d1"]).out, "Sent to train again.\n");
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_helps() {
    let host = Host::start();
    host.says(
        "GET /api/doctor",
        200,
        json!({ "checks": [
        { "name": "disk", "ok": true, "found": "12 GiB free", "advice": null },
        { "name": "git", "ok": false, "found": "not found", "advice": "install git" }] }),
    );
    let said = type_in(host.port, &["doctor"]);
    assert_eq!(said.exit, Exit::EndedOtherwise);
    assert_eq!(said.out, "✓ disk: 12 GiB free\n✕ git: not found\n    try: install git\n");
}

#[test]
fn without_a_host_the_doctor_still_looks_at_the_machine() {
    let port = Host::start().port;
    let machine = Hands { python: Some("no Python 3.10 or newer was found: install one".into()), ..Hands::default() };
    let said = type_in_as(port, &["doctor"], &machine, None);
    assert_eq!(said.exit, Exit::Unreachable);
    assert!(said.out.contains("✕ python: no Python 3.10 or newer"), "{}", said.out);
    assert!(said.out.contains("✕ host: no host answers"), "{}", said.out);
}

#[test]
fn down_with_no_host_says_that_there_is_none() {
    let port = Host::start().port;
    assert_eq!(type_in(port, &["down"]).exit, Exit::Unreachable);
}

#[test]
fn down_waits_until_the_host_is_gone() {
    let host = Host::start();
    host.says("POST /admin/host/stop", 200, json!({}));
    host.says("GET /admin/host/status", 200, json!({ "state": "Running", "processId": 7 }));
    let machine = Hands::default();
    let said = type_in_as(host.port, &["down"], &machine, None);
    assert_eq!(*machine.waited_for.lock().unwrap(), [7]);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert!(said.out.contains("is stopped"), "{}", said.out);
}

#[test]
fn without_a_port_the_host_is_where_its_home_says() {
    if std::env::var_os("TRAINYARD_PORT").is_some() {
        return;
    }
    let host = Host::start();
    host.says("POST /admin/host/stop", 200, json!({}));
    host.says("GET /admin/host/status", 200, json!({ "state": "Running", "processId": 7 }));
    let yard = tempfile::TempDir::new().unwrap();
    let home = yard.path().to_str().unwrap();
    std::fs::write(yard.path().join("host.port"), format!("{}\n", host.port)).unwrap();
    let machine = Hands::default();
    let said = type_in_plainly(&["down", "--home", home], &machine, None);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    let again = format!("`trainyard --home {home} --port {} up` goes on", host.port);
    assert!(said.out.contains(&again), "{}", said.out);

    // A host that is started now listens where it is told, and not where the last one did.
    assert_eq!(type_in_plainly(&["up", "--home", home], &machine, None).exit, Exit::Done);
    assert_eq!(machine.ups.lock().unwrap().remove(0).port, 7071);

    // What people are told to type finds the same host.
    host.says("GET /api/runs", 200, json!({ "runs": [], "next": null }));
    let runs = type_in_plainly(&["runs", "--home", home], &machine, None);
    assert!(runs.out.contains(&format!("trainyard --home {home} push DIR")), "{}{}", runs.out, runs.err);
}

#[test]
fn a_port_that_is_said_counts_more_than_the_home() {
    let host = Host::start();
    host.says("GET /api/runs", 200, json!({ "runs": [], "next": null }));
    let yard = tempfile::TempDir::new().unwrap();
    std::fs::write(yard.path().join("host.port"), "1").unwrap();
    let home = yard.path().to_str().unwrap();
    assert_eq!(type_in(host.port, &["runs", "--home", home]).exit, Exit::Done);
    for nonsense in ["", "no port", "0", "70000"] {
        std::fs::write(yard.path().join("host.port"), nonsense).unwrap();
        let up = Hands::default();
        assert_eq!(type_in_plainly(&["up", "--home", home], &up, None).exit, Exit::Done);
    }
}

#[test]
fn up_hands_its_options_to_the_machine() {
    let machine = Hands::default();
    let args = ["up", "--handler-port", "9000", "--home", "/tmp/yard"];
    assert_eq!(type_in_as(7080, &args, &machine, None).exit, Exit::Done);
    let options = machine.ups.lock().unwrap().remove(0);
    assert_eq!((options.port, options.handler_port), (7080, Some(9000)));
    assert_eq!(options.home, std::path::Path::new("/tmp/yard"));
}

fn summary(number: u64, outcome: Option<&str>) -> Value {
    json!({
        "id": format!("r{number}"), "number": number, "project": "p", "branch": "main", "commit": "1a2b3c4d".repeat(5),
        "trigger": "push", "requested_by": "ana", "created_at": "2025-03-04T12:00:00Z",
        "ended_at": outcome.map(|_| "2025-03-04T12:01:04Z"), "outcome": outcome, "waiting_for": null, "step": "train",
        "metrics": { "mse": 3295.7149 },
    })
}
