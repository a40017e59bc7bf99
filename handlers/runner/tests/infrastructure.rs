//! Infrastructure on the real runner: planned for a pull request, applied once for what a branch declares, with a crash at
//! each call in turn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod day;

use day::{Day, Path, files, project};
use pipeline::run::{Outcome, Run};
use runner::intake::Wish;
use runner::memory::Fault;
use serde_json::json;

const DECLARED: &str = "infrastructure: { template: infra/main.json, parameters: infra/main.parameters.json }\n";

/// A day of a repository that declares these resources.
fn day(resources: &[&str]) -> Day {
    let day = Day::new(Path::Happy, true);
    commit(&day, resources);
    day
}

fn commit(day: &Day, resources: &[&str]) {
    let template = json!({"resources": resources.iter().map(|name| (*name, json!({}))).collect::<std::collections::BTreeMap<_, _>>()});
    let parameters = json!({"$schema": "x", "parameters": {"baseName": {"value": "contoso"}}});
    let more = [("infra/main.json", template.to_string()), ("infra/main.parameters.json", parameters.to_string())];
    let all = files().into_iter().map(|(path, text)| match path.as_str() {
        "trainyard.yml" => (path, [text, DECLARED.into()].concat()),
        _ => (path, text),
    });
    let all = all.chain(more.map(|(path, text)| (path.to_owned(), text.into_bytes())));
    day.machine.source.commit(&project(), &"main".parse().unwrap(), all.collect::<Vec<_>>());
}

fn provisioned(run: &Run) -> &[String] {
    &run.step(&"provision".parse().unwrap()).unwrap().because
}

fn applied(day: &Day) -> Vec<String> {
    day.machine.infrastructure.applied().iter().map(|declaration| declaration.name.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_branch_s_infrastructure_is_applied_once_for_what_it_declares() {
    let day = day(&["storage"]);
    day.deliver_run(1).await;
    let run = day.run(1).unwrap();
    assert_eq!(run.ended.as_ref().map(|ended| ended.outcome), Some(Outcome::Released), "{:#?}", run.journal);
    let because = provisioned(&run);
    assert!(because.contains(&"the infrastructure is applied, by provision-diabetes-1".to_owned()), "{because:?}");
    assert!(because.contains(&"infrastructure output resources: 1".to_owned()), "{because:?}");
    let parameters = &day.machine.infrastructure.applied()[0].parameters;
    assert_eq!(parameters, &json!({"baseName": {"value": "contoso"}}));

    commit(&day, &["storage"]);
    day.deliver_run(2).await;
    let run = day.run(2).unwrap();
    let because = provisioned(&run);
    assert!(
        because.contains(&"the infrastructure is as run 1 applied it, by provision-diabetes-1".to_owned()),
        "{because:?}"
    );

    commit(&day, &["storage", "workspace"]);
    day.deliver_run(3).await;
    assert_eq!(applied(&day), ["provision-diabetes-1", "provision-diabetes-3"]);
}

#[tokio::test(start_paused = true)]
async fn what_takes_its_time_is_found_by_polls() {
    let day = day(&["storage"]);
    day.machine.infrastructure.hold(true);
    let wish = Wish::Push { branch: "main".parse().unwrap(), commit: None };
    day.deliver_until(1, wish, |run| run.waiting().is_some_and(|(key, _, _)| key.to_string() == "provision")).await;
    assert_eq!(applied(&day), ["provision-diabetes-1"]);

    day.machine.infrastructure.finish();
    day.deliver_run(1).await;

    assert_eq!(day.run(1).unwrap().ended.map(|ended| ended.outcome), Some(Outcome::Released));
}

#[tokio::test(start_paused = true)]
async fn infrastructure_that_never_ends_is_canceled_at_its_deadline() {
    let day = day(&["storage"]);
    day.machine.infrastructure.hold(true);
    day.deliver_run(1).await;

    let ended = day.run(1).unwrap().ended.unwrap();

    assert_eq!(ended.outcome, Outcome::Failed);
    let reason = "infrastructure provision-diabetes-1 was not there after 120 minutes; it was canceled";
    assert_eq!(ended.because, [reason]);
    assert_eq!(ended.advice.as_deref(), Some("Mend what the reason names, then `trainyard retry 1`."));
}

#[tokio::test(start_paused = true)]
async fn infrastructure_that_fails_ends_the_run_and_is_told() {
    let day = day(&["broken"]);
    day.deliver_run(1).await;
    let ended = day.run(1).unwrap().ended.unwrap();
    assert_eq!((ended.outcome, ended.because), (Outcome::Failed, vec!["broken: it cannot be made".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn i_pr_isolation_a_pull_request_is_told_what_would_change_and_nothing_is_applied() {
    for held in [false, true] {
        let day = day(&["storage"]);
        day.machine.infrastructure.hold(held);
        if held {
            let wish = Wish::PullRequest { number: 12, branch: "main".parse().unwrap(), base: "main".parse().unwrap() };
            day.deliver_until(1, wish, |run| run.waiting().is_some_and(|(key, _, _)| key.to_string() == "provision"))
                .await;
            day.machine.infrastructure.finish();
        }
        day.check_pull_request(12).await;

        let run = day.run(1).unwrap();
        assert_eq!(run.ended.as_ref().map(|ended| ended.outcome), Some(Outcome::Checked), "{:#?}", run.journal);
        assert_eq!(provisioned(&run), ["the infrastructure: would create storage"]);
        let comment = day.machine.source.comment_on(&project(), 12).unwrap();
        assert!(comment.markdown.contains("would create storage"), "{}", comment.markdown);
        assert!(applied(&day).is_empty());
        assert_eq!(day.machine.jobs.submitted().len(), 1, "the check, and no environment");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_and_is_not_there_or_no_json_is_said() {
    let day = day(&["storage"]);
    let bicep = files().into_iter().map(|(path, text)| match path.as_str() {
        "trainyard.yml" => (path, [text, DECLARED.into()].concat()),
        _ => (path, text),
    });
    let bicep = bicep.chain([("infra/main.json".to_owned(), b"param baseName string".to_vec())]);
    day.machine.source.commit(&project(), &"main".parse().unwrap(), bicep.collect::<Vec<_>>());
    day.deliver_run(1).await;
    let because = day.run(1).unwrap().ended.unwrap().because;
    assert!(because[0].starts_with("infra/main.json is not JSON ("), "{because:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_each_call_applies_it_once() {
    let good = day(&["storage"]);
    good.deliver_run(1).await;
    good.quiesce().await;
    let calls = good.machine.faults.trace().len();
    for nth in 1..=calls {
        for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LostReply] {
            let day = day(&["storage"]);
            day.machine.faults.at(nth, fault);
            day.deliver_run(1).await;
            day.quiesce().await;
            let run = day.run(1).unwrap();
            let outcome = run.ended.as_ref().map(|ended| ended.outcome);
            assert_eq!(outcome, Some(Outcome::Released), "{fault:?} at {nth}: {:#?}", run.journal);
            assert_eq!(day.machine.infrastructure.applied().len(), 1, "{fault:?} at {nth}");
            assert!(day.machine.tally.twice().is_empty(), "{fault:?} at {nth}: {:?}", day.machine.tally.twice());
        }
    }
}
