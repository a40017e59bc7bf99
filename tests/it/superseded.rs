//! A newer push takes the place of an older one that waits.

use crate::support::{Machine, Repository, assert_outcome, json, sentences};

#[test]
fn a_newer_push_takes_the_place_of_a_run_that_waits_for_approval() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    let older = repository.push();
    machine.at_gate(&older, "prod");

    repository.set("mse", 9.0);
    let newer = repository.deliver();
    let older = machine.ended(&older);

    assert_outcome(&older, "superseded");
    assert_eq!(sentences(&older["because"]), "run 2 is newer");
    assert_eq!(machine.cli(&["watch", "1"]).code, 1);
    let late = machine.cli(&["approve", "1", "prod", "--as", "berta"]);
    assert_eq!(late.code, 2);
    assert!(late.stderr.contains("is closed: superseded"), "{}", late.stderr);

    machine.at_gate(&newer, "prod");
    machine.approve(&newer, "prod");
    assert_outcome(&machine.ended(&newer), "released");
    assert_eq!(machine.environment("prod")["current"]["number"], json!(2));
    assert_eq!(repository.ask("prod")["mse"], 9.0);
}

#[test]
fn the_same_push_told_twice_is_one_run() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);

    let once = repository.push();
    let twice = repository.push();

    assert_eq!(once, twice);
    assert_eq!(machine.json(&["runs"])["runs"].as_array().unwrap().len(), 1);
}
