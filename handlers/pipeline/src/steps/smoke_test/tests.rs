use super::{ROUNDS, judge_answer};
use crate::decision::{Decision, Fact, Then};
use crate::effect::{Call, Effect};
use crate::event::{Answer, EnvironmentEvent, Event};
use crate::manifest::Expect;
use crate::run::{On, Outcome, Progress, Stage};
use crate::steps::testing::{
    MSE_05, RIGHT, Scene, answered, environment, refused, release, secs, tell, unreachable, wait,
};

#[test]
fn the_payloads_are_sent_to_the_release_and_no_other() {
    let decision = deployed("qa").decides(Event::Requested);

    let calls = vec![Call { payload: "scoring/smoke.json".into() }];
    let deployment = release(7, MSE_05).deployment;
    assert_eq!(
        decision.effects,
        [Effect::CallEndpoint { environment: environment("qa"), deployment, round: 1, calls }]
    );
}

#[test]
fn right_answers_prove_the_release_and_free_the_environment() {
    let decision = begun("qa").decides(round(1, answered(200, RIGHT)));

    let environment = environment("qa");
    let proven = Decision::succeed()
        .because("1 of 1 answers are right")
        .learn(Fact::Tested { environment: environment.clone() })
        .learn(Fact::Left { environment })
        .perform(tell("qa", EnvironmentEvent::Proven));
    assert_eq!(decision, proven);
}

#[test]
fn an_environment_without_payloads_takes_a_healthy_release_as_proven() {
    let decision = deployed("qa").with(|run| run.manifest.scoring.smoke.clear()).decides(Event::Requested);
    assert_eq!(decision.effects, [tell("qa", EnvironmentEvent::Proven)]);
}

#[test]
fn in_qa_a_wrong_answer_ends_the_run() {
    let decision = begun("qa").decides(round(1, answered(200, r#"{"error": "'data'"}"#)));

    assert_eq!(decision.progress, Progress::Failed);
    assert!(matches!(decision.then, Then::End { outcome: Outcome::Failed, .. }));
    assert_eq!(decision.because, ["scoring/smoke.json: answered an error with HTTP 200: \"'data'\""]);
}

#[test]
fn l_healthy_in_production_a_wrong_answer_brings_the_last_good_release_back() {
    let decision = begun("prod").decides(round(1, answered(500, "oops")));

    assert_eq!((&decision.progress, &decision.then), (&Progress::Failed, &Then::RollBack));
    assert_eq!(decision.because[1], "the last good release is put back");
}

#[test]
fn without_a_good_release_there_is_none_to_put_back() {
    let first = begun("prod").with(|run| stage(run, "prod").last_good = None);

    let decision = first.decides(round(1, answered(500, "oops")));

    assert!(matches!(decision.then, Then::End { outcome: Outcome::Failed, .. }));
    assert_eq!(decision.because[1], "there is no good release of prod to put back");
}

#[test]
fn any_environment_may_be_rolled_back_where_the_manifest_says_so() {
    let scene = begun("qa").with(|run| run.manifest.environments[0].1.rollback = Some(true));
    assert_eq!(scene.decides(round(1, answered(500, "oops"))).then, Then::RollBack);
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_called_again() {
    for answer in [unreachable(), answered(429, ""), answered(502, ""), answered(503, "starting"), answered(504, "")] {
        let decision = begun("prod").decides(round(1, answer.clone()));

        assert_eq!(wait(&decision.progress).on, On::Round { round: 2 }, "after {answer:?}");
        let later: Vec<_> = decision.later.iter().map(|(at, event)| (secs(*at), event.clone())).collect();
        assert_eq!(later, [(2, Event::PollDue)]);
    }
}

#[test]
fn what_is_wrong_for_good_is_not_tried_again() {
    for status in [400, 401, 403, 404, 500, 501] {
        let decision = begun("prod").decides(round(1, answered(status, "")));
        assert_eq!(decision.progress, Progress::Failed, "HTTP {status}");
    }
}

#[test]
fn a_wrong_answer_counts_even_beside_one_that_may_come_later() {
    let scene = begun("qa").with(|run| {
        let again = run.manifest.scoring.smoke[0].clone();
        run.manifest.scoring.smoke.push(again);
    });

    let decision = scene.decides(Event::EndpointCalled { round: 1, answers: vec![unreachable(), answered(404, "")] });

    assert_eq!(decision.progress, Progress::Failed);
}

#[test]
fn l_terminates_an_endpoint_that_never_answers_fails_after_the_last_round() {
    let mut scene = begun("qa");
    for nth in 1..ROUNDS {
        scene = scene.after(round(nth, unreachable()));
    }

    let decision = scene.decides(round(ROUNDS, unreachable()));

    assert_eq!(decision.progress, Progress::Failed);
    assert_eq!(decision.because, ["nobody answers after 30 rounds: connection refused"]);
}

#[test]
fn i_no_untested_an_answer_that_is_missing_is_not_right() {
    let decision = begun("qa").decides(Event::EndpointCalled { round: 1, answers: Vec::new() });
    assert_eq!(decision.progress, Progress::Failed);
}

#[test]
fn a_test_that_cannot_be_made_or_takes_too_long_fails() {
    assert_eq!(begun("qa").decides(refused("no payload")).because, ["no payload"]);
    assert_eq!(begun("qa").decides(Event::DeadlinePassed).because, ["it did not answer in time"]);
    assert_eq!(begun("prod").decides(Event::DeadlinePassed).then, Then::RollBack);
}

#[test]
fn l_no_event_lost_a_poll_makes_the_same_round_again() {
    let scene = begun("qa").after(round(1, unreachable())).in_secs(2);

    let decision = scene.decides(Event::PollDue);

    assert!(matches!(decision.effects[..], [Effect::CallEndpoint { round: 2, .. }]), "{:?}", decision.effects);
    assert_eq!(wait(&decision.progress).deadline, scene.wait().deadline);
}

#[test]
fn news_that_comes_late_twice_or_about_another_round_changes_nothing() {
    let second = begun("qa").after(round(1, unreachable()));
    assert_eq!(second.hears(round(1, answered(500, "oops"))), None, "an old round hurts nobody");
    assert_eq!(second.hears(Event::Requested), None);
    let done = second.after(round(2, answered(200, RIGHT)));
    for late in [round(2, answered(500, "oops")), Event::PollDue, Event::DeadlinePassed, Event::Requested] {
        assert_eq!(done.hears(late), None);
    }
}

/// What the endpoint answers, and what is wrong with that; nothing: it is right.
#[test]
fn an_answer_is_judged_by_what_it_says() {
    let judged = [
        (200, RIGHT, ""),
        (200, "[5215.198131579873, 3726.9954859385775]", ""),
        (200, r#""{\"result\": [5215.198131579873, 3726.9954859385775]}""#, ""),
        (200, r#"{"error": "X has 3 features"}"#, "answered an error with HTTP 200: \"X has 3 features\""),
        (200, r#""{\"error\": \"'data'\"}""#, "answered an error with HTTP 200: \"'data'\""),
        (200, r#"{"result": [5215.198131579873]}"#, "the answer has 1 results instead of 2"),
        (200, r#"{"result": [1, 2, 3]}"#, "the answer has 3 results instead of 2"),
        (200, r#"{"result": []}"#, "the answer has 0 results instead of 2"),
        (200, r#"{"result": ["a", "b"]}"#, "result 1 is not a number: \"a\""),
        (200, r#"{"result": [null, null]}"#, "result 1 is not a number: null"),
        (200, r#"{"result": 5215.2}"#, "the answer has no list `result`: {\"result\": 5215.2}"),
        (200, "\"New Model A\"", "the answer has no list `result`: \"New Model A\""),
        (200, "<html>", "the answer has no list `result`: <html>"),
        (200, "", "the answer has no list `result`: "),
        (401, RIGHT, "answered HTTP 401 instead of 200: "),
        (404, "gone", "answered HTTP 404 instead of 200: gone"),
        // The sample in the repository's own score.py is of another model.
        (
            200,
            r#"{"result": [5021.509689995557, 3693.645386402646]}"#,
            "result 1 is 5021.509689995557 instead of 5215.198131579873 ± 0.001",
        ),
    ];
    for (status, body, wrong) in judged {
        match judge_answer(&expect(), status, body) {
            Ok(()) => assert_eq!(wrong, "", "{body} passes"),
            Err(reason) => assert!(!wrong.is_empty() && reason.starts_with(wrong), "{body}: {reason}"),
        }
    }
}

#[test]
fn a_number_may_be_off_by_exactly_the_tolerance() {
    let expect = Expect { result: Some(vec![10.0]), tolerance: 0.5, ..Expect::default() };
    for (number, is_right) in [("10.5", true), ("9.5", true), ("10.500001", false), ("9.499999", false)] {
        assert_eq!(judge_answer(&expect, 200, &format!("[{number}]")).is_ok(), is_right, "{number}");
    }
}

#[test]
fn a_tolerance_of_nothing_wants_the_very_number() {
    let expect = Expect { tolerance: 0.0, ..expect() };
    assert!(judge_answer(&expect, 200, RIGHT).is_ok());
    assert!(judge_answer(&expect, 200, "[5215.198131579874, 3726.9954859385775]").is_err());
}

#[test]
fn only_the_length_may_be_asked_for() {
    let expect = Expect { length: Some(2), ..Expect::default() };
    assert!(judge_answer(&expect, 200, r#"{"result": ["a", "b"]}"#).is_ok());
    assert!(judge_answer(&expect, 200, r#"{"result": ["a"]}"#).is_err());
}

#[test]
fn where_nothing_is_asked_for_an_error_still_is_one() {
    for body in ["\"New Model A\"", "", "no json", "{}"] {
        assert_eq!(judge_answer(&Expect::default(), 200, body), Ok(()), "{body}");
    }
    assert!(judge_answer(&Expect::default(), 200, r#"{"error": "'data'"}"#).is_err());
}

#[test]
fn another_status_may_be_the_right_one() {
    let expect = Expect { status: 400, ..Expect::default() };
    assert_eq!(judge_answer(&expect, 400, "no data"), Ok(()));
    assert!(judge_answer(&expect, 200, "no data").is_err());
    let scene = begun("qa").with(|run| run.manifest.scoring.smoke[0].expect = Expect { status: 503, ..expect.clone() });
    assert_eq!(scene.decides(round(1, answered(503, "down for repair"))).progress, Progress::Succeeded);
}

#[test]
fn a_long_answer_is_shortened_between_letters() {
    let reason = judge_answer(&expect(), 500, &"ä".repeat(1000)).unwrap_err();
    assert!(reason.ends_with("ä…") && reason.chars().count() < 250, "{reason}");
}

fn begun(environment: &str) -> Scene {
    deployed(environment).after(Event::Requested)
}

fn deployed(environment: &str) -> Scene {
    Scene::of(&format!("smoke_test:{environment}")).with(|run| {
        let (before, good) = (release(6, MSE_05), release(6, MSE_05));
        *stage(run, environment) = Stage {
            held: true,
            before: Some(before),
            last_good: Some(good),
            release: Some(release(7, MSE_05)),
            ..Stage::default()
        };
    })
}

fn stage<'a>(run: &'a mut crate::run::Run, name: &str) -> &'a mut Stage {
    run.facts.stages.entry(environment(name)).or_default()
}

fn round(round: u32, answer: Answer) -> Event {
    Event::EndpointCalled { round, answers: vec![answer] }
}

fn expect() -> Expect {
    Expect { result: Some(vec![5215.198131579873, 3726.9954859385775]), tolerance: 0.001, ..Expect::default() }
}
