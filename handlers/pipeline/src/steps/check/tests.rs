use crate::decision::{Decision, Fact, Then};
use crate::effect::Effect;
use crate::event::{Event, JobOutputs};
use crate::manifest::{Check, Toggle};
use crate::run::Progress;
use crate::steps::testing::{Scene, completed, digest, job_failed, outputs};

#[test]
fn lint_and_tests_are_one_job_so_that_both_run_even_if_one_is_red() {
    let decision = Scene::of("check").decides(Event::Requested);

    let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    let names: Vec<_> = job.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["lint", "test"]);
    assert_eq!(job.environments, ["requirements-ci.txt"]);
    assert!(job.reports.contains(&"coverage.xml".to_owned()));
}

#[test]
fn enough_coverage_passes() {
    let decision = Scene::begun("check").decides(covered(48.1));
    let counts = Fact::Checked([("coverage_line_percent".into(), 48.1)].into());
    assert_eq!(decision, Decision::succeed().because("the tests cover 48.1 % of the lines").learn(counts));
}

#[test]
fn exactly_the_coverage_that_is_asked_for_is_enough() {
    assert_eq!(Scene::begun("check").decides(covered(40.0)).progress, Progress::Succeeded);
}

#[test]
fn too_little_coverage_fails_with_both_numbers() {
    let decision = Scene::begun("check").decides(covered(39.9));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["the tests cover 39.9 % of the lines, and at least 40 % are asked for"]);
}

#[test]
fn a_coverage_that_is_no_number_fails() {
    assert_eq!(Scene::begun("check").decides(covered(f64::NAN)).progress, Progress::Failed);
}

#[test]
fn a_missing_coverage_report_fails_and_never_passes() {
    assert_eq!(Scene::begun("check").decides(nothing_covered()).progress, Progress::Failed);
}

#[test]
fn a_repository_may_do_without_a_coverage_report() {
    let scene = Scene::of("check").with(|run| {
        let mut check = Check::default();
        check.coverage.required = false;
        run.manifest.check = Toggle::On(check);
    });
    assert_eq!(scene.after(Event::Requested).decides(nothing_covered()), Decision::succeed());
}

#[test]
fn red_tests_fail_and_their_reports_are_kept() {
    let mut outputs = outputs(&[], &["unit-testresults.xml"]);
    outputs.said = vec!["pytest: 1 failed, 5 passed".into()];

    let decision = Scene::begun("check").decides(job_failed("check-diabetes-7", "test exited with 1", outputs));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["test exited with 1", "pytest: 1 failed, 5 passed"]);
    let report = Fact::Report { name: "check/unit-testresults.xml".into(), digest: digest("unit-testresults.xml") };
    assert_eq!(decision.facts, [report]);
}

#[test]
fn what_the_tests_found_is_published_whether_they_are_red_or_green() {
    let files = ["coverage.xml", "htmlcov/index.html", "unit-testresults.xml"];
    let outputs = || outputs(&[("coverage_line_percent", 48.1)], &files);
    let published = |name: &str| Effect::PublishTests {
        name: name.into(),
        files: ["coverage.xml", "unit-testresults.xml"].map(|file| (file.to_owned(), digest(file))).into(),
    };

    let green = Scene::begun("check").decides(completed("check-diabetes-7", outputs()));
    let mut again = Scene::of("check");
    again.attempt = 2;
    let again = again.after(Event::Requested);
    let red = again.decides(job_failed("check-diabetes-7-2", "test exited with 1", outputs()));

    assert_eq!((green.progress, green.effects), (Progress::Succeeded, vec![published("check")]));
    assert_eq!((red.progress, red.effects), (Progress::Failed, vec![published("check-2")]));
}

#[test]
fn a_check_that_is_turned_off_is_skipped() {
    let scene = Scene::of("check").with(|run| run.manifest.check = Toggle::Off(false));

    let decision = scene.decides(Event::Requested);

    assert_eq!((decision.progress, decision.then), (Progress::Skipped, Then::Next));
}

#[test]
fn a_check_without_commands_is_skipped() {
    let scene = Scene::of("check").with(|run| {
        run.manifest.check = Toggle::On(Check { lint: None, test: None, ..Check::default() });
    });
    assert_eq!(scene.decides(Event::Requested).progress, Progress::Skipped);
}

fn covered(percent: f64) -> Event {
    completed("check-diabetes-7", outputs(&[("coverage_line_percent", percent)], &[]))
}

fn nothing_covered() -> Event {
    completed("check-diabetes-7", JobOutputs::default())
}
