use serde_json::{Value, json};

use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("azure_devops");
}

#[test]
fn the_same_push_reads_the_same_however_it_was_wrapped() {
    let folder = samples::folder("azure_devops");
    let plain = only(read(&samples::bytes(&folder, "servicebus/git.push.raw-utf8.bin"), Limits::default()));
    for file in ["dotnet-chars16", "dotnet-chars16-with-end", "datacontract-xml"] {
        let body = samples::bytes(&folder, &format!("servicebus/git.push.{file}.bin"));
        assert_eq!(only(read(&body, Limits::default())), plain, "{file}");
    }
}

#[test]
fn a_session_token_is_in_nothing_that_is_read_or_kept() {
    let mut hook = push();
    hook["sessionToken"] = json!({"token": "hunter2", "validTo": "2026-03-18T00:00:00Z"});
    let good = read_value(&hook);
    hook["resource"]["repository"] = json!(7);
    let bad = read_value(&hook);
    assert!(matches!(bad, Reading::Quarantined { .. }));
    for reading in [good, bad] {
        assert!(!serde_json::to_string(&reading).unwrap().contains("hunter2"), "{reading:?}");
    }
}

#[test]
fn a_push_of_more_refs_than_may_start_work_keeps_the_default_branch() {
    let mut hook = push();
    let update = |name: &str| json!({"name": name, "oldObjectId": "1".repeat(40), "newObjectId": "2".repeat(40)});
    let mut updates: Vec<Value> = (0..500).map(|number| update(&format!("refs/tags/{number}"))).collect();
    updates.extend((0..500).map(|number| update(&format!("refs/heads/{number}"))));
    updates.push(update("refs/heads/main"));
    hook["resource"]["refUpdates"] = updates.into();
    let notice = notice(read_value(&hook));
    assert_eq!(codes(&notice), [Code::FanoutLimit]);
    let Fact::Pushed(push) = notice.fact else { panic!("{:?}", notice.fact) };
    assert_eq!(push.updates.len(), crate::fact::Push::MOST_UPDATES);
    assert!(!push.complete);
    assert_eq!(push.updates[0].reference.as_str(), "refs/heads/main");
    assert!(push.updates.iter().all(|update| update.reference.branch().is_some()));
}

#[test]
fn thousands_of_refs_that_are_none_are_told_once() {
    let mut hook = push();
    hook["resource"]["refUpdates"] =
        vec![json!({"name": "refs/heads/..", "oldObjectId": "", "newObjectId": ""}); 4_000].into();
    let readings = read(hook.to_string().as_bytes(), Limits::default());
    let [Reading::Quarantined { code: Code::RefInvalid, reason, part: Some(part), .. }] = readings.as_slice() else {
        panic!("{readings:?}")
    };
    assert!(reason.contains("`resource.refUpdates[0].name`") && reason.ends_with("4000 refs in all"), "{reason}");
    assert!(part.len() < 1_000, "{part}");
}

#[test]
fn a_push_without_updates_is_no_push_of_nothing() {
    let mut hook = push();
    hook["resource"]["refUpdates"] = json!([]);
    assert!(matches!(read_value(&hook), Reading::Quarantined { code: Code::ShapeMissing, .. }));
}

#[test]
fn a_pull_request_from_another_repository_says_so() {
    let mut hook = sample("git.pullrequest.created.json");
    hook["resource"]["forkSource"] = json!({"name": "refs/heads/x", "repository": {"id": "0"}});
    let Fact::PullRequestChanged(pull_request) = notice(read_value(&hook)).fact else { panic!() };
    assert!(pull_request.from_fork);
}

#[test]
fn a_vote_means_nothing_new_and_a_push_does() {
    let meaning = |file: &str| notice(read_value(&sample(file))).fact.meaning().unwrap();
    let pushed = meaning("git.pullrequest.updated.push.json");
    assert_eq!(meaning("git.pullrequest.updated.vote.json"), pushed);
    assert_eq!(meaning("git.pullrequest.merged.active.json"), pushed, "a try to merge is nothing new either");
    assert_ne!(meaning("git.pullrequest.created.json"), pushed);
    let merged = meaning("git.pullrequest.updated.completed.json");
    assert_eq!(meaning("git.pullrequest.merged.completed.json"), merged, "one merge, two events");
    assert_ne!(merged, pushed);
}

#[test]
fn an_unknown_status_is_never_success() {
    for (file, path, bad) in [
        ("build.complete.succeeded.json", "/resource/result", json!("sucess")),
        ("build.complete.succeeded.json", "/resource/result", json!(0)),
        ("git.pullrequest.created.json", "/resource/status", json!("merged")),
        ("ms.vss-pipelines.run-state-changed-event.succeeded.json", "/resource/run/state", json!("done")),
        (
            "ms.vss-pipelinechecks-events.approval-completed.approved.json",
            "/resource/approval/status",
            json!(" approved"),
        ),
        (
            "ms.vss-release.deployment-approval-completed-event.approved.json",
            "/resource/approval/status",
            json!("undefined"),
        ),
    ] {
        let mut hook = sample(file);
        *hook.pointer_mut(path).unwrap() = bad;
        assert!(matches!(read_value(&hook), Reading::Quarantined { code: Code::ValueStatus, .. }), "{file}");
    }
    let mut hook = sample("ms.vss-pipelines.run-state-changed-event.succeeded.json");
    hook["resource"]["run"]["result"] = Value::Null;
    assert!(matches!(read_value(&hook), Reading::Quarantined { code: Code::ShapeMissing, .. }));
}

#[test]
fn what_nobody_waits_for_is_ignored_whatever_it_looks_like() {
    let hook = json!({"id": "1", "eventType": "workitem.created", "resource": 7});
    assert!(matches!(read_value(&hook), Reading::Ignored { code: Code::EventUnknownType, .. }));
}

#[test]
fn the_organisation_is_read_from_addresses_of_the_service_alone() {
    for (address, name) in [
        ("https://dev.azure.com/Contoso-ML/", Some("contoso-ml")),
        ("https://contoso.visualstudio.com/DefaultCollection/", Some("contoso")),
        ("https://dev.azure.com", None),
        ("https://tfs.contoso.example/tfs/x/", None),
        ("https://dev.azure.com.attacker.example/contoso/", None),
        ("https://dev.azure.com/..%2f/", None),
        ("http://dev.azure.com/contoso/", None),
    ] {
        assert_eq!(organization(address).as_deref(), name, "{address}");
    }
}

fn push() -> Value {
    sample("git.push.one-commit.json")
}

fn sample(file: &str) -> Value {
    samples::json(&samples::folder("azure_devops"), file)
}

fn read_value(hook: &Value) -> Reading {
    only(read(hook.to_string().as_bytes(), Limits::default()))
}

fn only(readings: Vec<Reading>) -> Reading {
    let [reading] = <[Reading; 1]>::try_from(readings).unwrap();
    reading
}

fn notice(reading: Reading) -> crate::Notice {
    match reading {
        Reading::Read(notice) => *notice,
        other => panic!("{other:?}"),
    }
}

fn codes(notice: &crate::Notice) -> Vec<Code> {
    notice.remarks.iter().map(|remark| remark.code).collect()
}
