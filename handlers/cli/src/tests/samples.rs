//! Runs as the host tells them.

use serde_json::{Value, json};

const IMAGE: &str = "sha256:5e6f7a8b9c0d1e2f5e6f7a8b9c0d1e2f5e6f7a8b9c0d1e2f5e6f7a8b9c0d1e2f";

pub fn step(step: &str, environment: Option<&str>, status: &str, because: &[&str]) -> Value {
    let ended = !matches!(status, "waiting" | "not_started");
    json!({
        "step": step, "environment": environment, "status": status, "attempt": 1,
        "started_at": (status != "not_started").then_some("2025-03-04T12:00:00Z"),
        "ended_at": ended.then_some("2025-03-04T12:01:04Z"),
        "because": because,
        "waiting_for": null,
    })
}

fn run(outcome: Option<&str>, steps: Vec<Value>) -> Value {
    json!({
        "id": "r8258-ab12cd34", "number": 1, "project": "diabetes_regression",
        "commit": "1a2b3c4d".repeat(5), "branch": "main", "trigger": "push", "requested_by": "demo",
        "created_at": "2025-03-04T11:59:58Z", "ended_at": outcome.map(|_| "2025-03-04T12:05:00Z"),
        "outcome": outcome, "waiting_for": null, "because": [], "advice": null,
        "steps": steps, "metrics": { "mse": 3295.7149 }, "champion": null,
        "model": { "name": "diabetes_regression_model", "version": 1, "digest": "sha256:00112233445566778899" },
        "image": { "digest": IMAGE }, "environments": {}, "reports": {}, "journal": [],
    })
}

pub fn training() -> Value {
    let mut run = run(
        None,
        vec![
            step("check", None, "succeeded", &["pytest: 14 passed"]),
            step("train", None, "waiting", &[]),
            step("evaluate", None, "not_started", &[]),
        ],
    );
    run["steps"][1]["waiting_for"] = json!("job train-1");
    run["waiting_for"] = json!("job train-1");
    run["model"] = Value::Null;
    run["image"] = Value::Null;
    run["metrics"] = json!({});
    run
}

pub fn waits_for_approval() -> Value {
    let mut run = run(
        None,
        vec![
            step("train", None, "succeeded", &[]),
            step("deploy", Some("qa"), "succeeded", &[]),
            step("approve", Some("prod"), "waiting", &["waits for one approval for prod"]),
            step("deploy", Some("prod"), "not_started", &[]),
        ],
    );
    run["waiting_for"] = json!("approval for prod");
    run["steps"][2]["waiting_for"] = json!("approval for prod");
    run["environments"] = json!({
        "prod": { "endpoint": null, "release": null, "approval": {
            "opened_at": "2025-03-04T12:02:00Z", "deadline": "2025-03-06T12:02:00Z", "answers": [], "granted": false } },
        "qa": { "endpoint": "http://127.0.0.1:7071/endpoints/diabetes_regression/qa/score", "release": {
            "number": 1, "model": { "name": "diabetes_regression_model", "version": 1 }, "image": IMAGE }, "approval": null },
    });
    run
}

pub fn released() -> Value {
    let mut run = waits_for_approval();
    run["outcome"] = json!("released");
    run["ended_at"] = json!("2025-03-04T12:05:00Z");
    run["waiting_for"] = Value::Null;
    run["steps"][2] = step("approve", Some("prod"), "succeeded", &["ana approved it for prod"]);
    run["steps"][3] = step("deploy", Some("prod"), "succeeded", &[]);
    run["environments"]["prod"] = json!({
        "endpoint": "/endpoints/diabetes_regression/prod/score",
        "release": { "number": 1, "model": { "name": "diabetes_regression_model", "version": 1 }, "image": IMAGE },
        "approval": { "opened_at": "2025-03-04T12:02:00Z", "deadline": "2025-03-06T12:02:00Z", "granted": true,
            "answers": [{ "by": "ana", "verdict": "approve", "reason": "fine", "at": "2025-03-04T12:03:00Z" }] },
    });
    run
}

pub fn not_better() -> Value {
    let mut run = run(
        Some("not_better"),
        vec![
            step("train", None, "succeeded", &[]),
            step("evaluate", None, "succeeded", &["mse 3295.7149 is not below 3295.7149"]),
        ],
    );
    run["number"] = json!(2);
    run["trigger"] = json!("manual start");
    run["champion"] = json!({
        "number": 1, "model": { "name": "diabetes_regression_model", "version": 1, "metrics": { "mse": 3295.7149 } } });
    run["model"] = Value::Null;
    run["image"] = Value::Null;
    run
}

pub fn failed(step_name: &str, reason: &str) -> Value {
    let mut run = run(Some("failed"), vec![step(step_name, None, "failed", &[reason])]);
    run["because"] = json!([reason]);
    run["advice"] = json!("Mend it and push again.");
    run["metrics"] = json!({});
    run["model"] = Value::Null;
    run["image"] = Value::Null;
    run
}
