//! `show` and `why`.

use serde_json::{Value, json};

use super::host::Host;
use super::{samples, type_in};
use crate::Exit;
use crate::console::Style;
use crate::render::steps;
use crate::views::Run;

#[test]
fn the_page_of_a_released_run_says_what_serves_where() {
    let said = show(samples::released());
    assert_eq!(said.exit, Exit::Done);
    let headline = "Run 1 of diabetes_regression is released: diabetes_regression_model:1 serves in prod.\n";
    assert!(said.out.starts_with(headline), "{}", said.out);
    assert!(said.out.contains("push of main at 1a2b3c4d by demo"), "{}", said.out);
    assert!(said.out.contains("  ✓ train         succeeded   1 min 4 s\n"), "{}", said.out);
    assert!(said.out.contains("      ana approved it for prod\n"), "{}", said.out);
    assert!(said.out.contains("  image      5e6f7a8b9c0d\n"), "{}", said.out);
    assert!(said.out.contains("ana approved (fine)"), "{}", said.out);
    let endpoint = "   http://127.0.0.1:";
    assert_eq!(said.out.matches(endpoint).count(), 2, "an endpoint can be pasted: {}", said.out);
    let (qa, prod) = (said.out.find("  qa ").unwrap(), said.out.find("  prod ").unwrap());
    assert!(qa < prod, "environments stand in the order of the delivery");
}

#[test]
fn the_page_of_a_run_that_waits_says_the_command_that_lets_it_go_on() {
    let said = show(samples::waits_for_approval());
    assert_eq!(said.exit, Exit::Done, "showing is all that was asked for");
    assert!(said.out.contains("waits for approval for prod."), "{}", said.out);
    assert!(said.out.contains("⏸ approve:prod  needs you"), "{}", said.out);
    assert!(said.out.contains("○ deploy:prod   not begun"), "{}", said.out);
    assert!(said.out.contains(" approve diabetes_regression/1 prod`"), "{}", said.out);
}

#[test]
fn the_page_of_a_failed_run_has_the_reason_and_the_advice() {
    let said = show(samples::failed("train", "the command ended with status 1"));
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.starts_with("Run 1 of diabetes_regression failed at the step train.\n"), "{}", said.out);
    assert!(said.out.contains("the command ended with status 1"), "{}", said.out);
    assert!(said.out.ends_with("Next: Mend it and push again.\n"), "{}", said.out);
}

#[test]
fn challenger_and_champion_stand_side_by_side() {
    let said = show(samples::not_better());
    assert_eq!(said.exit, Exit::Done);
    assert!(
        said.out.contains("diabetes_regression_model:1 of run 1 goes on serving, and nothing is wrong."),
        "{}",
        said.out
    );
    let row = said.out.lines().find(|line| line.trim_start().starts_with("mse ") && line.contains("equal")).unwrap();
    assert_eq!(row.matches("3295.7149").count(), 2, "{row}");
}

#[test]
fn a_script_gets_what_the_host_says_and_nothing_else() {
    let mut document = samples::released();
    document["a_field_of_tomorrow"] = json!([1, 2]);
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, document.clone());
    let said = type_in(host.port, &["show", "latest", "--json"]);
    assert_eq!(said.json(), document);
    assert_eq!(said.err, "");
}

#[test]
fn a_run_may_be_named_by_project_and_number() {
    let host = Host::start();
    host.says("GET /api/runs/diabetes_regression%2F1", 200, samples::released());
    assert_eq!(type_in(host.port, &["show", "diabetes_regression/1"]).exit, Exit::Done);
}

#[test]
fn what_the_host_refuses_is_shown_as_it_says_it() {
    let host = Host::start();
    host.says(
        "GET /api/runs/99",
        404,
        json!({ "error": "there is no run 99", "advice": "`trainyard runs` lists them" }),
    );
    let said = type_in(host.port, &["show", "99"]);
    assert_eq!((said.exit, said.out.as_str()), (Exit::BadInput, ""));
    assert_eq!(said.err, "error: there is no run 99\n  try: `trainyard runs` lists them\n");

    let said = type_in(host.port, &["show", "99", "--json"]);
    assert_eq!(
        said.json(),
        json!({ "error": "there is no run 99", "advice": "`trainyard runs` lists them", "exit": 2 })
    );
}

#[test]
fn a_host_that_is_not_there_is_said_with_how_to_start_it() {
    let port = Host::start().port;
    let said = type_in(port, &["show", "latest"]);
    assert_eq!(said.exit, Exit::Unreachable);
    assert!(said.err.contains(&format!("no host answers at 127.0.0.1:{port}")), "{}", said.err);
    assert!(said.err.contains(&format!("`trainyard --port {port} up`")), "{}", said.err);
}

#[test]
fn another_program_on_the_port_is_no_host() {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, json!("hello")).says("GET /api/runs/1", 500, json!("oops"));
    assert_eq!(type_in(host.port, &["show", "latest"]).exit, Exit::Unreachable);
    assert_eq!(type_in(host.port, &["show", "1"]).exit, Exit::Unreachable);
}

#[test]
fn why_says_the_sentences_and_the_one_action() {
    let host = Host::start();
    let why = json!({ "sentences": ["The training failed.", "Its command ended with status 1."], "action": "Mend `train.py`." });
    host.says("GET /api/runs/latest/why", 200, why.clone());
    let said = type_in(host.port, &["why", "latest"]);
    assert_eq!(said.out, "The training failed.\nIts command ended with status 1.\nNext: Mend `train.py`.\n");
    assert_eq!(type_in(host.port, &["why", "latest", "--json"]).json(), why);
}

#[test]
fn every_state_of_a_step_has_its_sign() {
    let sign = |status: &str, outcome: Option<&str>| {
        let mut document = samples::failed("approve", "");
        document["outcome"] = json!(outcome);
        document["steps"] = json!([samples::step("approve", Some("prod"), status, &[])]);
        let run: Run = serde_json::from_value(document).unwrap();
        let line = steps::line(&run.steps[0], &run, &Style::plain_at("2025-03-04T12:10:00Z".parse().unwrap()));
        line.split_whitespace().filter(|word| *word != "approve:prod").take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(sign("succeeded", None), "✓ succeeded");
    assert_eq!(sign("failed", Some("failed")), "✕ failed");
    assert_eq!(sign("canceled", Some("rejected")), "⊘ rejected");
    assert_eq!(sign("canceled", Some("canceled")), "⊘ canceled");
    assert_eq!(sign("skipped", None), "– skipped");
    assert_eq!(sign("waiting", None), "⏸ needs");
    assert_eq!(sign("not_started", None), "○ not");
}

fn show(document: Value) -> super::Said {
    let host = Host::start();
    host.says("GET /api/runs/latest", 200, document);
    type_in(host.port, &["show", "latest"])
}
