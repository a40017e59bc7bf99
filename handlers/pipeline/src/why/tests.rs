use jiff::SignedDuration;

use super::{sentence, span, why};
use crate::advance::testing::Delivery;
use crate::event::Event;
use crate::run::{Run, Trigger};
use crate::steps::testing::{MSE_04, answered, manifest, noon, outputs, release, run, run_for, run_id, unreachable};
use crate::{environment::Environment, steps::testing};

#[test]
fn a_run_that_waits_for_people_says_for_whom_how_long_and_what_they_do() {
    let delivery = Delivery::at("approve:prod");

    let why = why(&delivery.run, noon() + SignedDuration::from_hours(3));

    assert_eq!(
        why.sentences,
        [
            "Run 7 of diabetes was started by anna (push of commit aaaaaaaa on main).",
            "It is at approve:prod and waits for approval for prod, since 3 h.",
            "Waits for one approval for prod.",
            "If nothing comes, it gives up in 1 day 21 h.",
        ]
    );
    assert_eq!(why.action.as_deref(), Some("`trainyard approve 7 prod` or `trainyard reject 7 prod`"));
}

#[test]
fn a_retraining_says_why_before_what() {
    let trigger = Trigger::Retraining { why: "drift of 0.42 in patients".into() };
    let why = explain(&run_for(trigger, manifest()));
    let wanted =
        "Run 7 of diabetes was started by anna (retraining: drift of 0.42 in patients, commit aaaaaaaa on main).";
    assert_eq!(why[0], wanted);
}

#[test]
fn a_run_that_waits_for_a_job_needs_nothing() {
    let why = explain(&Delivery::at("train").run);
    assert_eq!(why[1], "It is at train and waits for job train-diabetes-7, since 0 s.");
    assert_eq!(why[2], "Job train-diabetes-7 was submitted.");
}

#[test]
fn a_wait_whose_time_is_up_is_said_to_end() {
    let delivery = Delivery::at("train");
    let why = why(&delivery.run, noon() + SignedDuration::from_hours(30));
    assert_eq!(why.sentences.last().unwrap(), "Its time is up; the next sweep ends it.");
}

#[test]
fn a_released_run_needs_no_action() {
    let delivery = Delivery::new(run()).finished();
    let why = why(&delivery.run, noon());
    assert_eq!(why.sentences[1], "It was released.");
    assert_eq!(why.action, None);
}

#[test]
fn a_model_that_is_not_better_ended_well_and_shows_both_numbers() {
    let mut prod = Environment::new("diabetes".parse().unwrap(), "prod".parse().unwrap());
    prod.current = Some(release(6, MSE_04));
    prod.proven = true;

    let delivery = Delivery::new(run()).beside(prod).finished();

    let why = why(&delivery.run, noon());
    assert_eq!(why.sentences[1], "It ended well, and the champion stays: the new model is not better.");
    assert!(why.sentences[2].contains("3295.7411"), "{}", why.sentences[2]);
    assert_eq!(why.action, None);
}

#[test]
fn a_failed_run_says_where_why_and_what_to_do() {
    let mut delivery = Delivery::at("check");
    delivery.hears("check", testing::job_failed("check-diabetes-7", "test exited with 1", outputs(&[], &[])));

    let why = why(&delivery.run, noon());

    assert_eq!(why.sentences[1..], ["It failed at check.", "test exited with 1."]);
    assert_eq!(why.action.as_deref(), Some("Look with `trainyard logs 7 check`, then `trainyard retry 7`."));
}

#[test]
fn a_rolled_back_run_says_what_was_wrong_with_the_release() {
    let mut prod = Environment::new("diabetes".parse().unwrap(), "prod".parse().unwrap());
    prod.good = vec![release(6, testing::MSE_05)];
    let mut delivery = Delivery::new(run()).beside(prod).until("smoke_test:prod");
    delivery.hears("smoke_test:prod", Event::EndpointCalled { round: 1, answers: vec![answered(500, "oops")] });

    let delivery = delivery.finished();

    let why = explain(&delivery.run);
    assert_eq!(why[1], "It failed in production, and the last good release serves again.");
    assert!(why.iter().any(|sentence| sentence.contains("answered HTTP 500 instead of 200: oops")), "{why:?}");
}

#[test]
fn a_run_between_two_steps_says_which_is_next() {
    let delivery = Delivery::new(run());
    assert_eq!(explain(&delivery.run)[1], "check has been asked to begin.");
}

#[test]
fn a_run_that_a_newer_one_follows_says_so() {
    let mut delivery = Delivery::at("smoke_test:qa");
    delivery.hears("smoke_test:qa", Event::EndpointCalled { round: 1, answers: vec![unreachable()] });
    delivery.hears("check", Event::Superseded { by: run_id(8), number: 8 });
    let why = explain(&delivery.run);
    assert_eq!(why.last().unwrap(), "Run r-8 is newer and takes its place once the environment is in order.");
}

#[test]
fn a_run_without_steps_was_skipped() {
    let delivery = Delivery::new(run_for(Trigger::Manual, no_steps()));
    assert_eq!(explain(&delivery.run)[1..], ["It was skipped.", "It has no steps."]);
}

#[test]
fn a_reason_becomes_a_sentence_and_a_command_s_name_stays_as_it_is() {
    assert_eq!(sentence("the tests failed"), "The tests failed.");
    assert_eq!(sentence("Done!"), "Done!");
    assert_eq!(sentence("mse 3.5 is better"), "mse 3.5 is better.");
    assert_eq!(sentence("pytest: 14 passed"), "pytest: 14 passed.");
    assert_eq!(sentence("`check: false` in trainyard.yml"), "`check: false` in trainyard.yml.");
    assert_eq!(sentence("été"), "été.");
}

#[test]
fn a_duration_is_told_as_people_do() {
    let told = [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (64, "1 min 4 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (86_400, "1 day"),
        (90_000, "1 day 1 h"),
        (172_800, "2 days"),
        (183_600, "2 days 3 h"),
        (-5, "0 s"),
    ];
    for (seconds, words) in told {
        assert_eq!(span(SignedDuration::from_secs(seconds)), words);
    }
}

fn explain(run: &Run) -> Vec<String> {
    why(run, noon()).sentences
}

fn no_steps() -> crate::manifest::Manifest {
    use crate::manifest::{Manifest, Toggle};
    Manifest { check: Toggle::Off(false), train: Toggle::Off(false), ..manifest() }
}
