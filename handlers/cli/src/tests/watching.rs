//! `watch` and `--follow`.

use serde_json::json;

use super::host::Host;
use super::{samples, type_in};
use crate::Exit;

#[test]
fn watching_shows_each_change_once_and_ends_with_a_sentence() {
    let host = host_with(&[samples::training(), samples::training(), samples::training(), samples::released()]);
    let said = type_in(host.port, &["watch", "latest"]);
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(said.out.matches("✓ check").count(), 1, "{}", said.out);
    assert_eq!(said.out.matches("waits for job train-1").count(), 1, "{}", said.out);
    assert!(said.out.contains("      pytest: 14 passed\n"), "{}", said.out);
    assert!(said.out.ends_with("is released: diabetes_regression_model:1 serves in prod.\n"), "{}", said.out);
}

#[test]
fn a_run_that_was_latest_is_watched_to_its_end_even_when_another_begins() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::training());
    host.says("GET /api/runs/r8258-ab12cd34", 200, samples::released());
    assert_eq!(type_in(host.port, &["watch", "latest"]).exit, Exit::Done);
    let asked: Vec<String> = host.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(asked, ["GET /api/runs/latest", "GET /api/runs/r8258-ab12cd34"]);
}

#[test]
fn watching_stops_where_a_person_is_needed_and_says_so() {
    let host = host_with(&[samples::training(), samples::waits_for_approval()]);
    let said = type_in(host.port, &["watch", "latest"]);
    assert_eq!(said.exit, Exit::Waiting);
    assert!(said.out.contains("approve diabetes_regression/1 prod"), "{}", said.out);
}

#[test]
fn watching_through_approvals_goes_on_to_the_end() {
    let host = host_with(&[samples::waits_for_approval(), samples::waits_for_approval(), samples::released()]);
    let said = type_in(host.port, &["watch", "latest", "--through"]);
    assert_eq!(said.exit, Exit::Done);
    assert_eq!(said.out.matches("approve diabetes_regression/1 prod").count(), 1, "{}", said.out);
}

#[test]
fn a_script_that_watches_gets_one_document_and_the_progress_beside_it() {
    let host = host_with(&[samples::training(), samples::failed("train", "status 1")]);
    let said = type_in(host.port, &["watch", "latest", "--json"]);
    assert_eq!(said.exit, Exit::EndedOtherwise);
    assert_eq!(said.json()["outcome"], json!("failed"));
    assert!(said.err.contains("✕ train"), "{}", said.err);
}

#[test]
fn a_host_that_is_away_for_a_moment_does_not_end_the_watching() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, samples::training());
    host.says("GET /api/runs/r8258-ab12cd34", 503, json!({ "error": "the handler is starting", "advice": null }));
    host.says("GET /api/runs/r8258-ab12cd34", 200, samples::released());
    let said = type_in(host.port, &["watch", "latest"]);
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.contains("the host is away"), "{}", said.out);
}

#[test]
fn each_outcome_has_its_exit_code() {
    let exit = crate::follow::outcome_exit;
    for green in ["released", "checked", "not_better", "skipped"] {
        assert_eq!(exit(Some(green)), Exit::Done);
    }
    for other in ["failed", "rejected", "expired", "superseded", "canceled", "rolled_back", "unheard of"] {
        assert_eq!(exit(Some(other)), Exit::EndedOtherwise);
    }
    assert_eq!(exit(None), Exit::Waiting);
}

fn host_with(states: &[serde_json::Value]) -> Host {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, states[0].clone());
    for state in &states[1..] {
        host.says("GET /api/runs/r8258-ab12cd34", 200, state.clone());
    }
    host
}
