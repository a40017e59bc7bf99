use crate::decision::{Decision, Fact, Then};
use crate::effect::{DeploymentSpec, Effect};
use crate::event::{EnvironmentEvent, Event};
use crate::release::{Limits, Release};
use crate::run::{Evaluation, On, Outcome, Progress, Run, Trigger};
use crate::steps::testing::{
    MSE_04, MSE_05, MSE_045, Scene, approved_by, broken, busy, digest, environment, granted, key, model, ready,
    refused, release, run_id, secs, tell, wait,
};

#[test]
fn a_run_asks_for_its_turn_first() {
    let decision = Scene::of("deploy:qa").decides(Event::Requested);

    let acquire = EnvironmentEvent::Acquire {
        number: 7,
        image: Some(digest("image 7")),
        explicit: false,
        reply_to: (key("deploy:qa"), 1),
    };
    assert_eq!(decision.effects, [tell("qa", acquire)]);
    assert_eq!(wait(&decision.progress).on, On::Environment { environment: environment("qa") });
}

#[test]
fn a_person_who_tries_again_or_redeploys_asks_for_exactly_this_release() {
    let again = Scene { attempt: 2, ..Scene::of("deploy:qa") };
    let redeploy = Scene::of("deploy:qa").with(|run| {
        let (model, image) = (Box::new(model(3, MSE_05)), digest("image 3"));
        run.trigger = Trigger::Redeploy { run: run_id(3), number: 3, model, image, profile: None };
    });
    for scene in [again, redeploy] {
        let decision = scene.decides(Event::Requested);
        let [Effect::TellEnvironment { event: EnvironmentEvent::Acquire { explicit, .. }, .. }] = decision.effects[..]
        else {
            panic!("{:?}", decision.effects)
        };
        assert!(explicit);
    }
}

#[test]
fn i_approve_bound_nothing_is_deployed_without_the_approval_that_is_asked_for() {
    let decision = Scene::of("deploy:prod").decides(Event::Requested);
    assert_eq!(decision.because, ["prod needs an approval, and there is none"]);
    assert_eq!((decision.progress, decision.effects), (Progress::Failed, Vec::new()));
}

#[test]
fn what_was_approved_asks_for_its_turn() {
    assert!(matches!(approved().progress, Progress::Waiting(_)));
}

#[test]
fn a_run_whose_turn_it_is_deploys_its_release() {
    let decision = Scene::begun("deploy:qa").decides(granted(Some(release(6, MSE_05)), Some(release(6, MSE_05))));

    let [Effect::Deploy(spec)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    let DeploymentSpec { release: new, environment: place, .. } = &**spec;
    let image = digest("image 7");
    assert_eq!(new.deployment.as_str(), format!("diabetes-qa-7-{}", &image.hex()[..8]));
    assert_eq!((&new.image, new.number, new.model.version), (&image, 7, 7));
    assert_eq!(new.limits, Limits { cpu_cores: 1.0, memory_mib: 1024 });
    assert_eq!(wait(&decision.progress).on, On::Deployment { deployment: new.deployment.clone() });
    let held = Fact::Held {
        environment: place.clone(),
        before: Some(release(6, MSE_05)),
        last_good: Some(release(6, MSE_05)),
    };
    assert_eq!(decision.facts, [held, Fact::Deployed { environment: place.clone(), release: new.clone() }]);
}

#[test]
fn a_run_waits_while_another_is_at_work() {
    let scene = Scene::begun("deploy:qa");

    let decision = scene.decides(busy());

    assert_eq!(decision.because, ["run r-6 is at work in qa"]);
    assert_eq!(wait(&decision.progress).deadline, scene.wait().deadline);
    assert!(scene.after(busy()).hears(granted(None, None)).is_some(), "its turn comes");
}

#[test]
fn i_monotone_a_run_that_comes_after_a_newer_one_is_superseded() {
    let decision = Scene::begun("deploy:qa").decides(environment_refused(true));
    assert_eq!(decision.then, Then::End { outcome: Outcome::Superseded, advice: None });
}

#[test]
fn i_quarantine_a_release_that_the_environment_refuses_fails() {
    let decision = Scene::begun("deploy:qa").decides(environment_refused(false));
    assert_eq!((decision.progress, &decision.because[..]), (Progress::Failed, &["no".to_owned()][..]));
}

#[test]
fn i_no_unevaluated_a_better_champion_since_the_evaluation_stops_the_release() {
    let scene = approved().with(evaluated_against(Some(release(5, MSE_05))));

    let decision = scene.decides(granted(Some(release(6, MSE_04)), Some(release(6, MSE_04))));

    assert_eq!(decision.effects, [], "nothing is deployed");
    assert_eq!(decision.then, Then::End { outcome: Outcome::NotBetter, advice: None });
    assert_eq!(decision.because[0], "the champion changed since the evaluation");
    assert!(matches!(decision.facts[..], [Fact::Evaluated(_), Fact::Held { .. }]), "{:?}", decision.facts);
}

#[test]
fn a_champion_where_there_was_none_is_compared_with_too() {
    let scene = approved().with(evaluated_against(None));
    let decision = scene.decides(granted(Some(release(6, MSE_04)), Some(release(6, MSE_04))));
    assert_eq!(decision.then, Then::End { outcome: Outcome::NotBetter, advice: None });
}

#[test]
fn a_release_that_beats_the_new_champion_as_well_goes_on() {
    let scene = approved().with(evaluated_against(Some(release(5, MSE_05))));
    let decision = scene.decides(granted(Some(release(6, MSE_045)), Some(release(6, MSE_045))));
    assert!(matches!(decision.effects[..], [Effect::Deploy(_)]), "{:?}", decision.because);
}

#[test]
fn the_champion_that_was_compared_with_is_not_compared_with_again() {
    let scene = approved().with(evaluated_against(Some(release(6, MSE_04))));
    let decision = scene.decides(granted(Some(release(6, MSE_04)), Some(release(6, MSE_04))));
    assert!(matches!(decision.effects[..], [Effect::Deploy(_)]), "{:?}", decision.because);
}

#[test]
fn only_production_has_a_champion() {
    let scene = Scene::begun("deploy:qa").with(evaluated_against(None));
    let decision = scene.decides(granted(Some(release(6, MSE_04)), Some(release(6, MSE_04))));
    assert!(matches!(decision.effects[..], [Effect::Deploy(_)]), "{:?}", decision.because);
}

#[test]
fn a_new_champion_without_the_metric_fails_and_does_not_count_as_beaten() {
    let mut champion = release(6, MSE_04);
    champion.model.metrics.clear();
    let scene = approved().with(evaluated_against(None));
    assert_eq!(scene.decides(granted(None, Some(champion))).progress, Progress::Failed);
}

#[test]
fn a_release_that_is_ready_takes_the_requests() {
    let scene = deploying();
    let name = deployment(&scene);

    let decision = scene.clone().in_secs(9).decides(ready(&name));

    let place = environment("qa");
    let before = scene.run.stage(&place).unwrap().release.clone().unwrap();
    let endpoint = "http://127.0.0.1:8000/qa".to_owned();
    let release = Release { deployed_at: Some(scene.in_secs(9).now), endpoint: Some(endpoint), ..before };
    let serves = Decision::succeed()
        .because(format!("{name} serves at http://127.0.0.1:8000/qa"))
        .learn(Fact::Deployed { environment: place, release: release.clone() })
        .perform(tell("qa", EnvironmentEvent::Deployed { release: Box::new(release) }));
    assert_eq!(decision, serves);
}

#[test]
fn l_healthy_a_deployment_that_fails_leaves_the_old_release_serving() {
    let scene = deploying();

    let decision = scene.decides(broken(&deployment(&scene)));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["it exits with 3", "the release of run 6 serves on in qa"]);
    assert_eq!(decision.effects, []);
}

#[test]
fn a_deployment_that_never_gets_healthy_is_removed() {
    let scene = deploying();

    let decision = scene.decides(Event::DeadlinePassed);

    assert_eq!(decision.progress, Progress::Failed);
    let deployment = deployment(&scene).parse().unwrap();
    assert_eq!(decision.effects, [Effect::RemoveDeployment { environment: environment("qa"), deployment }]);
}

#[test]
fn a_run_that_gives_up_waiting_leaves_the_queue() {
    let scene = Scene::begun("deploy:qa").after(busy());
    for news in [Event::DeadlinePassed, refused("the store is broken")] {
        let decision = scene.decides(news);
        assert_eq!(decision.progress, Progress::Failed);
        assert_eq!(decision.effects, [tell("qa", EnvironmentEvent::Leave)]);
    }
}

#[test]
fn a_platform_that_refuses_the_deployment_fails_it() {
    assert_eq!(deploying().decides(refused("no quota")).because, ["no quota"]);
}

#[test]
fn l_no_event_lost_a_poll_asks_for_the_turn_and_then_after_the_deployment() {
    let asking = Scene::begun("deploy:qa").in_secs(60);
    assert_eq!(asking.decides(Event::PollDue).effects, Scene::of("deploy:qa").decides(Event::Requested).effects);
    let scene = deploying().in_secs(15);
    let decision = scene.decides(Event::PollDue);
    assert!(matches!(decision.effects[..], [Effect::AskDeployment { .. }]));
    assert_eq!(wait(&decision.progress).poll_at.map(secs), Some(30));
}

#[test]
fn news_that_comes_late_twice_or_about_another_deployment_changes_nothing() {
    let asking = Scene::begun("deploy:qa");
    assert_eq!(asking.hears(ready("diabetes-qa-7")), None, "nothing was deployed yet");
    assert_eq!(asking.hears(Event::Requested), None);
    let scene = deploying();
    for foreign in [granted(None, None), busy(), environment_refused(true), ready("other"), broken("other")] {
        assert_eq!(scene.hears(foreign), None);
    }
    let name = deployment(&scene);
    let done = scene.after(ready(&name));
    for late in [ready(&name), broken(&name), Event::PollDue, Event::DeadlinePassed, refused("late")] {
        assert_eq!(done.hears(late), None);
    }
}

#[test]
fn without_an_image_there_is_nothing_to_deploy() {
    let scene = Scene::begun("deploy:qa").with(|run| run.facts.image = None);
    assert_eq!(scene.decides(granted(None, None)).because, ["there is no image to deploy"]);
}

/// Production was approved, and its turn asked for.
fn approved() -> Scene {
    let gate = Scene::of("approve:prod").after(Event::Requested).after(approved_by("berta"));
    Scene { run: gate.run, ..Scene::of("deploy:prod") }.after(Event::Requested)
}

/// QA is changed now.
fn deploying() -> Scene {
    Scene::begun("deploy:qa").after(granted(Some(release(6, MSE_05)), Some(release(6, MSE_05))))
}

fn deployment(scene: &Scene) -> String {
    match &scene.wait().on {
        On::Deployment { deployment } => deployment.to_string(),
        other => panic!("it waits for {other:?}"),
    }
}

fn evaluated_against(champion: Option<Release>) -> impl FnOnce(&mut Run) {
    |run| run.facts.evaluation = Some(Evaluation { champion, passed: true, because: Vec::new() })
}

fn environment_refused(superseded: bool) -> Event {
    Event::EnvironmentRefused { reason: "no".into(), superseded }
}
