//! A person says no.

use crate::support::{Machine, Repository, Value, assert_outcome, json, sentences, status};

#[test]
fn a_rejected_release_does_not_reach_production() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    repository.replace("trainyard.yml", "timeout_hours: 48", "timeout_hours: 48, approvers: [berta, carl]");
    let run = repository.deliver();
    machine.at_gate(&run, "prod");

    // Somebody who is not asked cannot answer, neither way.
    for verb in ["approve", "reject"] {
        let stranger = machine.cli(&[verb, "1", "prod", "--as", "dora"]);
        assert_eq!(stranger.code, 2);
        assert!(stranger.stderr.contains("dora is not an approver for prod"), "{}", stranger.stderr);
    }
    let rejected = machine.cli(&["reject", "1", "prod", "--as", "carl", "--reason", "not on a Friday"]);
    assert_eq!((rejected.code, rejected.stdout.as_str()), (0, "carl rejected run 1 for prod\n"));
    let run = machine.ended(&run);

    assert_outcome(&run, "rejected");
    assert_eq!(sentences(&run["because"]), "carl rejected it for prod: not on a Friday");
    assert_eq!((status(&run, "smoke_test:qa"), status(&run, "deploy:prod")), ("succeeded", "not_started"));
    assert_eq!(machine.environment("prod"), Value::Null);
    assert_eq!(machine.environment("qa")["current"]["number"], json!(1), "QA keeps what it has");
    assert_eq!(machine.cli(&["watch", "1"]).code, 1);

    // No is no: neither a later yes nor another try changes it.
    let late = machine.cli(&["approve", "1", "prod", "--as", "berta"]);
    assert_eq!(late.code, 2);
    assert!(late.stderr.contains("is closed: rejected"), "{}", late.stderr);
    assert_eq!(machine.cli(&["retry", "1"]).code, 2);
}
