//! The champion stays where the challenger is not better.

use crate::support::{Machine, Repository, assert_outcome, json, sentences, status};

#[test]
fn a_model_that_is_equal_or_worse_is_not_released() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let first = repository.release();

    // Equal: the same numbers from another commit.
    repository.write("training/notes.txt", "tried again\n");
    let run = repository.deliver();
    let run = machine.ended(&run);
    assert_outcome(&run, "not_better");
    assert_eq!((&run["metrics"]["mse"], &run["champion"]["metrics"]["mse"]), (&json!(10.0), &json!(10.0)));
    assert_eq!((&run["champion"]["model"]["version"], &run["champion"]["number"]), (&json!(1), &json!(1)));
    assert!(sentences(&run["because"]).contains("equal is not better"), "{}", run["because"]);
    assert_eq!((status(&run, "evaluate"), status(&run, "register")), ("succeeded", "not_started"));
    assert!(run["model"].is_null(), "it is not registered");
    assert_eq!(machine.cli(&["watch", "latest"]).code, 0, "nothing is wrong");

    // Worse, and registered for the record.
    repository.set("mse", 11.5);
    repository.replace("trainyard.yml", "evaluate:", "evaluate:\n  on_worse: register");
    let run = repository.deliver();
    let run = machine.ended(&run);
    assert_outcome(&run, "not_better");
    let because = sentences(&run["evaluation"]["because"]);
    assert!(because.contains("mse 11.5000 is not better than 10.0000 of tiny_model:1 in production"), "{because}");
    assert_eq!((&run["model"]["version"], status(&run, "package")), (&json!(2), "not_started"));

    let prod = machine.environment("prod");
    assert_eq!(prod["current"]["image"], first["image"]["digest"], "the champion serves as before");
    assert_eq!(repository.ask("prod")["mse"], 10.0);
}

#[test]
fn whoever_turns_the_comparison_off_releases_without_it() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.release();

    repository.set("mse", 12.0);
    repository.replace("trainyard.yml", "evaluate:", "evaluate:\n  run: false");
    let run = repository.release();

    assert_eq!(status(&run, "evaluate"), "skipped");
    assert_eq!(repository.ask("prod")["mse"], 12.0);
}
