//! Azure Resource Manager: infrastructure.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure::{Credential, PersonalAccessToken, ResourceManager, ResourceManagerSettings};
use pipeline::infrastructure::ChangeKind;
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{ApplyStatus, Declaration, Infrastructure, PlanStatus, PortError};
use serde_json::{Value, json};

use crate::fake::{Fake, Fault};
use crate::support::project;
use crate::weather::{self, Named};

mod doctor;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
const GROUP: &str = "contoso-models";

/// One group, with nothing in it.
#[derive(Debug)]
struct Bench {
    fake: Fake,
    clock: TestClock,
    manager: ResourceManager,
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        fake.world().resource_manager.add_group(SUBSCRIPTION, GROUP);
        let settings = ResourceManagerSettings {
            subscription: SUBSCRIPTION.into(),
            groups: [(project(), GROUP.to_owned())].into(),
            base: fake.host("management.azure.com"),
            timeout_secs: 3,
        };
        let manager = ResourceManager::new(settings, ann(), Arc::new(clock.clone())).unwrap();
        Self { fake, clock, manager }
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let manager = &world.resource_manager;
        let times: Vec<_> = manager.deployments.iter().map(|(name, it)| (name, it.times)).collect();
        format!("{times:?}")
    }
}

fn ann() -> Arc<dyn Credential> {
    Arc::new(PersonalAccessToken::of_github("ann", "token-secret").unwrap())
}

fn template(resources: &Value) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"baseName": {"type": "string"}},
        "resources": resources,
        "outputs": {
            "workspace": {"type": "String", "value": "contoso-ml"},
            "key": {"type": "SecureString", "value": "hidden"},
        },
    })
}

fn storage(size: &str) -> Value {
    json!([
        {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-05-01", "name": "contosodata", "sku": {"name": size}},
        {"type": "Microsoft.Storage/storageAccounts/blobServices", "apiVersion": "2023-05-01", "name": "contosodata/default"},
    ])
}

fn declaration(name: &str, template: Value) -> Declaration {
    let parameters = json!({"baseName": {"value": "contoso"}});
    Declaration { name: name.parse().unwrap(), project: project(), template, parameters }
}

fn good() -> Declaration {
    declaration("provision-diabetes-17", template(&storage("Standard_LRS")))
}

#[tokio::test]
async fn infrastructure_keeps_its_promises() {
    let bench = <Bench as weather::Bench>::new().await;
    let example = conformance::infrastructure::Example {
        infrastructure: &bench.manager,
        good: good(),
        impossible: declaration("x", json!({"resources": []})),
        failing: declaration("x", template(&storage("none-left"))),
        pass: &|| bench.clock.advance_secs(15),
    };
    // What an earlier promise has made would be no change any more.
    conformance::infrastructure::a_plan_says_what_would_change_and_changes_nothing(&example).await;
    conformance::infrastructure::all(&conformance::infrastructure::Example {
        good: declaration("x", template(&storage("Standard_LRS"))),
        ..example
    })
    .await;
}

#[tokio::test]
async fn a_plan_names_resources_and_no_values() {
    let bench = <Bench as weather::Bench>::new().await;
    let first = bench.manager.plan(&good()).await.unwrap();
    let PlanStatus::Running { operation } = &first else { panic!("{first:?}") };
    assert_eq!(bench.manager.planned(operation).await.unwrap(), first, "it takes its time");
    bench.clock.advance_secs(15);

    let PlanStatus::Planned { changes } = bench.manager.planned(operation).await.unwrap() else { panic!() };

    let words: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "create Microsoft.Storage/storageAccounts contosodata",
            "create Microsoft.Storage/storageAccounts/blobServices contosodata/default",
        ]
    );
    let asked = bench.fake.world().seen[1].body["properties"].clone();
    assert_eq!(
        (&asked["mode"], &asked["whatIfSettings"]),
        (&json!("Incremental"), &json!({"resultFormat": "ResourceIdOnly"}))
    );
}

#[tokio::test]
async fn what_is_there_already_is_no_change() {
    let bench = <Bench as weather::Bench>::new().await;
    bench.manager.apply(&good()).await.unwrap();
    bench.clock.advance_secs(60);
    bench.manager.status(&project(), &good().name).await.unwrap();

    let PlanStatus::Running { operation } = bench.manager.plan(&good()).await.unwrap() else { panic!() };
    bench.clock.advance_secs(15);
    let PlanStatus::Planned { changes } = bench.manager.planned(&operation).await.unwrap() else { panic!() };

    assert!(changes.iter().all(|change| change.kind == ChangeKind::NoChange), "{changes:?}");
}

#[tokio::test]
async fn what_a_plan_is_followed_by_is_the_service_s_own() {
    let bench = <Bench as weather::Bench>::new().await;
    let error = bench.manager.planned("https://elsewhere.example/operation").await.unwrap_err();
    assert!(matches!(&error, PortError::Permanent { reason, .. } if reason.contains("not the service")), "{error}");
    assert_eq!(bench.fake.count(), 0);
}

#[tokio::test]
async fn an_application_ends_with_outputs_that_are_nobody_s_secret() {
    let bench = <Bench as weather::Bench>::new().await;
    assert_eq!(bench.manager.apply(&good()).await.unwrap(), ApplyStatus::Running);
    bench.clock.advance_secs(60);

    let end = bench.manager.status(&project(), &good().name).await.unwrap();

    let outputs = BTreeMap::from([("workspace".to_owned(), "contoso-ml".to_owned())]);
    assert_eq!(end, ApplyStatus::Applied { outputs });
    let put = bench.fake.world().seen[1].body.clone();
    assert_eq!(put["properties"]["mode"], "Incremental");
}

#[tokio::test]
async fn a_deployment_that_failed_is_explained_by_its_deepest_operation() {
    let bench = <Bench as weather::Bench>::new().await;
    let failing = declaration("provision-diabetes-18", template(&storage("none-left")));
    bench.manager.apply(&failing).await.unwrap();
    bench.clock.advance_secs(60);

    let end = bench.manager.status(&project(), &failing.name).await.unwrap();

    let reason = "deployment provision-diabetes-18 failed: Microsoft.Storage/storageAccounts contosodata: \
                  SkuNotAvailable: The requested size is not available here.";
    assert_eq!(end, ApplyStatus::Failed { reason: reason.into() });
}

#[tokio::test]
async fn what_runs_under_the_name_is_adopted_and_what_else_has_ended_is_put_again() {
    let bench = <Bench as weather::Bench>::new().await;
    let other = Declaration { parameters: json!({}), ..good() };
    bench.manager.apply(&other).await.unwrap();
    assert_eq!(bench.manager.apply(&good()).await.unwrap(), ApplyStatus::Running);
    let puts = || bench.fake.asked().iter().filter(|asked| asked.starts_with("PUT")).count();
    assert_eq!(puts(), 1);
    bench.clock.advance_secs(60);

    assert_eq!(bench.manager.apply(&good()).await.unwrap(), ApplyStatus::Running, "it is another declaration");
    bench.clock.advance_secs(60);
    assert!(matches!(bench.manager.apply(&good()).await.unwrap(), ApplyStatus::Applied { .. }));

    assert_eq!(puts(), 2);
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_one_deployment() {
    let bench = <Bench as weather::Bench>::new().await;
    bench.fake.spoil(2, Fault::LostReply);
    assert_eq!(bench.manager.apply(&good()).await.unwrap(), ApplyStatus::Running);
    let world = bench.fake.world();
    assert_eq!(world.resource_manager.deployments.values().next().unwrap().times, 1);
}

#[tokio::test]
async fn a_group_that_is_not_there_and_one_that_is_not_set_are_told_apart() {
    let bench = <Bench as weather::Bench>::new().await;
    bench.fake.world().resource_manager.groups.clear();
    let error = bench.manager.apply(&good()).await.unwrap_err().to_string();
    assert!(error.contains("Resource group 'contoso-models' could not be found"), "{error}");

    let elsewhere = Declaration { project: "other".parse().unwrap(), ..good() };
    let error = bench.manager.apply(&elsewhere).await.unwrap_err().to_string();
    assert!(error.contains("no resource group is set for project other"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault() {
    let calls: [Named<Bench>; 5] = [
        ("plan", |bench| Box::pin(async { bench.manager.plan(&good()).await.map(|_| ()) })),
        ("planned", |bench| {
            Box::pin(async {
                let operation = match bench.manager.plan(&good()).await? {
                    PlanStatus::Running { operation } => operation,
                    _ => return Ok(()),
                };
                bench.clock.advance_secs(15);
                bench.manager.planned(&operation).await.map(|_| ())
            })
        }),
        ("apply", |bench| Box::pin(async { bench.manager.apply(&good()).await.map(|_| ()) })),
        ("failed", |bench| {
            Box::pin(async {
                let failing = declaration("f", template(&storage("none-left")));
                bench.manager.apply(&failing).await?;
                bench.clock.advance_secs(60);
                bench.manager.status(&project(), &failing.name).await.map(|_| ())
            })
        }),
        ("cancel", |bench| {
            Box::pin(async {
                bench.manager.apply(&good()).await?;
                bench.manager.cancel(&project(), &good().name).await
            })
        }),
    ];
    let pairs = weather::every_call_meets_every_fault(&calls).await;
    assert!(pairs > 150, "only {pairs} pairs");
}
