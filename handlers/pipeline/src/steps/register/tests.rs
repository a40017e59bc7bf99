use crate::decision::{Fact, Then};
use crate::effect::{Effect, Registration};
use crate::event::Event;
use crate::run::{Evaluation, Outcome, Progress, Run};
use crate::steps::testing::{MSE_04, MSE_05, Scene, digest, model, refused, release, run_id, secs, wait};

#[test]
fn a_version_carries_where_it_comes_from() {
    let registration = registration(&Scene::of("register"));

    assert_eq!(registration.name.as_str(), "diabetes_model");
    assert_eq!(registration.digest, digest("model 7"));
    assert_eq!(registration.lineage.run, run_id(7));
    assert_eq!(registration.lineage.by, "anna");
    assert_eq!(registration.tags["run_number"], "7");
    assert_eq!(registration.tags["mse"], "3295.741064355809");
    assert_eq!(registration.tags["commit"], "a".repeat(40));
    assert_eq!(registration.tags["data"], digest("data").to_string());
}

#[test]
fn a_registered_model_goes_on_to_be_packaged() {
    let decision = Scene::begun("register").decides(registered());

    assert_eq!((&decision.progress, &decision.then), (&Progress::Succeeded, &Then::Next));
    assert_eq!(decision.because, ["registered as diabetes_model:7"]);
    assert_eq!(decision.facts, [Fact::Registered(model(7, MSE_04))]);
}

#[test]
fn a_worse_model_is_registered_for_the_record_and_goes_no_further() {
    let decision = Scene::begun("register").with(not_better).decides(registered());

    assert_eq!(decision.facts, [Fact::Registered(model(7, MSE_04))]);
    assert_eq!(decision.then, Then::End { outcome: Outcome::NotBetter, advice: None });
}

#[test]
fn i_effect_once_a_poll_asks_for_the_very_same_registration() {
    let scene = Scene::begun("register").in_secs(60);

    let decision = scene.decides(Event::PollDue);

    assert_eq!(decision.effects, Scene::of("register").decides(Event::Requested).effects);
    assert_eq!(wait(&decision.progress).deadline, scene.wait().deadline, "asking again gives no new patience");
    assert_eq!(wait(&decision.progress).poll_at.map(secs), Some(120));
}

#[test]
fn a_registry_that_refuses_or_is_silent_fails_the_run() {
    let scene = Scene::begun("register");
    assert_eq!(scene.decides(refused("no such workspace")).because, ["no such workspace"]);
    assert_eq!(scene.decides(Event::DeadlinePassed).because, ["the model registry did not answer"]);
}

#[test]
fn without_a_model_file_there_is_nothing_to_register() {
    let scene = Scene::of("register").with(|run| run.facts.model_file = None);
    assert_eq!(scene.decides(Event::Requested).progress, Progress::Failed);
}

#[test]
fn news_that_comes_early_late_or_twice_changes_nothing() {
    assert_eq!(Scene::of("register").hears(registered()), None);
    assert_eq!(Scene::begun("register").hears(Event::Requested), None);
    let done = Scene::begun("register").after(registered());
    for late in [registered(), Event::PollDue, Event::DeadlinePassed, Event::Requested, refused("late")] {
        assert_eq!(done.hears(late), None);
    }
}

fn registered() -> Event {
    Event::ModelRegistered { model: model(7, MSE_04) }
}

fn registration(scene: &Scene) -> Registration {
    match scene.decides(Event::Requested).effects.pop() {
        Some(Effect::RegisterModel(registration)) => *registration,
        other => panic!("no registration: {other:?}"),
    }
}

fn not_better(run: &mut Run) {
    let champion = Some(release(6, MSE_05));
    run.facts.evaluation = Some(Evaluation { champion, passed: false, because: Vec::new() });
}
