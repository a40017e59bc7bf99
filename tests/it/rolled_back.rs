//! A release that answers wrongly in production does not stay there.

use crate::support::{Machine, Repository, assert_outcome, json, sentences, status};

#[test]
fn a_release_that_fails_in_production_is_replaced_by_the_last_good_one() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    let good = repository.release();

    repository.set("mse", 9.0);
    repository.set("breaks_in", "prod");
    let run = repository.deliver();
    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    let run = machine.ended(&run);

    assert_outcome(&run, "rolled_back");
    assert_eq!((status(&run, "smoke_test:qa"), status(&run, "smoke_test:prod")), ("succeeded", "failed"));
    assert_eq!(status(&run, "rollback:prod"), "succeeded");
    let why = machine.cli(&["why", "2"]).stdout;
    assert!(why.contains("It failed in production, and the last good release serves again."), "{why}");
    assert!(why.contains("result 1 is -1 instead of 1"), "{why}");
    assert_eq!(machine.cli(&["watch", "2"]).code, 1);

    let prod = machine.environment("prod");
    assert_eq!(prod["current"]["image"], good["image"]["digest"]);
    assert_eq!((&prod["current"]["number"], &prod["proven"], &prod["holder"]), (&json!(1), &json!(true), &json!(null)));
    assert_eq!(prod["quarantine"], json!([run["image"]["digest"]]));
    assert_eq!(repository.ask("prod"), json!({"result": [1.0, 2.0], "mse": 10.0, "script": 1}));

    // The champion is again the one that serves.
    repository.set("mse", 9.5);
    repository.set("breaks_in", json!(null));
    let next = repository.release();
    assert_eq!(next["champion"]["number"], json!(1), "{}", sentences(&next["evaluation"]["because"]));
    assert_eq!(repository.ask("prod")["mse"], 9.5);
}

#[test]
fn a_first_release_that_fails_in_production_has_nothing_to_go_back_to() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("breaks_in", "prod");

    let run = repository.deliver();
    let run = machine.ended(&run);

    assert_outcome(&run, "failed");
    let because = sentences(&run["because"]);
    assert!(because.contains("there is no good release of prod to put back"), "{because}");
    // What was never proven is no champion.
    repository.set("breaks_in", json!(null));
    repository.set("mse", 20.0);
    let next = repository.release();
    assert_eq!(next["champion"], json!(null));
}
