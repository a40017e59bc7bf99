use crate::decision::{Decision, Fact, Then};
use crate::effect::Effect;
use crate::event::Event;
use crate::manifest::{Toggle, Train};
use crate::run::{On, Outcome, Progress, Run};
use crate::steps::testing::{MSE_04, Scene, completed, digest, outputs, right_outputs, secs};

const JOB: &str = "train-diabetes-7";

#[test]
fn the_training_command_runs_on_the_snapshot_of_the_commit() {
    let decision = Scene::of("train").decides(Event::Requested);

    let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!(job.source, digest("snapshot"));
    assert_eq!(job.commands[0].line, "python training/train.py");
    assert_eq!(job.required, ["metrics.json", "model.pkl"]);
    assert_eq!(job.variables["TRAINYARD_RUN_NUMBER"], "7");
}

#[test]
fn a_trained_challenger_is_known_by_its_numbers_its_file_and_its_data() {
    let decision = Scene::begun("train").decides(completed(JOB, right_outputs("train")));

    let challenger = Fact::Trained {
        job: JOB.parse().unwrap(),
        metrics: [("mse".to_owned(), MSE_04), ("r2".to_owned(), 0.357)].into(),
        model_file: digest("model.pkl"),
        data: Some(digest("data")),
    };
    let because = "job train-diabetes-7 reported mse 3295.7411, r2 0.3570";
    assert_eq!(decision, Decision::succeed().because(because).learn(challenger));
}

#[test]
fn a_training_that_leaves_no_model_file_fails() {
    let decision = Scene::begun("train").decides(completed(JOB, outputs(&[("mse", MSE_04)], &["other.pkl"])));

    assert_eq!(decision.progress, Progress::Failed);
    assert!(decision.because[0].contains("left no model file \"model.pkl\""), "{:?}", decision.because);
}

#[test]
fn a_number_that_cannot_be_compared_is_said_and_left_out() {
    let news = completed(JOB, outputs(&[("mse", f64::NAN), ("r2", 0.5)], &["model.pkl"]));

    let decision = Scene::begun("train").decides(news);

    assert_eq!(decision.because, ["job train-diabetes-7 reported mse NaN, r2 0.5000"]);
    let [Fact::Trained { metrics, .. }] = &decision.facts[..] else { panic!("{:?}", decision.facts) };
    assert_eq!(*metrics, [("r2".to_owned(), 0.5)].into(), "a saved run can hold no NaN");
}

#[test]
fn without_auto_a_run_waits_30_days_for_a_person_to_start_the_training() {
    let scene = Scene::of("train").with(by_hand).after(Event::Requested);

    assert_eq!(scene.wait().on, On::Start);
    assert_eq!(secs(scene.wait().deadline), 30 * 24 * 3600);
    assert_eq!(scene.wait().poll_at, None, "there is nobody to ask");
}

#[test]
fn a_person_starts_the_training_as_a_new_try() {
    let scene = Scene { attempt: 2, ..Scene::of("train").with(by_hand) };

    let decision = scene.decides(Event::Requested);

    assert!(matches!(decision.effects[..], [Effect::SubmitJob(_)]));
}

#[test]
fn a_training_that_nobody_starts_expires() {
    let decision = Scene::of("train").with(by_hand).after(Event::Requested).decides(Event::DeadlinePassed);

    assert_eq!(decision.progress, Progress::Canceled);
    assert_eq!(decision.then, Then::End { outcome: Outcome::Expired, advice: None });
}

#[test]
fn a_repository_that_trains_elsewhere_skips_the_training() {
    let scene = Scene::of("train").with(|run| run.manifest.train = Toggle::Off(false));
    assert_eq!(scene.decides(Event::Requested), Decision::skip("`train: false` in trainyard.yml"));
}

fn by_hand(run: &mut Run) {
    run.manifest.train = Toggle::On(Train { auto: false, ..Train::default() });
}
