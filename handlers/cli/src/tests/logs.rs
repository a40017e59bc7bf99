//! `logs`.

use serde_json::json;

use super::host::Host;
use super::{samples, type_in};
use crate::Exit;

#[test]
fn the_log_of_a_step_is_read_to_its_end() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::released());
    let path = "GET /api/runs/r8258-ab12cd34/logs";
    host.says(path, 200, json!({ "step": "train", "text": "first\n", "next": 6, "ended": true }));
    host.says(path, 200, json!({ "step": "train", "text": "last", "next": 10, "ended": true }));
    host.says(path, 200, json!({ "step": "train", "text": "", "next": 10, "ended": true }));
    let said = type_in(host.port, &["logs", "latest", "train"]);
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.starts_with("first\nlast"), "{}", said.out);
    let asked: Vec<String> = host.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(asked[2], format!("{path}?step=train&from=6"));
}

#[test]
fn a_run_whose_steps_have_no_log_says_so_beside_the_answer() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::released());
    let said = type_in(host.port, &["logs", "latest"]);
    assert_eq!((said.exit, said.out.as_str()), (Exit::Done, ""));
    assert_eq!(said.err, "No job of this run has said anything yet.\n");
}

#[test]
fn a_step_that_is_not_there_is_bad_input() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::released());
    assert_eq!(type_in(host.port, &["logs", "latest", "trian"]).exit, Exit::BadInput);
}

#[test]
fn a_log_is_followed_until_its_step_ends() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::training());
    host.says("GET /api/runs/r8258-ab12cd34", 200, samples::training());
    let path = "GET /api/runs/r8258-ab12cd34/logs";
    host.says(path, 200, json!({ "step": "train", "text": "a\n", "next": 2, "ended": false }));
    host.says(path, 200, json!({ "step": "train", "text": "", "next": 2, "ended": false }));
    host.says(path, 200, json!({ "step": "train", "text": "b\n", "next": 4, "ended": false }));
    host.says(path, 200, json!({ "step": "train", "text": "", "next": 4, "ended": true }));
    let said = type_in(host.port, &["logs", "latest", "train", "--follow"]);
    assert_eq!(said.out, "a\nb\n");
}

#[test]
fn a_script_gets_all_logs_as_they_are() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::training());
    let path = "GET /api/runs/r8258-ab12cd34/logs";
    host.says(path, 200, json!({ "step": "train", "text": "\u{1b}[1mA", "next": 5, "ended": true }));
    host.says(path, 200, json!({ "step": "train", "text": "", "next": 5, "ended": true }));
    let said = type_in(host.port, &["logs", "latest", "train", "--json"]);
    let wanted = json!({ "run": "r8258-ab12cd34", "logs": [{ "step": "train", "text": "\u{1b}[1mA", "ended": true }] });
    assert_eq!(said.json(), wanted);
}
