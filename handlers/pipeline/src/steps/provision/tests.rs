use crate::effect::{Effect, JobSpec};
use crate::event::Event;
use crate::run::Trigger;
use crate::steps::testing::{MSE_05, Scene, manifest, model, run_for};

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

fn job(scene: &Scene) -> JobSpec {
    match scene.decides(Event::Requested).effects.pop() {
        Some(Effect::SubmitJob(job)) => *job,
        other => panic!("no job: {other:?}"),
    }
}
