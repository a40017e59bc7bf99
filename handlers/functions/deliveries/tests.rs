//! Sweeps, against a GitHub whose webhook failed.

use std::sync::Arc;

use azure::{GithubHook, GithubHookSettings, PersonalAccessToken};
use fake_azure::{Fake, Fault};
use runner::Runner;
use runner::memory::Machine;

use super::*;
use crate::functions::Secrets;

const HOUR: u64 = 3600;

#[tokio::test]
async fn what_did_not_arrive_is_asked_for_once_an_hour_and_once_at_all() {
    let bench = Bench::new(&["diabetes"]).await;
    for (guid, hours, code) in [("too-old", 80, 502), ("missed", 50, 502), ("arrived", 40, 202)] {
        bench.deliver(guid, hours, code);
    }
    assert_eq!(look(&bench.app).await.unwrap(), 1);
    let asked = bench.fake.count();
    assert_eq!(look(&bench.app).await.unwrap(), 0);
    assert_eq!(bench.fake.count(), asked, "its hour is not over");

    // GitHub has lost its own note of the repeat.
    bench.fake.world().github.deliveries.retain(|delivery| delivery["redelivery"] == false);
    bench.deliver("missed-too", 1, 0);
    bench.machine.clock.advance_secs(HOUR);
    assert_eq!(look(&bench.app).await.unwrap(), 1);

    let posts: Vec<_> = bench.fake.asked().into_iter().filter(|asked| asked.starts_with("POST")).collect();
    let address = "POST /api.github.com/repos/contoso/diabetes/hooks/77/deliveries";
    assert_eq!(posts, ["12000000001", "12000000003"].map(|id| format!("{address}/{id}/attempts")));
    let known = bench.known("diabetes").await;
    assert_eq!(known.asked.keys().collect::<Vec<_>>(), ["missed", "missed-too"]);
    assert_eq!((known.missed, known.trouble), (1, None));
}

#[tokio::test]
async fn what_github_has_forgotten_is_forgotten() {
    let bench = Bench::new(&["diabetes"]).await;
    bench.deliver("missed", 1, 502);
    look(&bench.app).await.unwrap();
    bench.machine.clock.advance_secs(80 * HOUR);
    look(&bench.app).await.unwrap();
    assert!(bench.known("diabetes").await.asked.is_empty());
}

#[tokio::test]
async fn each_sweep_looks_at_one_webhook_the_one_that_waits_longest() {
    let bench = Bench::new(&["diabetes", "iris"]).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        look(&bench.app).await.unwrap();
        bench.machine.clock.advance_secs(60);
        seen.push(bench.fake.asked().len());
    }
    assert_eq!(seen, [1, 2, 2]);
    assert_eq!(bench.fake.asked()[1], "GET /api.github.com/repos/contoso/iris/hooks/77/deliveries");
}

#[tokio::test]
async fn a_github_that_says_no_is_trouble_for_a_person_and_none_for_the_sweep() {
    let bench = Bench::new(&["diabetes"]).await;
    bench.deliver("missed", 1, 502);
    bench.fake.spoil(1, Fault::Status(403));
    assert_eq!(look(&bench.app).await.unwrap(), 0);
    let trouble = bench.known("diabetes").await.trouble.unwrap();
    assert!(trouble.contains("admin:repo_hook"), "{trouble}");

    bench.machine.clock.advance_secs(HOUR);
    assert_eq!(look(&bench.app).await.unwrap(), 1);
    assert_eq!(bench.known("diabetes").await.trouble, None);
}

#[tokio::test]
async fn of_two_sweeps_at_a_time_one_looks() {
    let bench = Bench::new(&["diabetes"]).await;
    bench.deliver("missed", 1, 502);
    bench.machine.faults.at_next("store.put", runner::memory::Fault::Conflict);
    assert_eq!(look(&bench.app).await.unwrap(), 0);
    assert_eq!(bench.fake.count(), 0);
}

#[tokio::test]
async fn without_webhooks_nothing_is_read() {
    let bench = Bench::new(&[]).await;
    assert_eq!(look(&bench.app).await.unwrap(), 0);
    assert_eq!(bench.machine.faults.count(), 0);
}

struct Bench {
    fake: Fake,
    machine: Machine,
    app: App,
}

impl Bench {
    /// Webhooks of these repositories.
    async fn new(repositories: &[&str]) -> Self {
        let machine = Machine::new();
        let clock = Arc::new(machine.clock.clone());
        let fake = Fake::by(clock.clone()).await;
        let person = Arc::new(PersonalAccessToken::of_github("ann", "github-secret").unwrap());
        let hooks = repositories.iter().map(|repository| {
            let (owner, repository) = ("contoso".into(), (*repository).into());
            let hook = GithubHook::Repository { owner, repository, number: 77 };
            let settings = GithubHookSettings { hook, base: fake.host("api.github.com"), timeout_secs: 3 };
            GithubDeliveries::new(settings, person.clone(), clock.clone()).unwrap()
        });
        let app = App {
            hooks: hooks.collect(),
            runner: Arc::new(Runner::new(machine.ports())),
            secrets: Arc::new(Secrets::default()),
            doctor: Arc::default(),
        };
        Self { fake, machine, app }
    }

    fn deliver(&self, guid: &str, hours: i64, code: u16) {
        let at = self.app.runner.ports().clock.now() - SignedDuration::from_hours(hours);
        let status = if code == 202 { "OK" } else { "timed out" };
        self.fake.world().github.deliver(guid, at, status, code);
    }

    async fn known(&self, repository: &str) -> HookRecord {
        let record = read(&*self.machine.ports().store).await.unwrap().0;
        record.hooks[&format!("webhook 77 of contoso/{repository}")].clone()
    }
}
