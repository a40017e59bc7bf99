use crate::decision::{Decision, Fact};
use crate::effect::{BuildSpec, Effect};
use crate::event::Event;
use crate::manifest::Toggle;
use crate::run::{On, Progress};
use crate::steps::testing::{MSE_04, Scene, digest, model, refused};

#[test]
fn an_image_is_built_of_the_registered_model_and_the_scoring_code() {
    let build = build(&Scene::of("package"));

    assert_eq!(build.name.as_str(), "package-diabetes-7");
    assert_eq!(build.model, model(7, MSE_04));
    assert_eq!(build.model_file, "model.pkl");
    assert_eq!((build.source, build.entry), (digest("snapshot"), "scoring/score.py".to_owned()));
}

#[test]
fn a_model_that_was_trained_elsewhere_has_a_file_name_too() {
    let scene = Scene::of("package").with(|run| run.manifest.train = Toggle::Off(false));
    assert_eq!(build(&scene).model_file, "model.pkl");
}

#[test]
fn an_image_is_known_by_its_digest_from_here_on() {
    let image = digest("image 7");

    let decision = Scene::begun("package").decides(built("package-diabetes-7"));

    let because = format!("image {}", image.short());
    assert_eq!(decision, Decision::succeed().because(because).learn(Fact::Packaged(image)));
}

#[test]
fn a_build_that_fails_is_refused_or_takes_too_long_fails_the_run() {
    let scene = Scene::begun("package");
    let failed = Event::ImageFailed { build: "package-diabetes-7".parse().unwrap(), reason: "no space left".into() };

    for (event, because) in [
        (failed, "no space left"),
        (refused("no registry"), "no registry"),
        (Event::DeadlinePassed, "image build package-diabetes-7 did not end within an hour"),
    ] {
        let decision = scene.decides(event);
        assert_eq!(decision.progress, Progress::Failed);
        assert_eq!(decision.because, [because]);
    }
}

#[test]
fn l_no_event_lost_a_poll_asks_after_the_build() {
    let scene = Scene::begun("package");
    let On::Build { build } = scene.wait().on.clone() else { panic!("{:?}", scene.wait()) };
    assert_eq!(scene.decides(Event::PollDue).effects, [Effect::AskImage { build }]);
}

#[test]
fn news_that_comes_late_twice_or_about_another_build_changes_nothing() {
    let waiting = Scene::begun("package");
    assert_eq!(waiting.hears(built("package-diabetes-8")), None);
    assert_eq!(waiting.hears(Event::Requested), None);
    let done = waiting.after(built("package-diabetes-7"));
    for late in [built("package-diabetes-7"), Event::PollDue, Event::DeadlinePassed, Event::Requested] {
        assert_eq!(done.hears(late), None);
    }
}

#[test]
fn without_a_model_or_a_commit_there_is_nothing_to_package() {
    let no_model = Scene::of("package").with(|run| run.facts.model = None);
    assert_eq!(no_model.decides(Event::Requested).because, ["there is no registered model to package"]);
    let no_commit = Scene::of("package").with(|run| run.source = None);
    assert_eq!(no_commit.decides(Event::Requested).progress, Progress::Failed);
}

fn built(name: &str) -> Event {
    Event::ImageBuilt { build: name.parse().unwrap(), digest: digest("image 7") }
}

fn build(scene: &Scene) -> BuildSpec {
    match scene.decides(Event::Requested).effects.pop() {
        Some(Effect::BuildImage(build)) => *build,
        other => panic!("no build: {other:?}"),
    }
}
