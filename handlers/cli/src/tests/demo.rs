//! `demo`.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::host::Host;
use super::{Hands, Said, samples, type_in_as};
use crate::Exit;

#[test]
fn the_first_demo_goes_from_a_push_to_an_answer_of_production() {
    let host = host(&[samples::training(), samples::waits_for_approval(), samples::released()]);
    let home = TempDir::new().unwrap();
    let said = demo(&host, &home, &["--approve"], None);
    assert_eq!(said.exit, Exit::Done, "{}{}", said.out, said.err);
    let begun = host.body_of("POST /api/runs");
    assert_eq!((&begun["by"], &begun["push"]["branch"]), (&json!("demo"), &json!("main")));
    let approval = host.body_of("POST /api/runs/r8258-ab12cd34/approvals/prod");
    assert_eq!(approval["decision"], json!("approve"));
    assert_ne!(approval["by"], json!("demo"), "who asks for a run may not approve it");
    let payload = host.body_of("POST /endpoints/diabetes_regression/prod/score");
    assert_eq!(payload["data"].as_array().unwrap().len(), 2);
    assert!(said.out.contains("{\"result\":[5215.1803,3727.0253]}"), "{}", said.out);
    assert!(said.out.contains("curl -s -H 'Content-Type: application/json' -d @"), "{}", said.out);
    assert_eq!(said.out.matches("✓ train").count(), 2, "once as it ends, once in the table: {}", said.out);
    assert!(said.out.contains("There is no champion yet"), "{}", said.out);
    assert!(said.out.contains(" down "), "{}", said.out);
    assert!(home.path().join("demo/diabetes_regression/trainyard.yml").exists());
    assert!(!home.path().join("demo/.diabetes_regression.new").exists());
}

#[test]
fn a_person_who_says_yes_lets_the_demo_go_on() {
    let host = host(&[samples::waits_for_approval(), samples::released()]);
    let said = demo(&host, &TempDir::new().unwrap(), &[], Some("yes\n"));
    assert_eq!(said.exit, Exit::Done, "{}{}", said.out, said.err);
    assert!(said.out.contains("Approve prod, as "), "{}", said.out);
}

#[test]
fn with_nobody_to_ask_the_demo_says_how_to_approve_and_waits() {
    for person in [None, Some("n\n"), Some("")] {
        let host = host(&[samples::waits_for_approval()]);
        let said = demo(&host, &TempDir::new().unwrap(), &[], person);
        assert_eq!(said.exit, Exit::Waiting);
        assert!(said.out.contains("approve diabetes_regression/1 prod"), "{}", said.out);
        assert!(said.out.contains("demo --approve"), "{}", said.out);
        assert!(host.asked().iter().all(|(line, _)| !line.contains("approvals")));
    }
}

#[test]
fn a_demo_that_was_left_waiting_is_gone_on_with() {
    let host = host(&[samples::waits_for_approval(), samples::released()]);
    let mut waiting = summary();
    waiting["outcome"] = Value::Null;
    host.says("GET /api/runs", 200, json!({ "runs": [waiting], "next": null }));
    // The first answer of the script, no runs, is for the first demo.
    let (home, _) = (TempDir::new().unwrap(), type_in_as(host.port, &["runs"], &Hands::default(), None));
    let said = demo(&host, &home, &["--approve"], None);
    assert_eq!(said.exit, Exit::Done, "{}{}", said.out, said.err);
    assert!(host.asked().iter().all(|(line, _)| line != "POST /api/runs"));
}

#[test]
fn the_second_demo_shows_that_equal_is_not_better() {
    let host = host(&[samples::not_better()]);
    host.says("GET /api/runs", 200, json!({ "runs": [summary()], "next": null }));
    let (home, _) = (TempDir::new().unwrap(), type_in_as(host.port, &["runs"], &Hands::default(), None));
    let said = demo(&host, &home, &["--approve"], None);
    assert_eq!(said.exit, Exit::Done, "{}{}", said.out, said.err);
    assert_eq!(host.body_of("POST /api/runs")["manual"], json!({ "branch": "main" }));
    assert!(said.out.contains("Equal is not better"), "{}", said.out);
}

#[test]
fn an_example_that_its_owner_changed_stays_as_it_is() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("demo/diabetes_regression");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("trainyard.yml"), "mine").unwrap();
    let host = host(&[samples::waits_for_approval()]);
    demo(&host, &home, &[], None);
    assert_eq!(std::fs::read_to_string(folder.join("trainyard.yml")).unwrap(), "mine");
}

#[test]
fn without_python_nothing_is_begun() {
    let host = Host::start();
    let home = TempDir::new().unwrap();
    let machine = Hands { python: Some("no Python 3.10 or newer was found: install one".into()), ..Hands::default() };
    let said = type_in_as(host.port, &["demo", "--home", home.path().to_str().unwrap()], &machine, None);
    assert_eq!(said.exit, Exit::BadInput);
    assert_eq!(said.err, "error: no Python 3.10 or newer was found: install one\n");
    assert_eq!(host.asked(), []);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_package_index_that_cannot_be_reached_is_the_reason_that_is_shown() {
    let host = host(&[samples::failed("provision", "pip cannot reach the package index")]);
    let said = demo(&host, &TempDir::new().unwrap(), &["--approve"], None);
    assert_eq!(said.exit, Exit::BadInput);
    assert!(said.out.contains("pip cannot reach the package index"), "{}", said.out);
}

#[test]
fn a_script_gets_the_run_and_the_answer_of_production() {
    let host = host(&[samples::waits_for_approval(), samples::released()]);
    let said = demo(&host, &TempDir::new().unwrap(), &["--approve", "--json"], None);
    let document = said.json();
    assert_eq!(document["run"]["outcome"], json!("released"));
    assert_eq!(document["endpoint"]["answer"]["result"][0], json!(5215.1803));
    assert!(said.err.contains("Python 3.12.3"), "{}", said.err);
}

fn demo(host: &Host, home: &TempDir, args: &[&str], person: Option<&'static str>) -> Said {
    let machine = Hands { port: host.port, ..Hands::default() };
    let home = home.path().to_str().unwrap();
    let line: Vec<&str> = ["demo", "--home", home].into_iter().chain(args.iter().copied()).collect();
    type_in_as(host.port, &line, &machine, person)
}

fn host(states: &[Value]) -> Host {
    let host = Host::start();
    host.says("GET /api/runs", 200, json!({ "runs": [], "next": null }));
    host.says("POST /api/sources", 200, json!({}));
    let begun = json!({ "id": "r8258-ab12cd34", "number": 1, "project": "diabetes_regression", "created": true,
        "outcome": null, "because": [] });
    host.says("POST /api/runs", 200, begun);
    for state in states {
        host.says("GET /api/runs/r8258-ab12cd34", 200, state.clone());
    }
    host.says("POST /api/runs/r8258-ab12cd34/approvals/prod", 200, json!({ "ok": true, "said": "Approved." }));
    let answer = json!({ "result": [5215.1803, 3727.0253] });
    host.says("POST /endpoints/diabetes_regression/prod/score", 200, answer);
    host
}

fn summary() -> Value {
    json!({ "id": "r8258-ab12cd34", "number": 1, "project": "diabetes_regression", "trigger": "push",
        "created_at": "2025-03-04T12:00:00Z", "outcome": "released" })
}
