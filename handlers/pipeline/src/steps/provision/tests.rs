use crate::effect::{Effect, JobSpec};
use crate::event::Event;
use crate::infrastructure::{Change, ChangeKind};
use crate::run::{Progress, Run, Trigger};
use crate::steps::testing::{MSE_05, Scene, completed, infrastructure, manifest, model, outputs, run_for, secs, wait};

#[test]
fn the_environments_of_training_and_of_scoring_are_made_ready() {
    let job = job(&Scene::of("provision"));

    assert_eq!(job.environments, ["requirements.txt", "scoring/requirements.txt"]);
    assert_eq!(job.data.as_deref(), Some("data/diabetes.csv"));
    assert_eq!(job.commands, [], "there is nothing to run");
}

#[test]
fn an_environment_that_both_share_is_made_ready_once() {
    let scene = Scene::of("provision").with(|run| run.manifest.scoring.environment = "requirements.txt".into());
    assert_eq!(job(&scene).environments, ["requirements.txt"]);
}

#[test]
fn a_run_that_does_not_train_needs_no_training_environment() {
    let live = Trigger::ScoringChange { model: Box::new(model(6, MSE_05)) };
    let scene = Scene { run: run_for(live, manifest()), ..Scene::of("provision") };

    let job = job(&scene);

    assert_eq!(job.environments, ["scoring/requirements.txt"]);
    assert_eq!(job.data, None);
}

#[test]
fn declared_infrastructure_comes_before_the_environments() {
    let scene = declaring(Scene::of("provision"));
    let decision = scene.decides(Event::Requested);
    let [Effect::ApplyInfrastructure(spec)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!((spec.name.as_str(), spec.template.as_str()), ("provision-diabetes-7", "infra/main.json"));
    assert_eq!(secs(wait(&decision.progress).deadline), 120 * 60);

    let scene = scene.after(Event::Requested);
    let applied =
        Event::InfrastructureApplied { name: spec.name.clone(), outputs: [("url".into(), "x".into())].into() };
    let decision = scene.decides(applied.clone());
    assert!(matches!(&decision.effects[..], [Effect::SubmitJob(_)]), "{:?}", decision.effects);
    let scene = scene.after(applied);
    let done = scene.decides(completed("provision-diabetes-7", outputs(&[], &[])));
    assert_eq!(
        done.because[1..],
        ["the infrastructure is applied, by provision-diabetes-7", "infrastructure output url: x"]
    );
}

#[test]
fn what_is_past_or_nobody_s_branch_applies_nothing() {
    for change in [
        (|run: &mut Run| run.branch = None) as fn(&mut Run),
        |run| run.branch = Some("feature".parse().unwrap()),
        |run| run.commit = None,
        |run| run.manifest.infrastructure = None,
    ] {
        let scene = declaring(Scene::of("provision")).with(change);
        assert!(matches!(&scene.decides(Event::Requested).effects[..], [Effect::SubmitJob(_)]));
    }
}

#[test]
fn a_poll_asks_after_what_is_waited_for() {
    let scene = declaring(Scene::of("provision")).after(Event::Requested).in_secs(30);
    let decision = scene.decides(Event::PollDue);
    assert!(matches!(&decision.effects[..], [Effect::AskInfrastructure { plan: None, .. }]), "{:?}", decision.effects);

    let scene = of_pull_request().after(Event::Requested);
    assert!(matches!(&scene.decides(Event::PollDue).effects[..], [Effect::PlanInfrastructure(_)]));
    let scene = scene.after(Event::InfrastructurePlanning { operation: "https://o".into() });
    let Effect::AskInfrastructure { plan, .. } = &scene.decides(Event::PollDue).effects[0] else { panic!() };
    assert_eq!(plan.as_deref(), Some("https://o"));
}

#[test]
fn i_pr_isolation_a_pull_request_never_applies() {
    let scene = of_pull_request();
    let plan: Vec<_> = scene.run.plan.iter().map(ToString::to_string).collect();
    assert_eq!(plan, ["check", "provision"]);
    let scene = scene.after(Event::Requested);
    let changes = vec![
        Change { kind: ChangeKind::Create, resource: "Microsoft.Storage/storageAccounts data".into() },
        Change { kind: ChangeKind::NoChange, resource: "Microsoft.KeyVault/vaults keys".into() },
    ];

    let decision = scene.decides(Event::InfrastructurePlanned { changes });

    assert_eq!(decision.because, ["the infrastructure: would create Microsoft.Storage/storageAccounts data"]);
    assert_eq!((decision.effects, decision.progress), (vec![], Progress::Succeeded));
    let late = scene.in_secs(1800).decides(Event::DeadlinePassed);
    assert_eq!((late.effects, late.progress), (vec![], Progress::Failed));
}

#[test]
fn an_application_that_fails_or_does_not_end_fails_the_step() {
    let scene = declaring(Scene::of("provision")).after(Event::Requested);
    let failed = scene.decides(Event::InfrastructureFailed { reason: "SkuNotAvailable".into() });
    assert_eq!((failed.progress, failed.because), (Progress::Failed, vec!["SkuNotAvailable".to_owned()]));

    let late = scene.in_secs(7200).decides(Event::DeadlinePassed);
    assert!(matches!(&late.effects[..], [Effect::CancelInfrastructure { .. }]), "{:?}", late.effects);
}

fn declaring(scene: Scene) -> Scene {
    scene.with(|run| run.manifest.infrastructure = Some(infrastructure()))
}

fn of_pull_request() -> Scene {
    let manifest = declaring(Scene::of("provision")).run.manifest;
    let trigger = Trigger::PullRequest { number: 12, base: "main".parse().unwrap() };
    Scene { run: run_for(trigger, manifest), ..Scene::of("provision") }
}

fn job(scene: &Scene) -> JobSpec {
    match scene.decides(Event::Requested).effects.pop() {
        Some(Effect::SubmitJob(job)) => *job,
        other => panic!("no job: {other:?}"),
    }
}
