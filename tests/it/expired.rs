//! Nobody answers.

use crate::support::{Machine, Repository, Value, assert_outcome, sentences, status};

#[test]
fn an_approval_that_nobody_gives_in_time_expires() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    // One second.
    repository.replace("trainyard.yml", "timeout_hours: 48", "timeout_hours: 0.0003");

    let run = repository.deliver();
    let run = machine.ended(&run);

    assert_outcome(&run, "expired");
    assert_eq!(sentences(&run["because"]), "nobody answered for prod within 1 s");
    assert_eq!((status(&run, "approve:prod"), status(&run, "deploy:prod")), ("canceled", "not_started"));
    assert_eq!(machine.environment("prod"), Value::Null);
    assert_eq!(machine.cli(&["watch", "1"]).code, 1);
    let late = machine.cli(&["approve", "1", "prod", "--as", "berta"]);
    assert_eq!(late.code, 2);
    assert!(late.stderr.contains("is closed: expired"), "{}", late.stderr);
    let why = machine.cli(&["why", "1"]).stdout;
    assert!(why.contains("It expired at approve:prod.") && why.contains("trainyard retry"), "{why}");
}
