//! What is wrong is said: what, where, and what to do.

use crate::support::{Machine, Repository, json};

#[test]
fn a_bad_manifest_is_refused_with_file_and_line() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    repository.replace("trainyard.yml", "lint:", "lnit:");
    repository.commit();

    let pushed = repository.push_with(&[]);
    assert_eq!(pushed.code, 2, "{pushed:?}");
    assert!(pushed.stderr.contains("trainyard.yml:6") && pushed.stderr.contains("lnit"), "{}", pushed.stderr);

    // The same where only the host reads it.
    let folder = repository.folder().to_str().unwrap();
    assert_eq!(machine.post("/api/sources", &json!({"project": "tiny", "path": folder})).status, 200);
    let started = machine.cli(&["start", "tiny"]);
    assert_eq!(started.code, 2, "{started:?}");
    assert!(started.stderr.contains("trainyard.yml:6") && started.stderr.contains("lnit"), "{}", started.stderr);
    assert_eq!(machine.json(&["runs"])["runs"], json!([]), "there is no run of it");
}

#[test]
fn what_is_not_there_is_named() {
    let machine = Machine::new();
    let wrong = |arguments: &[&str], said: &str| {
        let output = machine.cli(arguments);
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", output.stdout);
    };
    for command in ["show", "why", "logs", "watch", "cancel", "retry"] {
        wrong(&[command, "99"], "there is no run 99");
    }
    wrong(&["show", "latest"], "there is no run yet");
    wrong(&["approve", "99", "prod"], "there is no run 99");
    wrong(&["start", "nobody"], "nobody");
    wrong(&["push", "nowhere"], "nowhere cannot be opened");
    wrong(&["dead-letters", "redrive", "none"], "there is no dead letter none");
    wrong(&["fly"], "unrecognized subcommand");

    let missing = machine.get("/api/nothing");
    assert_eq!(missing.status, 404);
    assert!(missing.json["error"].is_string(), "an error is a JSON object too: {missing:?}");
    let nonsense = machine.post("/api/runs", &json!({"project": "../etc", "by": "anna", "manual": {}}));
    assert_eq!(nonsense.status, 400, "{nonsense:?}");
}

#[test]
fn a_host_that_is_not_there_has_an_exit_code_of_its_own() {
    let machine = Machine::prepare(&[]);
    let repository = Repository::new(&machine);

    for arguments in [&["runs"][..], &["show", "latest"], &["environments"], &["down"], &["start", "tiny"]] {
        let output = machine.cli(arguments);
        assert_eq!(output.code, 4, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains("no host answers"), "{}", output.stderr);
        assert!(output.stderr.contains(" up`"), "it says how to start one: {}", output.stderr);
    }
    assert_eq!(repository.push_with(&[]).code, 4);
}
