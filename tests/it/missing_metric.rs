//! A model without the number that it is judged by is not released.

use crate::support::{Machine, Repository, assert_outcome, sentences, status};

#[test]
fn a_model_without_its_metric_fails_even_if_it_is_the_first() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("trouble", "no metric");

    let run = repository.deliver();
    let run = machine.ended(&run);

    assert_outcome(&run, "failed");
    assert_eq!((status(&run, "train"), status(&run, "evaluate")), ("succeeded", "failed"));
    let because = sentences(&run["because"]);
    assert_eq!(because, r#"the challenger has no metric "mse"; it has rows"#);
    assert!(run["model"].is_null(), "it is not registered");
    assert_eq!(machine.cli(&["watch", "latest"]).code, 1);
}
