//! Releases on managed online endpoints of Azure Machine Learning.

use std::sync::Arc;

use azure::{OnlineEndpoints, OnlineEndpointsSettings, PersonalAccessToken};
use pipeline::effect::{DeploymentSpec, ReplyTo};
use pipeline::event::{Answer, Step, StepKey};
use pipeline::names::{DeploymentName, Digest, EnvironmentName};
use pipeline::release::{Limits, Model, Release};
use runner::conformance::deployments::{self, Example};
use runner::memory::TestClock;
use runner::ports::{DeploymentStatus, Deployments as _, PortError, Result};
use serde_json::json;

use crate::fake::Fake;
use crate::fake::azure_ml::endpoints::{Endpoint, KEY, Pace};
use crate::support::{project, run};
use crate::weather::{self, Named};

/// A workspace without endpoints.
#[derive(Debug)]
struct Bench {
    fake: Fake,
    clock: TestClock,
    settings: OnlineEndpointsSettings,
    endpoints: OnlineEndpoints,
}

impl Bench {
    /// Where everything is done at once.
    async fn new() -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        let settings = json!({
            "subscription": "11111111-2222-3333-4444-555555555555", "resource_group": "mlops", "workspace": "contoso-ml",
            "location": "westeurope", "images": "contoso.azurecr.io/{project}", "base": fake.host("management.azure.com"),
            "timeout_secs": 3, "answer_timeout_secs": 3,
        });
        let settings: OnlineEndpointsSettings = serde_json::from_value(settings).unwrap();
        let credential = PersonalAccessToken::of_github("ann", "arm-secret").unwrap();
        let endpoints = OnlineEndpoints::new(settings.clone(), Arc::new(credential), Arc::new(clock.clone())).unwrap();
        Self { fake, clock, settings, endpoints }
    }

    /// Where everything takes its time: minutes for endpoints and deployments, half a minute for the rest.
    async fn slow() -> Self {
        let bench = Self::new().await;
        bench.fake.world().azure_ml.endpoints.pace = Pace { endpoint: 90, deployment: 480, traffic: 30, deletion: 30 };
        bench
    }

    /// Asks as the runner does: again after half a minute, until it is no longer at work. Answers how it ended, and the
    /// minutes that it took.
    async fn deploy(&self, spec: &DeploymentSpec) -> (DeploymentStatus, u32) {
        let mut halves = 0;
        while let Err(error) = self.endpoints.apply(spec).await {
            assert!(matches!(error, PortError::Transient { .. }), "{error}");
            self.clock.advance_secs(30);
            halves += 1;
        }
        loop {
            assert!(halves < 100, "it never ends");
            match self.status(spec).await {
                DeploymentStatus::Starting => self.clock.advance_secs(30),
                status => return (status, halves / 2),
            }
            halves += 1;
        }
    }

    async fn status(&self, spec: &DeploymentSpec) -> DeploymentStatus {
        self.endpoints.status(&spec.project, &spec.environment, &spec.release.deployment).await.unwrap()
    }

    async fn call(&self, spec: &DeploymentSpec) -> Answer {
        let (project, environment) = (&spec.project, &spec.environment);
        self.endpoints.call(project, environment, &spec.release.deployment, b"{}".to_vec()).await.unwrap()
    }

    fn remove<'a>(&'a self, spec: &'a DeploymentSpec) -> impl Future<Output = Result<()>> + 'a {
        self.endpoints.remove(&spec.project, &spec.environment, &spec.release.deployment)
    }

    /// Looks at the only endpoint.
    fn see<T>(&self, look: impl FnOnce(&mut Endpoint) -> T) -> T {
        let mut world = self.fake.world();
        let mut all = world.azure_ml.endpoints.endpoints.values_mut();
        let endpoint = all.next().unwrap();
        assert!(all.next().is_none(), "there are more");
        look(endpoint)
    }
}

fn spec(nth: u64) -> DeploymentSpec {
    let environment: EnvironmentName = "qa".parse().unwrap();
    let deployment: DeploymentName = format!("diabetes-{nth}-qa-0123456789ab").parse().unwrap();
    let model = Model {
        name: "diabetes_model".parse().unwrap(),
        version: nth,
        digest: Digest::of(b"model"),
        metrics: [].into(),
    };
    let release = Release {
        deployment,
        run: run(1),
        number: nth,
        model,
        image: Digest::of(format!("image {nth}").as_bytes()),
        config: Digest::of(b"config"),
        limits: Limits { cpu_cores: 1.0, memory_mib: 1024 },
        deployed_at: None,
        endpoint: None,
    };
    let reply_to = ReplyTo { run: run(1), step: StepKey::at(Step::Deploy, &environment), attempt: 1 };
    DeploymentSpec { project: project(), environment, reply_to, release }
}

fn break_image(bench: &Bench, spec: &DeploymentSpec) {
    let why = ("ResourceNotReady", "User container has crashed or terminated: ModuleNotFoundError: sklearn");
    bench.fake.world().azure_ml.endpoints.broken.insert(spec.release.image.to_string(), why);
}

#[tokio::test]
async fn it_keeps_the_promises_of_deployments() {
    let bench = Bench::new().await;
    let broken = spec(13);
    break_image(&bench, &broken);
    let payload = b"{\"data\": [[1]]}".to_vec();
    deployments::all(&Example { deployments: &bench.endpoints, spec: spec(1), broken: Some(broken), payload }).await;
}

#[tokio::test]
async fn a_release_is_a_deployment_of_its_image_by_digest() {
    let bench = Bench::slow().await;
    let spec = spec(1);

    let (status, minutes) = bench.deploy(&spec).await;

    let DeploymentStatus::Ready { endpoint } = status else { panic!("{status:?}") };
    assert!(endpoint.contains("/diabetes-qa-") && endpoint.ends_with(".westeurope.inference.ml.azure.com/score"));
    assert_eq!(minutes, 10, "one and a half, eight, and half a minute for the traffic");
    bench.see(|endpoint| {
        assert_eq!(endpoint.body["identity"], json!({"type": "SystemAssigned"}));
        let (name, deployment) = endpoint.deployments.first_key_value().unwrap();
        assert!(name.len() <= 32, "{name}");
        assert_eq!(endpoint.body["properties"]["traffic"], json!({name.as_str(): 100}));
        let properties = &deployment.body["properties"];
        assert_eq!(
            (&properties["instanceType"], &deployment.body["sku"]["capacity"]),
            (&json!("Standard_DS3_v2"), &json!(1))
        );
        assert_eq!(properties["environmentVariables"]["MODEL_VERSION"], "1");
    });
    let world = bench.fake.world();
    let (_, environment) = world.azure_ml.endpoints.environments.first_key_value().unwrap();
    assert_eq!(environment["properties"]["image"], format!("contoso.azurecr.io/diabetes@{}", spec.release.image));
    let config = &environment["properties"]["inferenceConfig"];
    assert_eq!(config["scoringRoute"], json!({"path": "/score", "port": 5001}));
    assert_eq!(config["livenessRoute"], json!({"path": "/", "port": 5001}));
}

#[tokio::test]
async fn the_old_release_serves_until_the_new_one_has_the_traffic() {
    let bench = Bench::slow().await;
    let (old, new) = (spec(1), spec(2));
    bench.deploy(&old).await;

    bench.endpoints.apply(&new).await.unwrap();
    let mut waited = 0;
    while bench.status(&new).await == DeploymentStatus::Starting {
        let (by_old, by_new) = (bench.call(&old).await, bench.call(&new).await);
        let answers = [&by_old, &by_new].into_iter().filter(|it| matches!(it, Answer::Answered { status: 200, .. }));
        assert_eq!(answers.count(), 1, "{by_old:?} {by_new:?}");
        bench.clock.advance_secs(30);
        waited += 30;
    }

    assert_eq!(waited, 480 + 30);
    assert_eq!(bench.status(&old).await, DeploymentStatus::Absent);
    let Answer::Unreachable { reason } = bench.call(&old).await else { panic!("the old one answers") };
    assert_eq!(reason, "diabetes-2-qa-0123456789ab serves in qa, and not diabetes-1-qa-0123456789ab");
    bench.clock.advance_secs(30);
    assert!(matches!(bench.status(&new).await, DeploymentStatus::Ready { .. }));
    bench.see(|endpoint| assert_eq!(endpoint.deployments.len(), 1, "the old one is deleted"));
}

#[tokio::test]
async fn a_late_question_about_an_old_release_changes_nothing() {
    let bench = Bench::new().await;
    let (old, new) = (spec(1), spec(2));
    bench.deploy(&old).await;
    bench.fake.world().azure_ml.endpoints.pace = Pace { deployment: 480, deletion: 600, ..Pace::default() };
    bench.deploy(&new).await;

    let traffic = bench.see(|endpoint| endpoint.body["properties"]["traffic"].clone());
    for _ in 0..3 {
        assert_eq!(bench.status(&old).await, DeploymentStatus::Absent);
        bench.clock.advance_secs(100);
    }
    bench.see(|endpoint| assert_eq!(endpoint.body["properties"]["traffic"], traffic));

    let (back, minutes) = bench.deploy(&old).await;
    assert!(matches!(back, DeploymentStatus::Ready { .. }), "{back:?}");
    assert!(minutes >= 8 + 5, "the one before had to go first");
}

#[tokio::test]
async fn why_a_release_does_not_get_healthy_is_told_and_a_second_try_makes_it_anew() {
    let bench = Bench::slow().await;
    let spec = spec(1);
    break_image(&bench, &spec);

    let (status, _) = bench.deploy(&spec).await;

    let DeploymentStatus::Failed { reason } = status else { panic!("{status:?}") };
    assert!(reason.contains("failed, ResourceNotReady: User container has crashed or terminated"), "{reason}");
    bench.fake.world().azure_ml.endpoints.broken.clear();
    let (status, _) = bench.deploy(&spec).await;
    assert!(matches!(status, DeploymentStatus::Ready { .. }), "{status:?}");
}

#[tokio::test]
async fn what_serves_is_removed_after_its_traffic() {
    let bench = Bench::new().await;
    let spec = spec(1);
    bench.deploy(&spec).await;
    bench.fake.world().azure_ml.endpoints.pace.traffic = 30;

    let busy = bench.remove(&spec).await.unwrap_err();

    assert!(
        matches!(&busy, PortError::Transient { reason, .. } if reason.contains("Updating provisioning state")),
        "{busy}"
    );
    bench.clock.advance_secs(30);
    bench.remove(&spec).await.unwrap();
    assert_eq!(bench.status(&spec).await, DeploymentStatus::Absent);
    bench.see(|endpoint| assert_eq!(endpoint.body["properties"]["traffic"], json!({})));
}

#[tokio::test]
async fn what_people_made_beside_it_stays() {
    let bench = Bench::new().await;
    bench.deploy(&spec(1)).await;
    bench.see(|endpoint| {
        endpoint.body["tags"]["team"] = "risk".into();
        let mut by_hand = endpoint.deployments.pop_first().unwrap();
        by_hand.1.body["tags"] = json!({});
        endpoint.deployments.insert("by-hand".into(), by_hand.1);
        endpoint.body["properties"]["traffic"] = json!({"by-hand": 100});
    });

    bench.deploy(&spec(2)).await;

    bench.see(|endpoint| {
        assert_eq!(endpoint.body["tags"]["team"], "risk");
        assert!(endpoint.deployments.contains_key("by-hand"));
        assert_eq!(endpoint.deployments.len(), 2);
    });
}

#[tokio::test]
async fn a_model_is_called_with_the_key_and_by_the_name_of_the_deployment() {
    let bench = Bench::new().await;
    let spec = spec(1);
    bench.deploy(&spec).await;

    let answer = bench.call(&spec).await;

    assert_eq!(answer, Answer::Answered { status: 200, body: "{\"result\": [0.0]}".into() });
    let world = bench.fake.world();
    let last = world.seen.last().unwrap();
    assert_eq!(last.authorization, format!("Bearer {KEY}"));
    assert!(last.headers["azureml-model-deployment"].to_str().unwrap().starts_with("diabetes-1-qa"));
}

#[tokio::test]
async fn settings_that_cannot_work_are_said() {
    let bench = Bench::new().await;
    let check = |change: &dyn Fn(&mut OnlineEndpointsSettings), wanted: &str| {
        let mut settings = bench.settings.clone();
        change(&mut settings);
        let (credential, clock) = (Arc::new(azure::Anybody), Arc::new(bench.clock.clone()));
        let error = OnlineEndpoints::new(settings, credential, clock).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    check(&|it| it.workspace = String::new(), "are names, none of them empty");
    check(&|it| it.images = "contoso".into(), "`images` is a repository such as");
    check(&|it| it.instance_count = 0, "are 1 at least");
    check(&|it| it.health_path = "health".into(), "begins with `/`");
    check(&|it| it.base = "management.azure.com".into(), "must look like https://host");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault() {
    async fn serving(bench: &Bench) -> Result<()> {
        bench.endpoints.apply(&spec(1)).await?;
        for _ in 0..3 {
            let spec = spec(1);
            bench.endpoints.status(&spec.project, &spec.environment, &spec.release.deployment).await?;
        }
        Ok(())
    }
    let calls: [Named<Bench>; 5] = [
        ("deploy", |bench| Box::pin(serving(bench))),
        ("replace", |bench| {
            Box::pin(async {
                serving(bench).await?;
                bench.endpoints.apply(&spec(2)).await?;
                for _ in 0..3 {
                    let spec = spec(2);
                    bench.endpoints.status(&spec.project, &spec.environment, &spec.release.deployment).await?;
                }
                Ok(())
            })
        }),
        ("call", |bench| {
            Box::pin(async {
                serving(bench).await?;
                let DeploymentSpec { project, environment, release, .. } = spec(1);
                bench.endpoints.call(&project, &environment, &release.deployment, Vec::new()).await.map(|_| ())
            })
        }),
        ("remove", |bench| {
            Box::pin(async {
                serving(bench).await?;
                bench.remove(&spec(1)).await
            })
        }),
        ("logs", |bench| {
            Box::pin(async {
                serving(bench).await?;
                let DeploymentSpec { project, environment, release, .. } = spec(1);
                bench.endpoints.logs(&project, &environment, &release.deployment, 0).await.map(|_| ())
            })
        }),
    ];
    let pairs = weather::every_call_meets_every_fault(&calls).await;
    assert!(pairs > 400, "only {pairs} pairs");
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        Self::new().await
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let all = &world.azure_ml.endpoints;
        let endpoints = all.endpoints.iter().map(|(name, endpoint)| {
            let deployments: Vec<_> =
                endpoint.deployments.iter().map(|(name, it)| (name, &it.body["properties"])).collect();
            (name, &endpoint.body["properties"]["traffic"], deployments)
        });
        format!("{:#?} {:#?}", endpoints.collect::<Vec<_>>(), all.environments)
    }
}
