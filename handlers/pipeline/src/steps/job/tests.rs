//! What holds for every step that waits for a job.

use crate::decision::Decision;
use crate::effect::Effect;
use crate::event::{Event, JobOutputs};
use crate::run::{On, Outcome, Progress};
use crate::steps::testing::{
    Scene, completed, job_canceled, job_failed, key, outputs, refused, right_answer, right_outputs, secs, wait,
};

const JOB_STEPS: [&str; 5] = ["check", "provision", "train", "test_image", "profile"];

#[test]
fn a_step_submits_one_job_named_for_its_run_and_waits_for_its_end() {
    for step in JOB_STEPS {
        let decision = Scene::of(step).decides(Event::Requested);

        let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{step}: {:?}", decision.effects) };
        assert_eq!(job.name.as_str(), format!("{}-diabetes-7", step.replace('_', "-")));
        assert_eq!(job.reply_to.step, key(step));
        assert_eq!(wait(&decision.progress).on, On::Job { job: job.name.clone() });
    }
}

#[test]
fn i_effect_once_the_same_try_asked_twice_names_the_same_job() {
    for step in JOB_STEPS {
        let scene = Scene::of(step);
        assert_eq!(scene.decides(Event::Requested).effects, scene.decides(Event::Requested).effects, "{step}");
    }
}

#[test]
fn another_try_is_another_job() {
    let again = Scene { attempt: 2, ..Scene::of("train") };

    let decision = again.decides(Event::Requested);

    let [Effect::SubmitJob(job)] = &decision.effects[..] else { panic!("{:?}", decision.effects) };
    assert_eq!(job.name.as_str(), "train-diabetes-7-2");
    assert_eq!(job.reply_to.attempt, 2);
}

#[test]
fn the_platform_is_given_the_time_limit_and_a_little_grace() {
    let scene = Scene::begun("train");

    assert_eq!(secs(scene.wait().deadline), 3600 + 120);
    assert_eq!(scene.wait().poll_at.map(secs), Some(30));
}

#[test]
fn a_job_that_ends_well_takes_the_run_on() {
    for step in JOB_STEPS {
        let scene = Scene::begun(step);
        let decision = scene.decides(right_answer(step, &scene.wait().on, None));
        assert_eq!((decision.progress, decision.then), (Progress::Succeeded, crate::decision::Then::Next), "{step}");
    }
}

#[test]
fn a_job_that_fails_ends_the_run_with_its_reason() {
    for step in JOB_STEPS {
        let decision =
            Scene::begun(step).decides(job_failed(&name(step), "python exited with 1", JobOutputs::default()));
        assert_eq!(decision.because, ["python exited with 1"], "{step}");
        assert_failed(&decision);
    }
}

#[test]
fn a_job_that_the_platform_refuses_fails() {
    for step in JOB_STEPS {
        let news = Event::JobRefused { job: name(step).parse().unwrap(), reason: "no such compute".into() };
        let decision = Scene::begun(step).decides(news);
        assert!(decision.because[0].ends_with("no such compute"), "{:?}", decision.because);
        assert_failed(&decision);
    }
    assert_failed(&Scene::begun("train").decides(refused("the key is wrong")));
}

#[test]
fn a_job_that_somebody_cancels_elsewhere_fails() {
    for step in JOB_STEPS {
        assert_failed(&Scene::begun(step).decides(job_canceled(&name(step))));
    }
}

#[test]
fn l_terminates_a_job_past_its_deadline_is_canceled() {
    for step in JOB_STEPS {
        let decision = Scene::begun(step).in_secs(4000).decides(Event::DeadlinePassed);
        assert_eq!(decision.effects, [Effect::CancelJob { job: name(step).parse().unwrap() }]);
        assert!(decision.because[0].contains("66 minutes"), "{:?}", decision.because);
        assert_failed(&decision);
    }
}

#[test]
fn l_no_event_lost_a_poll_asks_after_the_job_and_keeps_the_deadline() {
    for step in JOB_STEPS {
        let scene = Scene::begun(step).in_secs(30);

        let decision = scene.decides(Event::PollDue);

        assert_eq!(decision.effects, [Effect::AskJob { job: name(step).parse().unwrap() }]);
        assert_eq!(wait(&decision.progress).poll_at.map(secs), Some(60));
        assert_eq!(wait(&decision.progress).deadline, scene.wait().deadline);
    }
}

#[test]
fn a_job_that_is_still_running_changes_nothing() {
    let running = Event::JobRunning { job: name("train").parse().unwrap() };
    assert_eq!(Scene::begun("train").hears(running), None);
}

#[test]
fn news_of_another_job_changes_nothing() {
    for step in JOB_STEPS {
        let scene = Scene::begun(step);
        assert_eq!(scene.hears(completed("train-diabetes-8", right_outputs(step))), None);
        assert_eq!(scene.hears(job_failed("train-diabetes-8", "red", JobOutputs::default())), None);
        assert_eq!(scene.hears(Event::JobRefused { job: "other".parse().unwrap(), reason: "no".into() }), None);
    }
}

#[test]
fn news_that_comes_late_or_twice_changes_nothing() {
    for step in JOB_STEPS {
        let waiting = Scene::begun(step);
        let end = right_answer(step, &waiting.wait().on, None);
        assert_eq!(waiting.hears(Event::Requested), None, "{step} is asked twice");

        let done = waiting.after(end.clone());
        for late in [end, job_canceled(&name(step)), Event::PollDue, Event::DeadlinePassed, Event::Requested] {
            assert_eq!(done.hears(late.clone()), None, "{step} hears {late:?}");
        }
    }
}

#[test]
fn news_for_a_step_that_has_not_begun_decides_nothing() {
    for step in JOB_STEPS {
        assert_eq!(Scene::of(step).hears(completed(&name(step), outputs(&[], &[]))), None);
    }
}

#[test]
fn a_run_without_a_commit_says_how_to_start_one() {
    for step in JOB_STEPS {
        let decision = Scene::of(step).with(|run| run.source = None).decides(Event::Requested);
        assert!(decision.because[0].starts_with("there is no snapshot of a commit"), "{:?}", decision.because);
        assert_failed(&decision);
    }
}

fn assert_failed(decision: &Decision) {
    let crate::decision::Then::End { outcome, advice } = &decision.then else { panic!("it goes on: {decision:?}") };
    assert_eq!((&decision.progress, *outcome), (&Progress::Failed, Outcome::Failed));
    assert!(advice.is_some(), "a failure says what to do");
}

fn name(step: &str) -> String {
    format!("{}-diabetes-7", step.replace('_', "-"))
}
