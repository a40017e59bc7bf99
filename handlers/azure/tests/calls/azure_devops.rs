//! What people see on Azure DevOps.

use runner::ports::{PortError, Source, StatusState};
use serde_json::{Value, json};

use crate::fake::azure_devops::REPOSITORY_ID;
use crate::support::{Bench, comment, commit, dead_commit, other_commit, policy, project, report, run, status};

#[tokio::test]
async fn a_status_is_set_on_the_commit_and_leads_to_the_run() {
    let bench = Bench::new().await;
    for (state, word) in [
        (StatusState::Pending, "pending"),
        (StatusState::Succeeded, "succeeded"),
        (StatusState::Failed, "failed"),
        (StatusState::Error, "error"),
        (StatusState::NotApplicable, "notApplicable"),
    ] {
        bench.devops.set_status(&project(), &commit(), &status(state, None)).await.unwrap();

        let told = bench.fake.world().devops.commit_statuses.pop().unwrap();
        let wanted = json!({
            "state": word,
            "description": "Lint and tests",
            "targetUrl": format!("https://trains.example/runs/{}", run(1)),
            "context": {"name": "check", "genre": "trainyard"},
        });
        assert_eq!(told, (commit().to_string(), wanted));
    }
    assert_eq!(bench.fake.world().devops.iteration_statuses, []);
}

#[tokio::test]
async fn a_pull_request_s_status_is_set_on_the_iteration_that_was_looked_at() {
    let bench = Bench::new().await;
    let retargeted = [commit().to_string(), "d".repeat(40)];
    bench.fake.world().devops.iterations.extend(retargeted);

    bench.devops.set_status(&project(), &commit(), &status(StatusState::Succeeded, Some(12))).await.unwrap();

    let world = bench.fake.world();
    let iterations: Vec<_> = world.devops.iteration_statuses.iter().map(|(iteration, _)| iteration.as_str()).collect();
    assert_eq!(iterations, ["3"], "the last one with this head, and not the one that was pushed after it");
    assert_eq!(world.devops.commit_statuses.len(), 1);
}

#[tokio::test]
async fn nobody_is_told_of_a_commit_or_a_pull_request_that_is_gone() {
    let bench = Bench::new().await;
    let (devops, project) = (&bench.devops, project());

    devops.set_status(&project, &dead_commit(), &status(StatusState::Failed, Some(12))).await.unwrap();
    devops.set_status(&project, &other_commit(), &status(StatusState::Failed, Some(13))).await.unwrap();
    devops.comment(&project, 13, &comment(1, "text")).await.unwrap();

    let world = bench.fake.world();
    assert_eq!((world.devops.iteration_statuses.len(), world.devops.threads.len()), (0, 0));
}

#[tokio::test]
async fn a_pull_request_has_one_thread_whose_comment_a_newer_run_replaces() {
    let bench = Bench::new().await;
    for (second, text) in [(1, "### Run 1\n"), (1, "### Run 1\n"), (2, "### Run 2\n"), (1, "### Run 1, late\n")] {
        bench.devops.comment(&project(), 12, &comment(second, text)).await.unwrap();
    }

    let posts = bench.fake.asked().iter().filter(|asked| !asked.starts_with("GET")).count();
    assert_eq!(posts, 2, "created once, replaced once");
    let world = bench.fake.world();
    let [thread] = &world.devops.threads[..] else { panic!("{:?}", world.devops.threads) };
    assert_eq!(thread["status"], "closed", "an active one keeps a pull request from being completed");
    let content = thread["comments"][0]["content"].as_str().unwrap();
    assert!(content.starts_with("### Run 2\n\n[All about this run](https://trains.example/runs/"), "{content}");
}

#[tokio::test]
async fn a_thread_is_found_by_its_property_when_its_mark_is_lost_and_by_its_mark_when_its_property_is() {
    let bench = Bench::new().await;
    bench.devops.comment(&project(), 12, &comment(1, "first")).await.unwrap();
    bench.fake.world().devops.threads[0]["comments"][0]["content"] = "edited by a person".into();
    bench.devops.comment(&project(), 12, &comment(2, "second")).await.unwrap();
    bench.fake.world().devops.threads[0]["properties"] = Value::Null;
    bench.devops.comment(&project(), 12, &comment(3, "third")).await.unwrap();
    {
        let world = bench.fake.world();
        assert_eq!(world.devops.threads.len(), 1);
        assert!(world.devops.threads[0]["comments"][0]["content"].as_str().unwrap().starts_with("third"));
    }

    bench.fake.world().devops.threads[0]["isDeleted"] = true.into();
    bench.devops.comment(&project(), 12, &comment(4, "fourth")).await.unwrap();
    assert_eq!(bench.fake.world().devops.threads.len(), 2, "what a person deleted is not written to");
}

#[tokio::test]
async fn tests_and_coverage_are_published_beside_their_build() {
    let bench = Bench::new().await;

    bench.devops.publish_tests(&project(), &commit(), &report()).await.unwrap();

    let asked = bench.fake.asked();
    let world = bench.fake.world();
    let [run] = &world.devops.runs[..] else { panic!("{:?}", world.devops.runs) };
    let outcomes: Vec<_> = run.results.iter().map(|result| result["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["Passed", "Failed", "Error", "NotExecuted"]);
    let red = &run.results[1];
    assert_eq!(red["automatedTestName"], "tests.unit.test_score.test_shape");
    assert_eq!((&red["durationInMs"], &red["errorMessage"]), (&json!(12.5), &json!("AssertionError: (9,) != (10,)")));
    assert_eq!(red["stackTrace"].as_str().unwrap().chars().count(), 1000, "the service takes no more");
    assert_eq!(run.attachments[0]["fileName"], "red-tests.txt");
    assert_eq!(
        (&run.head["state"], &run.head["comment"]),
        (&json!("Completed"), &json!("1 passed, 2 failed, 1 skipped"))
    );
    let [(build, coverage)] = &world.devops.coverage[..] else { panic!("{:?}", world.devops.coverage) };
    assert_eq!((build.as_str(), &coverage["coverageStats"][0]["covered"]), ("88121", &json!(1622)));
    assert_eq!(coverage["coverageStats"][1]["label"], "Branches");
    assert!(asked.last().unwrap().starts_with("PATCH"), "a run is complete when all else is there: {asked:?}");
}

#[tokio::test]
async fn without_a_build_there_is_no_page_for_tests() {
    let bench = Bench::new().await;
    let mut report = report();
    report.build = None;
    bench.devops.publish_tests(&project(), &commit(), &report).await.unwrap();
    assert_eq!(bench.fake.count(), 0);
}

#[tokio::test]
async fn the_same_report_twice_is_one_test_run_and_another_run_s_is_another() {
    let bench = Bench::new().await;
    let mut other = report();
    other.run = run(2);
    for report in [report(), report(), other] {
        bench.devops.publish_tests(&project(), &commit(), &report).await.unwrap();
    }
    let world = bench.fake.world();
    let results: Vec<_> = world.devops.runs.iter().map(|run| run.results.len()).collect();
    assert_eq!((results, world.devops.coverage.len()), (vec![4, 4], 2));
}

#[tokio::test]
async fn many_results_are_sent_a_thousand_at_a_time() {
    let bench = Bench::new().await;
    let mut report = report();
    report.cases = std::iter::repeat_n(report.cases[0].clone(), 2500).collect();
    bench.devops.publish_tests(&project(), &commit(), &report).await.unwrap();
    assert_eq!(bench.fake.world().devops.runs[0].results.len(), 2500);
}

#[tokio::test]
async fn a_renamed_file_has_changed_where_it_was_and_where_it_is() {
    let bench = Bench::new().await;
    let of = |commit: String| commit.parse().unwrap();
    let (from, to) = {
        let world = &mut *bench.fake.world();
        let from = world.devops.repository.commit("main", &[("train.py", "print(1)")]);
        (of(from), of(world.devops.repository.commit("main", &[("training/train.py", "print(1)")])))
    };
    let changed = bench.devops.changed(&project(), Some(&from), &to).await.unwrap();
    assert_eq!(changed, ["train.py", "training/train.py"], "and no folder is a file");

    let many: Vec<_> = (0..2500).map(|nth| (format!("data/{nth:04}.csv"), nth.to_string())).collect();
    let many: Vec<_> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let many = of(bench.fake.world().devops.repository.commit("main", &many));
    assert_eq!(bench.devops.changed(&project(), Some(&to), &many).await.unwrap().len(), 2501);
    let error = bench.devops.changed(&project(), None, &dead_commit()).await.unwrap_err();
    assert!(matches!(error, PortError::Permanent { .. }) && error.to_string().contains("no commit dead"), "{error}");
}

#[tokio::test]
async fn a_branch_gets_its_gate_once_and_it_is_set_right() {
    let bench = Bench::new().await;
    let wrong_author = |world: &mut Value| world["settings"]["authorId"] = Value::Null;

    bench.devops.ensure_policy(&project(), &policy()).await.unwrap();
    bench.devops.ensure_policy(&project(), &policy()).await.unwrap();
    {
        let mut world = bench.fake.world();
        let [made] = &mut world.devops.policies[..] else { panic!("{:?}", world.devops.policies) };
        assert_eq!(made["type"]["id"], "cbdc66da-9728-4af8-aada-9a5a32e4a226");
        let settings = &made["settings"];
        assert_eq!((&settings["statusName"], &settings["statusGenre"]), (&json!("check"), &json!("trainyard")));
        assert_eq!(settings["invalidateOnSourceUpdate"], true);
        let scope = json!([{"repositoryId": REPOSITORY_ID, "refName": "refs/heads/main", "matchKind": "Exact"}]);
        assert_eq!(settings["scope"], scope);
        made["settings"]["filenamePatterns"] = json!(["/src/*"]);
        wrong_author(made);
    }
    bench.devops.ensure_policy(&project(), &policy()).await.unwrap();

    let world = bench.fake.world();
    let [set_right] = &world.devops.policies[..] else { panic!("{:?}", world.devops.policies) };
    assert_eq!(set_right["settings"]["authorId"], policy().author.unwrap().as_str());
    assert_eq!(set_right["settings"]["filenamePatterns"], json!(["/src/*"]), "what people added stays");
}

#[tokio::test]
async fn a_gate_that_holds_for_more_than_the_branch_is_not_changed() {
    let bench = Bench::new().await;
    let everywhere = json!({
        "id": 7, "isEnabled": true, "isBlocking": false, "type": {"id": "cbdc66da-9728-4af8-aada-9a5a32e4a226"},
        "settings": {
            "statusName": "Check", "statusGenre": "Trainyard",
            "scope": [{"repositoryId": null, "refName": "refs/heads/main", "matchKind": "Exact"}],
        },
    });
    bench.fake.world().devops.policies.push(everywhere.clone());
    bench.devops.ensure_policy(&project(), &policy()).await.unwrap();
    let world = bench.fake.world();
    assert_eq!((world.devops.policies.len(), &world.devops.policies[0]), (2, &everywhere));
}

#[tokio::test]
async fn settings_that_lead_nowhere_are_said() {
    let bench = Bench::new().await;
    let other: pipeline::names::Project = "other".parse().unwrap();
    let unset = bench.devops.comment(&other, 12, &comment(1, "text")).await.unwrap_err();
    assert!(unset.to_string().contains("no repository is set for project other; add it to `repositories`"), "{unset}");

    let mut settings = crate::support::devops(&bench.fake);
    settings.repositories.get_mut(&project()).unwrap().repository = "Diabetes2".into();
    let credential = azure::PersonalAccessToken::of_azure_devops("ann", "secret").unwrap();
    let clock = std::sync::Arc::new(bench.clock.clone());
    let new = |settings| {
        let credential = std::sync::Arc::new(credential.clone());
        azure::AzureDevops::new(settings, credential, clock.clone(), bench.artifacts.clone())
    };
    let devops = new(settings.clone()).unwrap();
    let misplaced = devops.set_status(&project(), &commit(), &status(StatusState::Failed, None)).await.unwrap_err();
    assert!(
        misplaced.to_string().contains("GitRepositoryNotFoundException"),
        "not the same as a gone commit: {misplaced}"
    );

    settings.base = "dev.azure.com".into();
    let error = new(settings).unwrap_err();
    assert!(error.to_string().contains("must look like https://host"), "{error}");
}
