//! Where each kind of event goes, by samples of what the senders send.

use events::{Limits, Reading, azure_devops, event_grid, github};
use serde_json::{Value, json};

use super::*;
use crate::watch::Watch;

const RESOURCES: &str =
    "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg-mlops-diabetes/providers";

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../events/src/", $name))
    };
}

#[test]
fn a_push_starts_the_branch_wherever_it_is_by_then() {
    let push = routes(devops(sample!("azure_devops/fixtures/git.push.one-commit.json")));
    let [Route::Start { project, wish, cause, by, gathers }] = push.as_slice() else { panic!("{push:?}") };
    assert_eq!(project.as_str(), "diabetes");
    assert_eq!(*wish, Wish::Push { branch: "main".parse().unwrap(), commit: None });
    assert_eq!((cause, by.as_deref(), *gathers), (&None, Some("priya.raman@contoso.example"), true));

    let deleted = routes(devops(sample!("azure_devops/fixtures/git.push.branch-delete.json")));
    assert!(said(&deleted).contains("is deleted"), "{deleted:?}");
    let tag = routes(devops(sample!("azure_devops/fixtures/git.push.tag.json")));
    assert!(matches!(tag.as_slice(), [Route::Start { wish: Wish::Tag { .. }, .. }]), "{tag:?}");
    let minimal = routes(devops(sample!("azure_devops/fixtures/git.push.minimal-details.json")));
    assert!(said(&minimal).contains("resourceDetailsToSend"), "{minimal:?}");
}

#[test]
fn a_push_of_several_refs_goes_each_its_way() {
    let routes = routes(devops(sample!("azure_devops/fixtures/git.push.multi-ref.json")));
    let starts = routes.iter().filter(|route| matches!(route, Route::Start { .. })).count();
    assert!(starts > 1, "{routes:?}");
}

#[test]
fn where_a_pipeline_s_build_stands_for_the_check_its_good_end_starts_and_the_push_does_not() {
    let by_build = list(json!({"build": "diabetes-regression-ci"}));
    let push = devops(sample!("azure_devops/fixtures/git.push.one-commit.json"));
    assert!(said(&route(&push, &by_build)).contains("stands for the check"));

    let good = devops(sample!("azure_devops/fixtures/build.complete.succeeded.json"));
    let started = route(&good, &by_build);
    let [Route::Start { wish: Wish::Build { branch, commit, build, id: 88121 }, cause, .. }] = started.as_slice()
    else {
        panic!("{started:?}")
    };
    assert_eq!((branch.as_str(), build.as_str()), ("main", "20260317.3"));
    assert_eq!((commit.short(), cause.as_deref()), ("2f22765d", Some("build/88121")));
    assert!(said(&routes(good)).contains("does not stand"), "nobody asked for it");
    for bad in [
        sample!("azure_devops/fixtures/build.complete.failed.json"),
        sample!("azure_devops/fixtures/build.complete.canceled.json"),
        sample!("azure_devops/fixtures/build.complete.partiallySucceeded.json"),
    ] {
        assert!(said(&route(&devops(bad), &by_build)).contains("did not go well"));
    }
    let of_pull_request = devops(sample!("azure_devops/fixtures/build.complete.pull-request.json"));
    assert!(said(&route(&of_pull_request, &by_build)).contains("of no branch"));
}

#[test]
fn a_pull_request_is_checked_while_it_is_open_and_ours() {
    let opened = routes(hub("pull_request", sample!("github/fixtures/pull_request.opened.json")));
    let [Route::Start { wish: Wish::PullRequest { number, base, .. }, .. }] = opened.as_slice() else {
        panic!("{opened:?}")
    };
    assert!(*number > 0);
    assert_eq!(base.as_str(), "main");
    let attempt = devops(sample!("azure_devops/fixtures/git.pullrequest.merged.active.json"));
    assert!(matches!(routes(attempt).as_slice(), [Route::Start { .. }]), "a merge attempt is no merge");
    for (event, why) in [
        (hub("pull_request", sample!("github/fixtures/pull_request.opened.fork.json")), "fork"),
        (hub("pull_request", sample!("github/fixtures/pull_request.closed-merged.json")), "closed"),
        (devops(sample!("azure_devops/fixtures/git.pullrequest.updated.abandoned.json")), "closed"),
    ] {
        let routes = routes(event);
        assert!(said(&routes).contains(why), "{routes:?}");
    }
}

#[test]
fn a_registered_version_is_released_if_the_model_is_watched_and_no_run_of_ours_made_it() {
    let event = grid(sample!("azure_ml/fixtures/ModelRegistered.camel.eventgrid.json"));
    let started = routes(event.clone());
    let [Route::Start { wish: Wish::Model { name, version: 20 }, cause, .. }] = started.as_slice() else {
        panic!("{started:?}")
    };
    assert_eq!(cause.as_deref(), Some(format!("model/{name}/20").as_str()));

    let Fact::ModelRegistered(mut ours) = event.clone() else { panic!() };
    ours.tags.insert("run_number".into(), "7".into());
    assert!(said(&routes(Fact::ModelRegistered(ours))).contains("a run of ours"));
    assert!(said(&route(&event, &list(json!({"models": []})))).contains("no project watches it"));
}

#[test]
fn the_same_image_under_two_tags_has_one_cause() {
    let event = grid(sample!("container_registry/fixtures/ImagePushed.eventgrid.json"));
    let Fact::ImagePushed(mut other) = event.clone() else { panic!() };
    other.tag = Some("latest".parse().unwrap());
    let (one, two) = (routes(event), routes(Fact::ImagePushed(other)));
    assert!(matches!(one.as_slice(), [Route::Start { wish: Wish::Image { .. }, cause: Some(_), .. }]), "{one:?}");
    assert_eq!(one, two);
}

#[test]
fn data_and_drift_ask_for_a_retraining() {
    let blob = routes(grid(sample!("storage/fixtures/BlobCreated.eventgrid.json")));
    assert!(matches!(
        blob.as_slice(),
        [Route::Start { wish: Wish::Retrain { reason: Reason::Data, .. }, gathers: true, .. }]
    ));
    let drift = routes(grid(sample!("azure_ml/fixtures/DatasetDriftDetected.eventgrid.json")));
    let [Route::Start { wish: Wish::Retrain { reason: Reason::Drift, why }, .. }] = drift.as_slice() else { panic!() };
    assert!(why.starts_with("drift of 0.84 in "), "{why}");
    let begun = routes(grid(sample!("storage/fixtures/BlobCreated.adls-createfile.eventgrid.json")));
    assert!(said(&begun).contains("only begun"), "{begun:?}");
    let elsewhere = list(json!({"data": [{"account": account(), "container": "training-data", "prefix": "other/"}]}));
    let blob = grid(sample!("storage/fixtures/BlobCreated.eventgrid.json"));
    assert!(said(&route(&blob, &elsewhere)).contains("no project watches it"));
}

#[test]
fn the_end_of_a_job_of_ours_wakes_its_run_and_nobody_else_s_does() {
    let Fact::JobChanged(mut job) = grid(sample!("azure_ml/fixtures/RunCompleted.eventgrid.json")) else { panic!() };
    assert!(said(&routes(Fact::JobChanged(job.clone()))).contains("not one of ours"));
    for (name, number) in [("train-diabetes-7", 7), ("test_image-diabetes-12-3", 12)] {
        name.clone_into(&mut job.job);
        let wake = Route::Wake { project: "diabetes".parse().unwrap(), number, waits_for: name.into() };
        assert_eq!(routes(Fact::JobChanged(job.clone())), std::slice::from_ref(&wake));
        let mut named_by_the_service = job.clone();
        named_by_the_service.job = "5f0e0001-0000-4000-8000-000000001eef".into();
        named_by_the_service.tags.insert(JOB_TAG.into(), name.into());
        assert_eq!(routes(Fact::JobChanged(named_by_the_service)), [wake]);
    }
    job.status = events::fact::JobStatus::Running;
    assert!(said(&routes(Fact::JobChanged(job))).contains("has not ended"));
}

#[test]
fn whatever_is_said_something_is_answered() {
    for (name, fact) in [
        (
            "pipeline run",
            devops(sample!("azure_devops/fixtures/ms.vss-pipelines.run-state-changed-event.succeeded.json")),
        ),
        (
            "approval",
            devops(sample!("azure_devops/fixtures/ms.vss-release.deployment-approval-completed-event.approved.json")),
        ),
        ("ping", hub("ping", sample!("github/fixtures/ping.json"))),
        ("deleted image", grid(sample!("container_registry/fixtures/ImageDeleted.eventgrid.json"))),
        ("chart", grid(sample!("container_registry/fixtures/ChartPushed.eventgrid.json"))),
        ("deleted blob", grid(sample!("storage/fixtures/BlobDeleted.eventgrid.json"))),
        ("deployed", grid(sample!("azure_ml/fixtures/ModelDeployed.eventgrid.json"))),
    ] {
        assert!(!said(&routes(fact)).is_empty(), "{name}");
    }
}

fn account() -> String {
    format!("{RESOURCES}/Microsoft.Storage/storageAccounts/stdiabetesmlops")
}

/// What the project of the samples watches, with these members instead.
fn list(instead: Value) -> WatchList {
    let mut watch = json!({
        "repository": {"host": "azure_devops", "id": "95092E07-0b1c-562e-9b6d-69b0503aed24"},
        "workspaces": [format!("{RESOURCES}/Microsoft.MachineLearningServices/workspaces/MLW-diabetes")],
        "models": ["diabetes_regression_model"],
        "images": ["scoring/diabetes-regression"],
        "data": [{"account": account(), "container": "training-data", "prefix": "diabetes/"}],
    });
    for (name, value) in instead.as_object().unwrap() {
        watch[name] = value.clone();
    }
    let watch: Watch = serde_json::from_value(watch).unwrap();
    WatchList { projects: [("diabetes".parse().unwrap(), watch)].into() }
}

fn routes(fact: Fact) -> Vec<Route> {
    let mut list = list(json!({}));
    // The samples of the two hosts are of two repositories.
    if let Fact::Pushed(Push { repository, .. }) | Fact::PullRequestChanged(PullRequest { repository, .. }) = &fact {
        let ours = list.projects.values_mut().next().unwrap().repository.as_mut().unwrap();
        ours.host = repository.host;
        if repository.host == events::fact::Host::Github {
            ours.id.clone_from(&repository.id);
        }
    }
    route(&fact, &list)
}

fn said(routes: &[Route]) -> String {
    let [Route::Nothing(why)] = routes else { panic!("{routes:?}") };
    why.clone()
}

fn devops(body: &str) -> Fact {
    only(azure_devops::read(body.as_bytes(), Limits::default()))
}

fn hub(event: &str, body: &str) -> Fact {
    only(github::read(event, "46cd60ab-2ef0-59f4-9647-f245b9973d90", body.as_bytes(), Limits::GITHUB))
}

fn grid(body: &str) -> Fact {
    only(event_grid::read(body.as_bytes(), Limits::default()))
}

fn only(readings: Vec<Reading>) -> Fact {
    match readings.into_iter().next() {
        Some(Reading::Read(notice)) => notice.fact,
        other => panic!("{other:?}"),
    }
}
