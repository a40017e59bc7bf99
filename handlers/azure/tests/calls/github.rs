//! What people see on GitHub.

use azure::Shown;
use runner::ports::{Source, StatusState};
use serde_json::{Value, json};

use crate::fake::github::said;
use crate::support::{Bench, comment, commit, dead_commit, other_commit, project, report, run, status};

#[tokio::test]
async fn a_status_is_set_on_the_commit_and_leads_to_the_run() {
    let bench = Bench::new().await;
    for (state, word) in [
        (StatusState::Pending, "pending"),
        (StatusState::Succeeded, "success"),
        (StatusState::Failed, "failure"),
        (StatusState::Error, "error"),
        (StatusState::NotApplicable, "success"),
    ] {
        bench.github.set_status(&project(), &commit(), &status(state, Some(12))).await.unwrap();

        let told = bench.fake.world().github.statuses.pop().unwrap();
        let wanted = json!({
            "state": word,
            "context": "trainyard/check",
            "description": "Lint and tests",
            "target_url": format!("https://trains.example/runs/{}", run(1)),
        });
        assert_eq!(told, (commit().to_string(), wanted));
    }
    let mut long = status(StatusState::Failed, None);
    long.description = "ü".repeat(500);
    bench.github.set_status(&project(), &commit(), &long).await.unwrap();
}

#[tokio::test]
async fn an_app_makes_one_check_run_and_updates_it() {
    let bench = Bench::showing(Shown::CheckRun).await;
    for (state, word, conclusion) in [
        (StatusState::Pending, "in_progress", Value::Null),
        (StatusState::Pending, "in_progress", Value::Null),
        (StatusState::Succeeded, "completed", json!("success")),
        (StatusState::Failed, "completed", json!("failure")),
        (StatusState::Error, "completed", json!("failure")),
        (StatusState::NotApplicable, "completed", json!("skipped")),
    ] {
        bench.github.set_status(&project(), &commit(), &status(state, Some(12))).await.unwrap();

        let world = bench.fake.world();
        let [check] = &world.github.checks[..] else { panic!("{:?}", world.github.checks) };
        assert_eq!((&check["status"], &check["conclusion"]), (&json!(word), &conclusion));
        assert_eq!(check["completed_at"].is_string(), word == "completed");
        assert_eq!((&check["name"], &check["head_sha"]), (&json!("trainyard/check"), &json!(commit())));
        assert_eq!(check["output"]["summary"], "Lint and tests");
        assert_eq!(check["details_url"], format!("https://trains.example/runs/{}", run(1)));
    }
    let mut newer = status(StatusState::Pending, None);
    newer.run = run(2);
    bench.github.set_status(&project(), &commit(), &newer).await.unwrap();
    assert_eq!(bench.fake.world().github.checks.len(), 2, "another run's is another check");
}

#[tokio::test]
async fn nobody_is_told_of_a_commit_or_a_pull_request_that_is_gone() {
    for shown in [Shown::CommitStatus, Shown::CheckRun] {
        let bench = Bench::showing(shown).await;
        bench.github.set_status(&project(), &dead_commit(), &status(StatusState::Failed, Some(12))).await.unwrap();
        bench.github.comment(&project(), 13, &comment(1, "text")).await.unwrap();
        let world = bench.fake.world();
        assert_eq!((world.github.statuses.len(), world.github.checks.len(), world.github.comments.len()), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_pull_request_has_one_comment_which_a_newer_run_replaces() {
    let bench = Bench::new().await;
    let others = (0..120).map(|number| said(number, "User", "Looks good to me"));
    bench.fake.world().github.comments.extend(others);
    for (second, text) in [(1, "### Run 1\n"), (1, "### Run 1\n"), (2, "### Run 2\n"), (1, "### Run 1, late\n")] {
        bench.github.comment(&project(), 12, &comment(second, text)).await.unwrap();
    }
    let posts = bench.fake.asked().iter().filter(|asked| !asked.starts_with("GET")).count();
    assert_eq!(posts, 2, "created once, replaced once");
    let world = bench.fake.world();
    assert_eq!(world.github.comments.len(), 121);
    let body = world.github.comments[120]["body"].as_str().unwrap();
    assert!(body.starts_with("### Run 2\n\n[All about this run](https://trains.example/runs/"), "{body}");
}

#[tokio::test]
async fn a_person_who_copies_the_mark_does_not_get_an_app_s_words() {
    let bench = Bench::showing(Shown::CheckRun).await;
    let copied = said(1, "User", &format!("all green <!-- trainyard:diabetes:{} -->", run(9)));
    bench.fake.world().github.comments.push(copied.clone());
    bench.github.comment(&project(), 12, &comment(1, "### Run 1\n")).await.unwrap();
    let world = bench.fake.world();
    assert_eq!((world.github.comments.len(), &world.github.comments[0]), (2, &copied));
}

#[tokio::test]
async fn github_has_no_place_for_tests_and_is_not_asked_for_one() {
    let bench = Bench::new().await;
    bench.github.publish_tests(&project(), &commit(), &report()).await.unwrap();
    assert_eq!(bench.fake.count(), 0);
}

#[tokio::test]
async fn a_list_that_is_cut_off_is_not_taken_for_the_whole() {
    let bench = Bench::new().await;
    bench.fake.world().github.truncated = true;
    let changed = bench.github.changed(&project(), None, &other_commit()).await.unwrap_err();
    let snapshot = bench.github.snapshot(&project(), &other_commit()).await.unwrap_err();
    for error in [changed, snapshot] {
        assert!(error.to_string().contains("more files than GitHub lists"), "{error}");
    }
}
