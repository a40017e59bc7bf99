use super::testing::Delivery;
use super::{EARLY_KEPT, IGNORED_KEPT, advance};
use crate::effect::Effect;
use crate::environment::Environment;
use crate::event::{EnvironmentEvent, Event, JobOutputs};
use crate::manifest::Toggle;
use crate::names::Digest;
use crate::run::{On, Outcome, Progress, Run, Trigger};
use crate::steps::testing::{
    MSE_04, MSE_05, answered, approved_by, broken, completed, digest, environment, job_failed, key, manifest, model,
    ready, rejected_by, release, right_outputs, run, run_for, run_id,
};

const WAITS: [&str; 11] = [
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
];

#[test]
fn a_run_goes_through_its_steps_one_by_one_and_is_released() {
    let delivery = Delivery::new(run()).finished();

    assert_eq!(delivery.outcome(), "released");
    let begun = delivery.taken.iter().filter(|message| message.event == Event::Requested);
    let begun: Vec<_> = begun.map(|message| message.step.clone()).collect();
    assert_eq!(begun, delivery.run.plan);
    assert_eq!(delivery.environment("prod").champion().unwrap().run, run_id(7));
}

#[test]
fn one_image_goes_from_qa_to_production() {
    let delivery = Delivery::new(run()).finished();
    assert_eq!(deployed(&delivery), [("qa", digest("image 7")), ("prod", digest("image 7"))]);
}

#[test]
fn the_commit_s_status_is_set_when_a_run_starts_and_when_it_ends() {
    let delivery = Delivery::new(run()).finished();
    let status = |good, outcome, text: &str| Effect::SetStatus { good, outcome, description: text.into() };
    assert_eq!(delivery.done.first(), Some(&status(None, None, "run 7 is under way")));
    let end = status(Some(true), Some(Outcome::Released), "run 7 released: 1 of 1 answers are right");
    assert_eq!(delivery.done.last(), Some(&end));
}

#[test]
fn i_effect_once_every_message_twice_is_every_message_once() {
    let once = Delivery::new(run()).finished();
    let mut run = run();
    super::start(&mut run, once.now);
    for message in &once.taken {
        advance(&mut run, message, once.now);
        let after_the_first = run.clone();
        assert!(!advance(&mut run, message, once.now), "{message:?} is taken twice");
        assert_eq!(run, after_the_first);
    }
    assert_eq!(run.ended, once.run.ended);
}

#[test]
fn news_that_comes_before_its_step_is_kept_until_the_step_begins() {
    let mut delivery = Delivery::at("check");
    let early = delivery.news("train", completed("train-diabetes-7", right_outputs("train")));
    assert!(delivery.takes(&early));
    assert!(!delivery.takes(&early), "it is on record, and once is enough");

    let delivery = delivery.until("evaluate");

    assert_eq!((delivery.run.early.len(), delivery.run.facts.metrics["mse"]), (0, MSE_04));
}

#[test]
fn early_news_is_bounded() {
    let mut delivery = Delivery::at("check");
    for _ in 0..EARLY_KEPT + 10 {
        delivery.hears("train", completed("train-diabetes-8", JobOutputs::default()));
    }
    assert_eq!(delivery.run.early.len(), EARLY_KEPT);
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn a_poll_a_deadline_or_an_answer_before_its_step_is_about_nothing_and_not_kept() {
    let mut delivery = Delivery::at("check");
    for event in [Event::PollDue, Event::DeadlinePassed, approved_by("berta")] {
        delivery.hears("approve:prod", event);
    }
    assert_eq!(delivery.run.early, []);
}

#[test]
fn news_of_an_older_try_changes_nothing() {
    let mut delivery = Delivery::at("train");
    delivery.hears("train", job_failed("train-diabetes-7", "no memory", JobOutputs::default()));
    delivery.hears("train", retry());
    let waiting = delivery.run.steps.clone();

    let mut old = delivery.news("train", completed("train-diabetes-7-2", right_outputs("train")));
    old.attempt = 1;
    delivery.takes(&old);

    assert_eq!(delivery.run.steps, waiting);
    assert_eq!(last_entry(&delivery.run), "ignored: job train-diabetes-7-2 completed");
}

#[test]
fn a_deadline_that_has_not_come_yet_was_of_an_earlier_wait_and_ends_nothing() {
    for step in WAITS {
        let mut delivery = Delivery::at(step);
        assert!(!delivery.hears(step, Event::DeadlinePassed), "{step}");
        assert_eq!(delivery.waiting(), step);
    }
}

#[test]
fn l_terminates_every_wait_has_a_deadline_that_ends_the_run() {
    for step in WAITS {
        let mut delivery = Delivery::at(step);
        let deadline = delivery.deadline();
        delivery.hears(step, deadline);
        assert!(["failed", "expired"].contains(&delivery.outcome()), "{step}: {}", delivery.outcome());
        assert_quiet(&delivery);
    }
}

#[test]
fn a_run_that_has_ended_ignores_what_it_is_told() {
    let mut delivery = Delivery::new(run()).finished();
    for step in WAITS {
        for event in [Event::Requested, Event::PollDue, approved_by("berta"), cancel(), superseded()] {
            let (steps, ended) = (delivery.run.steps.clone(), delivery.run.ended.clone());
            delivery.hears(step, event);
            assert_eq!((steps, ended), (delivery.run.steps.clone(), delivery.run.ended.clone()));
        }
    }
    assert_quiet(&delivery);
}

#[test]
fn an_environment_that_is_given_to_a_run_that_has_ended_is_given_back() {
    let mut delivery = Delivery::at("deploy:qa");
    delivery.hears("check", cancel());
    // The run's question had been on its way when it was canceled.
    let reply_to = (key("deploy:qa"), 1);
    let acquire = EnvironmentEvent::Acquire { number: 7, image: None, explicit: false, reply_to };
    delivery.other_run(7, "qa", &acquire);
    assert!(delivery.environment("qa").holder.is_some());

    delivery.hears("deploy:qa", Event::EnvironmentGranted { current: None, last_good: None });

    assert_quiet(&delivery);
}

#[test]
fn ignored_news_is_on_record_but_cannot_fill_the_journal() {
    let mut delivery = Delivery::at("train");
    let before = delivery.run.journal.len();
    for _ in 0..IGNORED_KEPT + 50 {
        delivery.hears("train", completed("train-diabetes-8", JobOutputs::default()));
    }
    assert_eq!(delivery.run.journal.len(), before + IGNORED_KEPT);
}

#[test]
fn a_poll_that_finds_nothing_new_leaves_no_trace_in_the_journal() {
    let mut delivery = Delivery::at("train");
    let before = delivery.run.journal.len();
    assert!(delivery.hears("train", Event::PollDue), "the next poll is on record");
    delivery.hears("train", Event::JobRunning { job: "train-diabetes-7".parse().unwrap() });
    assert_eq!(delivery.run.journal.len(), before);
}

#[test]
fn a_step_that_the_run_does_not_take_cannot_be_told_anything() {
    let mut delivery = Delivery::at("check");
    delivery.hears("deploy:staging", Event::Requested);
    delivery.hears("rollback:prod", Event::Requested);
    assert_eq!(delivery.run.journal.last().unwrap().because, ["the run has no such step"]);
    assert_eq!(delivery.waiting(), "check");
}

#[test]
fn i_no_untested_a_step_that_is_asked_before_its_turn_does_not_begin() {
    let mut delivery = Delivery::at("train");
    for step in ["train", "check", "package", "deploy:prod"] {
        delivery.hears(step, Event::Requested);
        assert_eq!(delivery.waiting(), "train");
    }
    assert_eq!(delivery.run.journal.last().unwrap().because, ["it is not this step's turn"]);
}

#[test]
fn i_pr_isolation_a_pull_request_is_checked_and_makes_nothing() {
    let trigger = Trigger::PullRequest { number: 12, base: "main".parse().unwrap() };
    let delivery = Delivery::new(run_for(trigger, manifest())).finished();

    assert_eq!(delivery.outcome(), "checked");
    let harmless = |effect: &Effect| matches!(effect, Effect::SubmitJob(_)) || effect.is_for_people();
    assert!(delivery.done.iter().all(harmless), "{:?}", delivery.done);
}

#[test]
fn a_run_without_steps_ends_at_once() {
    let nothing = crate::manifest::Manifest { check: Toggle::Off(false), train: Toggle::Off(false), ..manifest() };
    assert_eq!(Delivery::new(run_for(Trigger::Push, nothing)).outcome(), "skipped");
}

#[test]
fn a_rehearsal_visits_every_step_asks_people_and_does_nothing() {
    let delivery = Delivery::new(run_for(Trigger::Rehearsal, manifest())).until("approve:prod").finished();

    assert!(delivery.run.steps.values().all(|record| record.progress == Progress::Succeeded));
    assert_eq!(delivery.run.steps.len(), delivery.run.plan.len());
    assert_eq!(delivery.done, []);
}

#[test]
fn a_redeploy_brings_an_older_image_without_making_anything() {
    let (model, image) = (model(3, MSE_05), digest("image 3"));
    let of_run_3 = Trigger::Redeploy {
        run: run_id(3),
        number: 3,
        model: Box::new(model.clone()),
        image: image.clone(),
        profile: None,
    };
    let mut redeploy = run_for(of_run_3, manifest());
    (redeploy.facts.model, redeploy.facts.image) = (Some(model), Some(image.clone()));

    let delivery = Delivery::new(redeploy).finished();

    assert_eq!((delivery.outcome(), deployed(&delivery)), ("released", vec![("qa", image.clone()), ("prod", image)]));
}

#[test]
fn a_release_that_fails_in_production_is_rolled_back_and_quarantined() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears("smoke_test:prod", wrong_answer());
    assert_eq!(delivery.waiting(), "rollback:prod");

    let delivery = delivery.finished();

    assert_eq!(delivery.outcome(), "rolled_back");
    let prod = delivery.environment("prod");
    assert_eq!((prod.current.as_ref().unwrap().number, prod.proven), (6, true));
    assert_eq!(prod.quarantine, [digest("image 7")]);
    assert_quiet(&delivery);
}

#[test]
fn l_healthy_a_release_that_fails_in_production_twice_is_rolled_back_twice() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("smoke_test:prod");
    delivery.hears("smoke_test:prod", wrong_answer());
    let mut delivery = delivery.finished();
    delivery.hears("check", retry());

    let mut delivery = delivery.until("smoke_test:prod");
    delivery.hears("smoke_test:prod", wrong_answer());

    assert_eq!(delivery.finished().outcome(), "rolled_back");
}

#[test]
fn a_person_s_rollback_puts_the_release_before_back() {
    let mut prod = prod_of_run_6();
    prod.good.push(release(5, MSE_05));
    let trigger = Trigger::Rollback { environment: environment("prod") };

    let delivery = Delivery::new(run_for(trigger, manifest())).beside(prod).finished();

    assert_eq!(delivery.environment("prod").current.as_ref().unwrap().number, 5);
    assert_quiet(&delivery);
}

#[test]
fn a_run_that_waits_for_its_turn_goes_on_when_the_other_is_done() {
    let mut delivery = Delivery::at("profile");
    let reply_to = (key("deploy:qa"), 1);
    let acquire = EnvironmentEvent::Acquire { number: 6, image: None, explicit: false, reply_to };
    delivery.other_run(6, "qa", &acquire);
    let mut delivery = delivery.until("deploy:qa");
    assert!(matches!(delivery.run.waiting().unwrap().2.on, On::Environment { .. }));

    delivery.other_run(6, "qa", &EnvironmentEvent::Leave);
    delivery.deliver();

    assert!(matches!(delivery.run.waiting().unwrap().2.on, On::Deployment { .. }));
    assert_eq!(delivery.finished().outcome(), "released");
}

#[test]
fn i_no_expired_a_rejected_release_never_reaches_production() {
    let mut delivery = Delivery::at("approve:prod");
    delivery.hears("approve:prod", rejected_by("berta"));
    delivery.hears("approve:prod", approved_by("carl"));
    assert_eq!(delivery.outcome(), "rejected");
    assert_eq!(deployed(&delivery).len(), 1, "only QA has it");
}

#[test]
fn l_healthy_a_failed_deployment_leaves_the_environment_to_the_next_run() {
    let mut delivery = Delivery::new(run()).beside(prod_of_run_6()).until("deploy:prod");
    let On::Deployment { deployment } = delivery.run.waiting().unwrap().2.on.clone() else { panic!() };

    delivery.hears("deploy:prod", broken(deployment.as_str()));
    delivery.hears("deploy:prod", ready(deployment.as_str()));

    assert_eq!(delivery.outcome(), "failed");
    assert_eq!(delivery.environment("prod").champion().unwrap().number, 6);
    assert_quiet(&delivery);
}

/// Nothing in the world waits for a run that has ended, and it waits for nothing.
pub(super) fn assert_quiet(delivery: &Delivery) {
    assert!(delivery.run.ended.is_some() && delivery.run.waiting().is_none(), "L-QUIESCE: {}", delivery.waiting());
    for environment in delivery.environments.values() {
        let ours = environment.holder.iter().chain(&environment.queue).find(|claim| claim.run == delivery.run.id);
        assert_eq!(ours, None, "L-QUIESCE: {} still is the run's", environment.name);
    }
}

/// Production, where run 6 serves and was proven.
pub(super) fn prod_of_run_6() -> Environment {
    let mut prod = Environment::new("diabetes".parse().unwrap(), environment("prod"));
    prod.current = Some(release(6, MSE_05));
    prod.good = vec![release(6, MSE_05)];
    prod.proven = true;
    prod
}

/// What was deployed where, in order.
pub(super) fn deployed(delivery: &Delivery) -> Vec<(&str, Digest)> {
    let deployed = delivery.done.iter().filter_map(|effect| match effect {
        Effect::Deploy(spec) => Some((spec.environment.as_str(), spec.release.image.clone())),
        _ => None,
    });
    deployed.collect()
}

pub(super) fn wrong_answer() -> Event {
    Event::EndpointCalled { round: 1, answers: vec![answered(500, "oops")] }
}

pub(super) fn cancel() -> Event {
    Event::CancelRequested { by: "carl".into(), reason: Some("wrong data".into()) }
}

pub(super) fn retry() -> Event {
    Event::RetryRequested { by: "berta".into() }
}

pub(super) fn superseded() -> Event {
    Event::Superseded { by: run_id(8), number: 8 }
}

fn last_entry(run: &Run) -> &str {
    &run.journal.last().unwrap().event
}

#[test]
fn what_people_could_not_be_told_is_on_record_and_changes_nothing_else() {
    let untold = || Event::NotTold { what: "set the commit's status".into(), reason: "403".into() };
    for step in WAITS {
        let mut delivery = Delivery::at(step);
        let before = delivery.run.clone();
        assert!(delivery.hears(step, untold()), "{step}");
        let entry = delivery.run.journal.pop().unwrap();
        assert_eq!(
            (entry.event.as_str(), entry.because),
            ("could not set the commit's status", vec!["403".to_owned()])
        );
        assert_eq!(delivery.run, before);
    }
    let mut ended = Delivery::new(run()).finished();
    assert!(ended.hears("check", untold()));
    assert_eq!(ended.outcome(), "released");
}
