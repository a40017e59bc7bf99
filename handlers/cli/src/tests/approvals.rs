//! What people say to runs.

use serde_json::json;

use super::host::Host;
use super::type_in;
use crate::Exit;

#[test]
fn an_approval_carries_who_and_why() {
    let host = Host::start();
    host.says("POST /api/runs/7/approvals/prod", 200, json!({ "ok": true, "said": "ana approved run 7 for prod." }));
    let said = type_in(host.port, &["approve", "7", "prod", "--as", "ana", "--reason", "looks right"]);
    assert_eq!((said.exit, said.out.as_str()), (Exit::Done, "ana approved run 7 for prod.\n"));
    let body = host.body_of("POST /api/runs/7/approvals/prod");
    assert_eq!(body, json!({ "decision": "approve", "by": "ana", "reason": "looks right" }));
}

#[test]
fn a_rejection_without_a_reason_says_none() {
    let host = Host::start();
    host.says("POST /api/runs/latest/approvals/prod", 200, json!({ "ok": true, "said": "Rejected." }));
    assert_eq!(type_in(host.port, &["reject", "latest", "prod", "--as", "ana"]).exit, Exit::Done);
    let body = host.body_of("POST /api/runs/latest/approvals/prod");
    assert_eq!(body, json!({ "decision": "reject", "by": "ana" }));
}

#[test]
fn an_approval_that_comes_too_late_is_bad_input() {
    let host = Host::start();
    let closed = json!({ "error": "the approval of run 7 for prod is closed: expired", "advice": null });
    host.says("POST /api/runs/7/approvals/prod", 409, closed);
    let said = type_in(host.port, &["approve", "7", "prod", "--as", "ana"]);
    assert_eq!(said.exit, Exit::BadInput);
    assert_eq!(said.err, "error: the approval of run 7 for prod is closed: expired\n");
}

#[test]
fn canceling_and_trying_again_name_the_person() {
    let host = Host::start();
    host.says("POST /api/runs/7/cancel", 200, json!({ "ok": true, "said": "Run 7 is canceled." }));
    host.says("POST /api/runs/7/retry", 200, json!({ "ok": true, "said": "Run 7 tries train again." }));
    assert_eq!(type_in(host.port, &["cancel", "7", "--as", "ana", "--reason", "wrong"]).out, "Run 7 is canceled.\n");
    assert_eq!(type_in(host.port, &["retry", "7", "--as", "ana"]).out, "Run 7 tries train again.\n");
    assert_eq!(host.body_of("POST /api/runs/7/cancel"), json!({ "by": "ana", "reason": "wrong" }));
}

#[test]
fn a_rollback_is_a_run_of_its_own() {
    let host = Host::start();
    let begun = json!({ "id": "r1", "number": 8, "project": "p", "created": true, "outcome": null, "because": [] });
    host.says("POST /api/runs", 200, begun);
    let said = type_in(host.port, &["rollback", "p", "prod", "--as", "ana"]);
    assert_eq!(said.exit, Exit::Done);
    assert!(said.out.starts_with("Run 8 of p begins.\n"), "{}", said.out);
    let body = host.body_of("POST /api/runs");
    assert_eq!(body, json!({ "project": "p", "by": "ana", "rollback": { "environment": "prod" } }));
}

#[test]
fn each_way_to_start_a_run_by_hand_asks_for_it_in_its_own_words() {
    let commit = "1a2b3c4d".repeat(5);
    let cases: [(&[&str], &str, serde_json::Value); 7] = [
        (&[], "manual", json!({})),
        (&["--branch", "main"], "manual", json!({ "branch": "main" })),
        (&["--commit", &commit], "manual", json!({ "commit": commit })),
        (&["--model", "m:3"], "model", json!({ "name": "m", "version": 3 })),
        (&["--image", "sha256:5e6f"], "image", json!({ "digest": "sha256:5e6f" })),
        (&["--reuse", "7"], "redeploy", json!({ "run": "7" })),
        (&["--rehearse"], "rehearsal", json!({})),
    ];
    for (args, key, what) in cases {
        let host = Host::start();
        let begun = json!({ "id": "r1", "number": 8, "project": "p", "created": true, "outcome": null, "because": [] });
        host.says("POST /api/runs", 200, begun);
        let line: Vec<&str> = ["start", "p", "--as", "ana"].into_iter().chain(args.iter().copied()).collect();
        assert_eq!(type_in(host.port, &line).exit, Exit::Done);
        let mut wanted = json!({ "project": "p", "by": "ana" });
        wanted[key] = what;
        assert_eq!(host.body_of("POST /api/runs"), wanted);
    }
}
