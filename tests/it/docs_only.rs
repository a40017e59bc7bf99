//! A change that concerns no delivery starts none.

use crate::support::{Machine, Repository, assert_outcome, json, sentences};

#[test]
fn a_change_of_nothing_but_documentation_is_skipped() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.release();

    repository.write("README.md", "# Tiny\n");
    repository.write("docs/how.txt", "Like this.\n");
    repository.commit();
    let pushed = repository.push_with(&["--follow"]);

    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    let run = machine.show("latest");
    assert_outcome(&run, "skipped");
    assert_eq!((&run["number"], &run["steps"]), (&json!(2), &json!([])));
    let because = sentences(&run["because"]);
    assert_eq!(because, "`triggers.paths` leaves out all changed files: `README.md`, `docs/how.txt`");

    // A branch that is not delivered is skipped as well.
    repository.branch("attic");
    repository.set("mse", 1.0);
    repository.commit();
    assert_eq!(repository.push_with(&[]).code, 0);
    let run = machine.show("latest");
    assert_outcome(&run, "skipped");
    assert!(sentences(&run["because"]).contains("branch attic is not delivered"), "{}", run["because"]);
}
