//! A person ends a run.

use crate::support::{Machine, Repository, Value, assert_outcome, eventually, mentioning, sentences, status};

#[test]
fn a_run_that_is_canceled_while_it_trains_leaves_no_job_behind() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("trouble", "hangs");
    let run = repository.deliver();
    machine.at_step(&run, "train");
    eventually("it trains", || machine.cli(&["logs", &run, "train"]).stdout.contains("hanging").then_some(()));
    let job = machine.home().join("jobs/train-tiny-1");
    assert!(!mentioning(&job).is_empty(), "the job is a process");

    let canceled = machine.cli(&["cancel", &run, "--as", "carl", "--reason", "wrong data"]);
    assert_eq!((canceled.code, canceled.stdout.as_str()), (0, "carl canceled run 1\n"));
    let ended = machine.ended(&run);

    assert_outcome(&ended, "canceled");
    assert_eq!(sentences(&ended["because"]), "carl canceled it: wrong data");
    assert_eq!(status(&ended, "train"), "canceled");
    eventually("the job is gone", || mentioning(&job).is_empty().then_some(()));
    assert_eq!(machine.cli(&["watch", &run]).code, 1);
    let again = machine.cli(&["cancel", &run]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("has ended already: canceled"), "{}", again.stderr);
}

#[test]
fn a_run_that_is_canceled_while_it_waits_for_approval_cannot_be_approved_any_more() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);
    let run = repository.push();
    machine.at_gate(&run, "prod");

    machine.json(&["cancel", &run]);
    let ended = machine.ended(&run);

    assert_outcome(&ended, "canceled");
    let late = machine.cli(&["approve", &run, "prod", "--as", "berta"]);
    assert_eq!(late.code, 2);
    assert!(late.stderr.contains("is closed: canceled"), "{}", late.stderr);
    assert_eq!(machine.environment("prod"), Value::Null);
}
