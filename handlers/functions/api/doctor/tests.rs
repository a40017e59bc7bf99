//! What the doctor says of GitHub's deliveries.

use std::sync::Arc;

use azure::{GithubHook, GithubHookSettings, PersonalAccessToken};
use runner::Runner;
use runner::memory::Machine;
use runner::ports::Expect;

use super::*;
use crate::functions::Secrets;
use crate::functions::deliveries::{HookRecord, Record};

#[tokio::test]
async fn the_doctor_says_when_deliveries_were_looked_at_and_what_came_of_it() {
    let app = app(&["diabetes"]);
    assert_eq!(said(&app).await, [(true, "not looked at yet; the sweep does".to_owned())]);

    let now = app.runner.ports().clock.now();
    let at = now - SignedDuration::from_mins(5);
    let asked = [("a".to_owned(), at), ("b".to_owned(), at)].into();
    let mut known = HookRecord { looked_at: Some(at), missed: 2, trouble: None, asked };
    keep(&app, &known).await;
    let looked = "looked at 5 min ago: 2 had not arrived; 2 asked for again within three days";
    assert_eq!(said(&app).await, [(true, looked.to_owned())]);

    known.trouble = Some("GitHub says no".into());
    keep(&app, &known).await;
    let trouble = "could not be looked at 5 min ago: GitHub says no; 2 asked for again within three days";
    assert_eq!(said(&app).await, [(false, trouble.to_owned())]);
}

#[tokio::test]
async fn a_project_on_github_is_told_that_nobody_asks_again() {
    let checks = undelivered(&app(&[]), true).await.unwrap();
    assert!(checks[0]["found"].as_str().unwrap().contains("TRAINYARD_GITHUB_HOOKS"), "{checks:?}");
    assert_eq!(undelivered(&app(&[]), false).await.unwrap(), [Value::Null; 0]);
}

fn app(repositories: &[&str]) -> App {
    let machine = Machine::new();
    let person = Arc::new(PersonalAccessToken::of_github("ann", "github-secret").unwrap());
    let hook = |repository: &&str| {
        let (owner, repository) = ("contoso".into(), (*repository).into());
        let hook = GithubHook::Repository { owner, repository, number: 77 };
        let settings = GithubHookSettings { hook, base: "http://127.0.0.1:1".into(), timeout_secs: 1 };
        GithubDeliveries::new(settings, person.clone(), Arc::new(machine.clock.clone())).unwrap()
    };
    App {
        hooks: repositories.iter().map(hook).collect(),
        runner: Arc::new(Runner::new(machine.ports())),
        secrets: Arc::new(Secrets::default()),
        doctor: Arc::default(),
    }
}

async fn keep(app: &App, known: &HookRecord) {
    let record = Record { hooks: [("webhook 77 of contoso/diabetes".to_owned(), known.clone())].into() };
    let body = serde_json::to_vec(&record).unwrap();
    app.runner.ports().store.put("github-deliveries", body, Expect::Anything).await.unwrap();
}

async fn said(app: &App) -> Vec<(bool, String)> {
    let checks = undelivered(app, true).await.unwrap();
    checks.iter().map(|it| (it["ok"] == true, it["found"].as_str().unwrap().to_owned())).collect()
}
