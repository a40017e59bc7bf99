//! What failed is tried again, and what succeeded is kept.

use std::fs;

use crate::support::{Machine, Repository, assert_outcome, json, sentences, step};

#[test]
fn a_run_that_failed_goes_on_from_the_failed_step() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let storm = machine.folder().join("storm");
    fs::write(&storm, "").unwrap();
    repository.set("trouble", "fails");
    repository.set("while", storm.to_str().unwrap());
    let run = repository.deliver();
    let failed = machine.ended(&run);
    assert_outcome(&failed, "failed");

    // Still bad: a second try fails as the first.
    machine.json(&["retry", &run]);
    let failed =
        machine.until(&run, "it failed again", |run| run["outcome"].is_string() && step(run, "train")["attempt"] == 2);
    assert_outcome(&failed, "failed");

    fs::remove_file(storm).unwrap();
    let retried = machine.cli(&["retry", &run, "--follow", "--as", "carl", "--json"]);

    assert_eq!(retried.code, 0, "{}", retried.stderr);
    let retried = retried.json;
    assert_outcome(&retried, "released");
    assert_eq!(step(&retried, "train")["attempt"], json!(3));
    for kept in ["check", "provision"] {
        assert_eq!(step(&retried, kept), step(&failed, kept), "{kept} was not repeated");
    }
    assert!(machine.home().join("jobs/check-tiny-1").exists());
    let again = machine.cli(&["retry", &run]);
    assert_eq!(again.code, 2, "a run that was released is not tried again");
    let journal = retried["journal"].as_array().unwrap();
    let asked = journal.iter().find(|entry| entry["by"] == "carl").unwrap();
    assert!(sentences(&asked["because"]).contains("from train on"), "{asked}");
}
