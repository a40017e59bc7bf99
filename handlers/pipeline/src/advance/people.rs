//! People, and newer changes, come in at any time: cancel, retry, supersede.

use super::testing::Delivery;
use super::tests::{assert_quiet, cancel, deployed, prod_of_run_6, retry, superseded, wrong_answer};
use crate::effect::Effect;
use crate::event::{EnvironmentEvent, Event, JobOutputs, Message};
use crate::manifest::{Toggle, Train};
use crate::run::{On, Outcome, Progress};
use crate::steps::testing::{answered, approved_by, digest, job_failed, key, manifest, run, run_for, run_id, tell};

#[test]
fn a_run_may_be_canceled_wherever_it_waits() {
    for step in [
        "check",
        "provision",
        "train",
        "evaluate",
        "register",
        "package",
        "test_image",
        "profile",
        "deploy:qa",
        "smoke_test:qa",
        "approve:prod",
        "deploy:prod",
    ] {
        let mut delivery = Delivery::at(step);
        delivery.hears("check", cancel());

        assert_eq!(delivery.outcome(), "canceled", "{step}");
        let ended = delivery.run.ended.as_ref().unwrap();
        assert_eq!(ended.because, ["carl canceled it: wrong data"]);
        assert_eq!(ended.step, Some(key(step)));
        assert_eq!(delivery.run.steps[&key(step)].progress, Progress::Canceled);
        assert_quiet(&delivery);
    }
}

#[test]
fn a_canceled_run_s_job_is_canceled_too() {
    for step in ["check", "provision", "train", "test_image", "profile"] {
        let mut delivery = Delivery::at(step);
        let On::Job { job } = delivery.run.waiting().unwrap().2.on.clone() else { panic!("{step} waits for no job") };
        delivery.hears("check", cancel());
        assert!(delivery.done.contains(&Effect::CancelJob { job }), "{step}");
    }
}

#[test]
fn a_canceled_run_leaves_the_queue_of_an_environment() {
    let mut delivery = Delivery::at("profile");
    hold_qa(&mut delivery);
    let mut delivery = delivery.until("deploy:qa");
    delivery.hears("check", cancel());
    assert_quiet(&delivery);
}

#[test]
fn a_canceled_run_s_half_made_deployment_is_removed() {
    let mut delivery = Delivery::at("deploy:qa");
    delivery.hears("check", cancel());
    assert!(delivery.done.iter().any(|effect| matches!(effect, Effect::RemoveDeployment { .. })));
    assert!(delivery.done.contains(&tell("qa", EnvironmentEvent::Leave)));
}

#[test]
fn l_healthy_a_run_canceled_in_production_s_smoke_test_puts_the_last_good_release_back() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears("check", cancel());
    assert_eq!(delivery.waiting(), "rollback:prod");

    let delivery = delivery.finished();

    assert_eq!(delivery.environment("prod").champion().unwrap().number, 6);
    assert_quiet(&delivery);
}

#[test]
fn l_healthy_a_run_canceled_before_production_s_smoke_test_begins_puts_the_last_good_release_back() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("deploy:prod");
    let On::Deployment { deployment } = delivery.run.waiting().unwrap().2.on.clone() else { panic!() };
    delivery.hears_alone("deploy:prod", crate::steps::testing::ready(deployment.as_str()));

    delivery.hears("check", cancel());

    let delivery = delivery.finished();
    assert_eq!(delivery.environment("prod").current.as_ref().unwrap().number, 6);
    assert_quiet(&delivery);
}

#[test]
fn l_healthy_a_rollback_is_not_canceled() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears("smoke_test:prod", wrong_answer());
    delivery.hears("check", cancel());
    assert_eq!(delivery.waiting(), "rollback:prod");
    assert_eq!(delivery.finished().outcome(), "rolled_back");
}

#[test]
fn l_healthy_a_rollback_that_was_only_asked_for_is_not_canceled_either() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears_alone("smoke_test:prod", wrong_answer());
    delivery.hears("check", cancel());
    assert_eq!(delivery.finished().outcome(), "rolled_back");
}

#[test]
fn a_failed_step_is_tried_again_as_a_new_try_and_the_steps_before_it_are_not() {
    let mut delivery = Delivery::at("test_image");
    delivery.hears("test_image", job_failed("test-image-diabetes-7", "1 failed", JobOutputs::default()));
    delivery.hears("check", retry());

    assert_eq!(delivery.waiting(), "test_image");
    assert_eq!(delivery.run.steps[&key("test_image")].attempt, 2);
    assert_eq!(delivery.run.steps[&key("package")].attempt, 1);
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn i_approve_once_a_deployment_is_tried_again_only_after_another_approval() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears("smoke_test:prod", wrong_answer());
    let mut delivery = delivery.finished();

    delivery.hears("check", retry());

    assert_eq!(delivery.waiting(), "approve:prod");
    let stage = delivery.run.stage(&"prod".parse().unwrap()).unwrap();
    assert!(!stage.approval.as_ref().unwrap().granted && stage.release.is_none());
    let delivery = delivery.finished();
    assert_eq!(delivery.outcome(), "released", "a person brings the image back from quarantine");
    assert_eq!(delivery.environment("prod").champion().unwrap().image, digest("image 7"));
}

#[test]
fn a_canceled_or_expired_run_may_be_tried_again() {
    for step in ["check", "evaluate", "deploy:qa", "smoke_test:qa", "approve:prod"] {
        let mut canceled = Delivery::at(step);
        canceled.hears("check", cancel());
        canceled.hears("check", retry());
        assert_eq!(canceled.finished().outcome(), "released", "canceled at {step}");
    }
    let mut expired = Delivery::at("approve:prod");
    let deadline = expired.deadline();
    expired.hears("approve:prod", deadline);
    expired.hears("check", retry());
    assert_eq!(expired.finished().outcome(), "released");
}

#[test]
fn a_run_canceled_between_two_steps_goes_on_from_there() {
    for step in ["check", "train", "package", "smoke_test:qa", "approve:prod"] {
        let mut delivery = Delivery::at(step);
        let on = delivery.run.waiting().unwrap().2.on.clone();
        delivery.hears_alone(step, crate::steps::testing::right_answer(step, &on, None));
        delivery.hears("check", cancel());
        let done = delivery.run.steps[&key(step)].clone();

        delivery.hears("check", retry());

        let delivery = delivery.finished();
        assert_eq!(delivery.outcome(), "released", "canceled after {step}");
        if step != "approve:prod" {
            assert_eq!(delivery.run.steps[&key(step)], done, "{step} was done");
        }
    }
}

#[test]
fn a_run_canceled_before_its_first_step_begins_from_it() {
    let mut delivery = Delivery::new(run());
    delivery.hears_alone("check", cancel());
    delivery.deliver();
    delivery.hears("check", retry());
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn a_run_that_ended_well_or_was_rejected_is_not_tried_again() {
    let mut released = Delivery::new(run()).finished();
    released.hears("check", retry());
    assert_eq!(released.outcome(), "released");
    let why = "run 7 ended released and is not tried again; start a new one";
    assert_eq!(released.run.journal.last().unwrap().because, [why]);

    let mut rejected = Delivery::at("approve:prod");
    rejected.hears("approve:prod", crate::steps::testing::rejected_by("berta"));
    rejected.hears("check", retry());
    assert_eq!(rejected.outcome(), "rejected");
}

#[test]
fn a_run_that_goes_on_is_not_tried_again() {
    let mut delivery = Delivery::at("train");
    delivery.hears("check", retry());
    assert_eq!((delivery.waiting().as_str(), delivery.run.steps[&key("train")].attempt), ("train", 1));
}

#[test]
fn a_person_starts_a_training_that_waits_for_one() {
    let by_hand =
        crate::manifest::Manifest { train: Toggle::On(Train { auto: false, ..Train::default() }), ..manifest() };
    let mut delivery = Delivery::new(run_for(crate::run::Trigger::Push, by_hand)).until("train");
    delivery.hears("check", retry());
    assert!(matches!(delivery.run.waiting().unwrap().2.on, On::Job { .. }));
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn a_newer_change_takes_the_place_of_a_run_that_waits() {
    for step in ["check", "train", "package", "approve:prod"] {
        let mut delivery = Delivery::at(step);
        delivery.takes(&newer());
        assert_eq!(delivery.outcome(), "superseded", "{step}");
        assert_eq!(delivery.run.ended.as_ref().unwrap().because, ["run 8 is newer"]);
        assert_quiet(&delivery);
    }
}

#[test]
fn a_newer_change_takes_the_place_of_a_run_in_the_queue() {
    let mut delivery = Delivery::at("profile");
    hold_qa(&mut delivery);
    let mut delivery = delivery.until("deploy:qa");
    delivery.takes(&newer());
    assert_eq!(delivery.outcome(), "superseded");
    assert_quiet(&delivery);
}

#[test]
fn a_newer_change_waits_until_the_environment_is_in_order() {
    for step in ["deploy:qa", "smoke_test:qa"] {
        let mut delivery = Delivery::at(step);
        delivery.takes(&newer());
        assert_eq!((delivery.outcome(), delivery.run.superseded_by.clone()), ("", Some(run_id(8))), "{step}");

        let delivery = delivery.finished();

        assert_eq!(delivery.outcome(), "superseded", "{step}");
        assert!(delivery.environment("qa").proven, "what was begun is brought to its end");
        assert_eq!(deployed(&delivery).len(), 1, "production is left to the newer run");
        assert_quiet(&delivery);
    }
}

#[test]
fn a_run_that_is_past_being_superseded_is_released() {
    let mut delivery = Delivery::at("smoke_test:prod");
    delivery.takes(&newer());
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn a_newer_change_between_two_steps_ends_the_run_at_the_next() {
    let mut delivery = Delivery::new(run());
    delivery.takes(&newer());
    delivery.deliver();
    assert_eq!(delivery.run.ended.as_ref().map(|ended| ended.outcome), Some(Outcome::Superseded));
}

#[test]
fn an_answer_and_a_cancel_at_the_same_moment_end_the_run_once() {
    let mut delivery = Delivery::at("approve:prod");
    delivery.hears_alone("approve:prod", approved_by("berta"));
    delivery.hears("check", cancel());
    assert_eq!(delivery.outcome(), "canceled");
    assert_eq!(deployed(&delivery).len(), 1, "I-NO-EXPIRED: production is not touched");
    assert_quiet(&delivery);
}

#[test]
fn a_release_that_was_canceled_unproven_in_qa_does_not_count_as_good() {
    let mut delivery = Delivery::at("smoke_test:qa");
    delivery.hears("smoke_test:qa", Event::EndpointCalled { round: 1, answers: vec![answered(503, "")] });
    delivery.hears("check", cancel());
    assert_eq!(delivery.environment("qa").champion(), None);
    assert_quiet(&delivery);
}

/// As the intake sends it: to no step in particular.
fn newer() -> Message {
    Message { id: "superseded-by-8".into(), run: run_id(7), step: key("check"), attempt: u32::MAX, event: superseded() }
}

/// Run 6 is at work in QA.
fn hold_qa(delivery: &mut Delivery) {
    let acquire =
        EnvironmentEvent::Acquire { number: 6, image: None, explicit: false, reply_to: (key("deploy:qa"), 1) };
    delivery.other_run(6, "qa", &acquire);
}
