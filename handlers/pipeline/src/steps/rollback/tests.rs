use crate::decision::{Fact, Then};
use crate::effect::Effect;
use crate::event::{EnvironmentEvent, Event};
use crate::run::{On, Outcome, Progress, Stage, Trigger};
use crate::steps::testing::{
    MSE_05, Scene, broken, busy, environment, granted, key, manifest, ready, refused, release, run_for, tell, wait,
};

const GOOD: &str = "diabetes-prod-6";

#[test]
fn after_a_failed_release_the_last_good_one_is_put_back_at_once() {
    let decision = after_a_failure().decides(Event::Requested);

    let [Effect::Deploy(spec)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!(spec.release, release(6, MSE_05));
    assert_eq!(decision.because, ["the release of run 6 is put back in prod"]);
    assert_eq!(wait(&decision.progress).on, On::Deployment { deployment: GOOD.parse().unwrap() });
}

#[test]
fn a_release_that_serves_again_ends_the_run_as_rolled_back() {
    let decision = after_a_failure().after(Event::Requested).decides(ready(GOOD));

    assert!(matches!(decision.then, Then::End { outcome: Outcome::RolledBack, advice: Some(_) }));
    let [Effect::TellEnvironment { event: EnvironmentEvent::Failed { rolled_back_to: Some(good) }, .. }] =
        &decision.effects[..]
    else {
        panic!("{:?}", decision.effects)
    };
    assert_eq!(good.number, 6);
    assert_eq!(decision.facts, [Fact::Left { environment: environment("prod") }]);
}

#[test]
fn a_person_asks_for_the_turn_first() {
    let decision = by_a_person().decides(Event::Requested);

    let acquire =
        EnvironmentEvent::Acquire { number: 7, image: None, explicit: true, reply_to: (key("rollback:prod"), 1) };
    assert_eq!(decision.effects, [tell("prod", acquire)]);
}

#[test]
fn a_person_s_rollback_ends_well() {
    let waiting = by_a_person().after(Event::Requested).after(granted(Some(release(8, MSE_05)), good()));

    let decision = waiting.decides(ready(GOOD));

    assert_eq!((&decision.progress, &decision.then), (&Progress::Succeeded, &Then::Next));
    assert!(matches!(&decision.facts[..], [Fact::Left { .. }, Fact::Deployed { release, .. }] if release.number == 6));
}

#[test]
fn i_rollback_target_without_an_earlier_good_release_there_is_none_to_go_back_to() {
    let decision = by_a_person().after(Event::Requested).decides(granted(Some(release(8, MSE_05)), None));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["prod has no earlier good release to go back to"]);
    assert_eq!(decision.effects, []);
}

#[test]
fn a_rollback_waits_while_another_run_is_at_work() {
    let scene = by_a_person().after(Event::Requested).after(busy());
    assert!(matches!(scene.decides(granted(None, good())).effects[..], [Effect::Deploy(_)]));
}

#[test]
fn l_healthy_a_rollback_that_fails_calls_for_a_person() {
    let scene = after_a_failure().after(Event::Requested);
    for news in [broken(GOOD), Event::DeadlinePassed, refused("no quota")] {
        let decision = scene.decides(news);
        assert!(decision.because[0].starts_with("the last good release could not be put back in prod: "));
        let Then::End { outcome: Outcome::Failed, advice: Some(advice) } = decision.then else { panic!() };
        assert!(advice.starts_with("prod needs a person now"), "{advice}");
    }
}

#[test]
fn a_rollback_that_gives_up_waiting_leaves_the_queue() {
    let scene = by_a_person().after(Event::Requested).after(busy());
    for news in [Event::DeadlinePassed, refused("the store is broken")] {
        let decision = scene.decides(news);
        assert_eq!(decision.progress, Progress::Failed);
        assert_eq!(decision.effects, [tell("prod", EnvironmentEvent::Leave)]);
        assert!(!decision.because[0].contains("healthy"), "it never began: {:?}", decision.because);
    }
}

#[test]
fn a_rollback_that_the_environment_refuses_fails() {
    let news = Event::EnvironmentRefused { reason: "no".into(), superseded: false };
    assert_eq!(by_a_person().after(Event::Requested).decides(news).progress, Progress::Failed);
}

#[test]
fn l_no_event_lost_a_poll_asks_for_the_turn_and_then_after_the_deployment() {
    let asking = by_a_person();
    let again = asking.clone().after(Event::Requested).decides(Event::PollDue);
    assert_eq!(again.effects, asking.decides(Event::Requested).effects);
    let ask = after_a_failure().after(Event::Requested).decides(Event::PollDue);
    assert!(matches!(ask.effects[..], [Effect::AskDeployment { .. }]));
}

#[test]
fn news_that_comes_early_late_twice_or_about_another_deployment_changes_nothing() {
    assert_eq!(after_a_failure().hears(ready(GOOD)), None);
    let waiting = after_a_failure().after(Event::Requested);
    for foreign in
        [ready("diabetes-prod-7"), broken("diabetes-prod-7"), granted(None, good()), busy(), Event::Requested]
    {
        assert_eq!(waiting.hears(foreign), None);
    }
    let done = waiting.after(ready(GOOD));
    for late in [ready(GOOD), broken(GOOD), Event::PollDue, Event::DeadlinePassed, Event::Requested] {
        assert_eq!(done.hears(late), None);
    }
}

/// Run 7 failed its smoke test in production, where run 6 had served well.
fn after_a_failure() -> Scene {
    Scene::of("rollback:prod").with(|run| {
        let release = Some(release(7, MSE_05));
        let stage = Stage { held: true, before: good(), last_good: good(), release, ..Stage::default() };
        run.facts.stages.insert(environment("prod"), stage);
    })
}

fn by_a_person() -> Scene {
    let trigger = Trigger::Rollback { environment: environment("prod") };
    Scene { run: run_for(trigger, manifest()), ..Scene::of("rollback:prod") }
}

fn good() -> Option<crate::release::Release> {
    Some(release(6, MSE_05))
}
