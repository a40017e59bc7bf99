use crate::decision::{Decision, Fact};
use crate::effect::Effect;
use crate::event::Event;
use crate::run::Progress;
use crate::steps::testing::{Scene, completed, digest, job_failed, outputs};

const JOB: &str = "test-image-diabetes-7";

#[test]
fn the_tests_run_on_the_very_image_that_would_be_deployed() {
    let decision = Scene::of("test_image").decides(Event::Requested);

    let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!(job.image, Some(digest("image 7")));
    assert_eq!(job.environments, ["scoring/requirements.txt"]);
    assert!(job.commands[0].line.ends_with("scoring/image_tests"), "{}", job.commands[0].line);
}

#[test]
fn green_tests_and_their_report_are_kept() {
    let mut outputs = outputs(&[], &["image-testresults.xml"]);
    outputs.said = vec!["pytest: 3 passed".into()];

    let decision = Scene::begun("test_image").decides(completed(JOB, outputs));

    assert_eq!(decision, Decision::succeed().because("pytest: 3 passed").learn(report()));
}

#[test]
fn red_tests_stop_the_delivery_and_their_report_is_kept() {
    let outputs = outputs(&[], &["image-testresults.xml"]);

    let decision = Scene::begun("test_image").decides(job_failed(JOB, "test_image exited with 1", outputs));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.facts, [report()]);
}

#[test]
fn a_repository_without_image_tests_skips_them() {
    let scene = Scene::of("test_image").with(|run| run.manifest.scoring.tests = None);
    assert_eq!(scene.decides(Event::Requested), Decision::skip("trainyard.yml names no `scoring.tests`"));
}

#[test]
fn without_an_image_there_is_nothing_to_test() {
    let scene = Scene::of("test_image").with(|run| run.facts.image = None);
    assert_eq!(scene.decides(Event::Requested).because, ["there is no image to test"]);
}

fn report() -> Fact {
    Fact::Report { name: "test_image/image-testresults.xml".into(), digest: digest("image-testresults.xml") }
}
