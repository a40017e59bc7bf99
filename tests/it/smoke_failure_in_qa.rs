//! A release that answers wrongly is found in QA.

use crate::support::{Machine, Repository, Value, assert_outcome, sentences, status};

#[test]
fn a_release_that_answers_wrongly_in_qa_never_reaches_production() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("factor", 2.0);

    let run = repository.deliver();
    let run = machine.ended(&run);

    assert_outcome(&run, "failed");
    assert_eq!((status(&run, "smoke_test:qa"), status(&run, "deploy:prod")), ("failed", "not_started"));
    let because = sentences(&run["because"]);
    assert!(because.contains("scoring/smoke.json: result 1 is 2 instead of 1"), "{because}");
    assert_eq!(machine.environment("prod"), Value::Null);
    let qa = machine.environment("qa");
    assert_eq!((&qa["proven"], &qa["holder"]), (&Value::Bool(false), &Value::Null), "{qa:#}");
    assert_eq!(machine.cli(&["watch", "1"]).code, 1);

    // The next good one goes through.
    repository.set("factor", 1.0);
    repository.release();
}
