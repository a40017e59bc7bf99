//! A person puts the last good release back.

use crate::support::{Machine, Repository, assert_outcome, json, sentences};

#[test]
fn a_person_puts_the_last_good_release_back() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let first = repository.release();
    let nothing = machine.cli(&["rollback", "tiny", "prod", "--follow", "--json"]);
    assert_eq!(nothing.code, 1, "there is nothing to go back to yet");
    assert!(sentences(&nothing.json["because"]).contains("no earlier good release"), "{}", nothing.json["because"]);
    repository.set("mse", 9.0);
    repository.release();

    let back = machine.cli(&["rollback", "tiny", "prod", "--follow", "--as", "carl", "--json"]);

    assert_eq!(back.code, 0, "{}", back.stderr);
    assert_outcome(&back.json, "released");
    assert_eq!(back.json["trigger"], "rollback of prod");
    let prod = machine.environment("prod");
    assert_eq!(prod["current"]["image"], first["image"]["digest"]);
    assert_eq!((&prod["proven"], &prod["holder"]), (&json!(true), &json!(null)));
    assert_eq!(repository.ask("prod")["mse"], 10.0);
    let unknown = machine.cli(&["rollback", "tiny", "moon"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("tiny has no environment moon; it has qa, prod"), "{}", unknown.stderr);
}
