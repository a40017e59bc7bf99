//! What GitHub's webhooks sent while nobody was there.

use std::sync::Arc;

use azure::{GithubDeliveries, GithubHook, GithubHookSettings, MissedDelivery, Redelivered};
use jiff::{SignedDuration, Timestamp};
use runner::memory::TestClock;
use runner::ports::Clock;

use crate::github_app::Installation;
use crate::support::{Bench, hook};

fn ago(clock: &TestClock, hours: i64) -> Timestamp {
    clock.now() - SignedDuration::from_hours(hours)
}

#[tokio::test]
async fn what_did_not_arrive_is_asked_for_once() {
    let bench = Bench::new().await;
    for (guid, hours, status, code) in [
        ("too-old", 80, "timed out", 0),
        ("arrived-late", 60, "failed to connect to host", 502),
        ("missed", 50, "timed out", 0),
        ("arrived", 40, "OK", 202),
        ("missed-too", 30, "Invalid HTTP Response: 503", 503),
        ("arrived-late", 20, "OK", 200),
    ] {
        bench.fake.world().github.deliver(guid, ago(&bench.clock, hours), status, code);
    }

    let missed = bench.deliveries.missed_deliveries(ago(&bench.clock, 72)).await.unwrap();
    let wanted = |id, guid: &str, hours, status: &str| MissedDelivery {
        id,
        guid: guid.into(),
        event: "push".into(),
        delivered_at: ago(&bench.clock, hours),
        status: status.into(),
    };
    let first = wanted(12_000_000_002, "missed", 50, "timed out");
    assert_eq!(missed, [first, wanted(12_000_000_004, "missed-too", 30, "Invalid HTTP Response: 503")]);

    let first = bench.deliveries.redeliver_missed().await.unwrap();
    let second = bench.deliveries.redeliver_missed().await.unwrap();

    assert_eq!(first, Redelivered { missed: 2, asked: 2 });
    assert_eq!(second, Redelivered::default());
    let asked: Vec<_> = bench.fake.asked().into_iter().filter(|asked| asked.starts_with("POST")).collect();
    let address = "POST /api.github.com/repos/contoso/diabetes/hooks/77/deliveries";
    assert_eq!(asked, ["12000000002", "12000000004"].map(|id| format!("{address}/{id}/attempts")));
}

#[tokio::test]
async fn one_that_fails_again_is_left_alone() {
    let bench = Bench::new().await;
    bench.fake.world().github.deliver("missed", ago(&bench.clock, 3), "timed out", 0);
    bench.deliveries.redeliver_missed().await.unwrap();
    {
        let world = &mut *bench.fake.world();
        world.github.deliveries[0]["status"] = "timed out".into();
        world.github.deliveries[0]["status_code"] = 0.into();
    }
    assert_eq!(bench.deliveries.redeliver_missed().await.unwrap(), Redelivered::default());
    assert!(!bench.deliveries.redeliver(4711).await.unwrap(), "what is not kept any more is no error");
}

#[tokio::test]
async fn many_are_looked_through_and_asked_for_some_at_a_time() {
    let bench = Bench::new().await;
    for nth in 0..250 {
        let (status, code) = if nth % 2 == 0 { ("timed out", 0) } else { ("OK", 200) };
        bench.fake.world().github.deliver(&format!("event-{nth:03}"), ago(&bench.clock, 1), status, code);
    }
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let Redelivered { missed, asked } = bench.deliveries.redeliver_missed().await.unwrap();
        rounds.push((missed, asked));
    }
    assert_eq!(rounds, [(125, 50), (75, 50), (25, 25), (0, 0)]);
    assert_eq!(bench.fake.world().github.deliveries.len(), 375);
}

#[tokio::test]
async fn an_app_asks_as_itself_and_not_as_an_installation() {
    let bench = Bench::new().await;
    bench.fake.world().github.deliver("missed", ago(&bench.clock, 3), "timed out", 0);
    let settings = GithubHookSettings { hook: GithubHook::App {}, ..hook(&bench.fake) };
    let app = Arc::new(Installation::answering(500, serde_json::Value::Null).await.app(&bench.clock));
    let clock = Arc::new(bench.clock.clone());
    let deliveries = GithubDeliveries::new(settings.clone(), app.clone().itself(), clock.clone()).unwrap();

    assert_eq!(deliveries.redeliver_missed().await.unwrap(), Redelivered { missed: 1, asked: 1 });
    assert_eq!(bench.fake.asked()[1], "POST /api.github.com/app/hook/deliveries/12000000000/attempts");
    assert!(!format!("{deliveries:?}").contains("secret"), "{deliveries:?}");

    let person = azure::PersonalAccessToken::of_github("ann", "github-secret").unwrap();
    let deliveries = GithubDeliveries::new(settings, Arc::new(person), clock).unwrap();
    let error = deliveries.redeliver_missed().await.unwrap_err();
    assert!(error.to_string().contains("the App itself"), "{error}");
}

#[test]
fn a_hook_is_set_in_few_words() {
    let text = r#"{"hook": {"repository": {"owner": "contoso", "repository": "diabetes", "number": 77}}}"#;
    let read: GithubHookSettings = serde_json::from_str(text).unwrap();
    assert_eq!(read.base, "https://api.github.com");
    let read: GithubHookSettings = serde_json::from_str(r#"{"hook": {"app": {}}}"#).unwrap();
    assert_eq!(read.hook, GithubHook::App {});
}
