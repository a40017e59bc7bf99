//! A training that ends badly ends its run, with the reason.

use std::fs;

use rustix::process::Signal;

use crate::support::{Machine, Repository, Value, assert_outcome, eventually, mentioning, sentences, signal, status};

#[test]
fn a_training_that_fails_ends_the_run_with_its_last_words() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("trouble", "fails");

    let run = repository.deliver();
    let run = machine.ended(&run);

    failed_at_training(&run);
    let because = sentences(&run["because"]);
    assert!(because.contains("the training data is broken"), "{because}");
    let why = machine.cli(&["why", "latest"]).stdout;
    assert!(why.contains("It failed at train.") && why.contains("trainyard retry"), "{why}");
    assert_eq!(machine.cli(&["watch", "latest"]).code, 1);
    assert!(machine.cli(&["logs", "latest", "train"]).stdout.contains("training on 2 rows"));

    // One that ends well and leaves no model has failed too.
    repository.set("trouble", "no model");
    let run = repository.deliver();
    let run = machine.ended(&run);
    failed_at_training(&run);
    let because = sentences(&run["because"]);
    assert!(because.contains("model.json"), "{because}");
}

#[test]
fn a_training_that_hangs_is_ended_when_its_time_is_up() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    let text = repository.read("trainyard.yml");
    let (before, after) = text.rsplit_once("timeout_minutes: 10").unwrap();
    repository.write("trainyard.yml", &format!("{before}timeout_minutes: 1{after}"));
    repository.set("trouble", "hangs");

    let run = repository.deliver();
    let run = machine.ended(&run);

    failed_at_training(&run);
    let because = sentences(&run["because"]);
    assert!(because.contains("60 s") && because.contains("timeout_minutes"), "{because}");
    let job = machine.home().join("jobs/train-tiny-1");
    eventually("the job is gone", || mentioning(&job).is_empty().then_some(()));
}

#[test]
fn a_training_that_is_canceled_behind_our_back_ends_the_run() {
    let machine = Machine::new();
    let repository = Repository::without_gate(&machine);
    repository.set("trouble", "hangs");
    let run = repository.deliver();
    machine.at_step(&run, "train");
    eventually("it trains", || machine.cli(&["logs", &run, "train"]).stdout.contains("hanging").then_some(()));

    // As the job platform does it, and nobody tells the run.
    let job = machine.home().join("jobs/train-tiny-1");
    fs::write(job.join("cancel"), "").unwrap();
    let supervisor = fs::read_to_string(job.join("pid")).unwrap();
    signal(supervisor.trim().parse().unwrap(), Signal::TERM);
    let run = machine.ended(&run);

    failed_at_training(&run);
    let because = sentences(&run["because"]);
    assert!(because.contains("was canceled on the job platform, not by Trainyard"), "{because}");
}

#[track_caller]
fn failed_at_training(run: &Value) {
    assert_outcome(run, "failed");
    assert_eq!((status(run, "train"), status(run, "evaluate")), ("failed", "not_started"));
    assert!(run["model"].is_null() && run["advice"].is_string(), "{run:#}");
}
