//! Releases as container groups.

use std::sync::Arc;

use azure::{ContainerInstances, ContainerInstancesSettings, PersonalAccessToken};
use pipeline::effect::DeploymentSpec;
use pipeline::event::Answer;
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{Clock, DeploymentStatus, Deployments, PortError};
use serde_json::{Value, json};

use crate::fake::container_instances::Behaviour;
use crate::fake::{Fake, Fault};
use crate::serving::{Ticking, call, image, parts, release, remove, status};
use crate::weather;

const IDENTITY: &str =
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull";

fn settings(fake: &Fake, more: Value) -> ContainerInstancesSettings {
    let mut settings = json!({
        "subscription": "11111111-2222-3333-4444-555555555555",
        "resource_group": "mlops-rg",
        "location": "westeurope",
        "image": {"registry_server": "contoso.azurecr.io"},
        "endpoint": fake.host("{fqdn}"),
        "base": fake.host("management.azure.com"),
        "timeout_secs": 3,
        "answer_timeout_secs": 3,
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}

fn instances(fake: &Fake, clock: Arc<dyn Clock>, more: Value) -> ContainerInstances {
    let credential = PersonalAccessToken::of_github("the app", "manager-secret").unwrap();
    ContainerInstances::new(settings(fake, more), Arc::new(credential), clock, parts()).unwrap()
}

async fn bench() -> (Fake, TestClock, ContainerInstances) {
    let clock = TestClock::default();
    let fake = Fake::by(Arc::new(clock.clone())).await;
    let instances = instances(&fake, Arc::new(clock.clone()), json!({}));
    (fake, clock, instances)
}

async fn deployed(instances: &ContainerInstances, clock: &TestClock, spec: &DeploymentSpec) {
    assert_eq!(instances.apply(spec).await.unwrap(), DeploymentStatus::Starting);
    clock.advance_secs(60);
    let ready = status(instances, spec).await.unwrap();
    assert!(matches!(ready, DeploymentStatus::Ready { .. }), "{ready:?}");
}

/// Names of the deployments whose groups are there.
fn there(fake: &Fake) -> Vec<String> {
    let world = fake.world();
    let name = |body: &Value| body["tags"]["trainyard-deployment"].as_str().unwrap_or("?").to_owned();
    world.container_instances.groups.values().map(|group| name(&group.body)).collect()
}

#[tokio::test]
async fn container_groups_keep_the_promises_of_deployments() {
    let clock = Ticking::new();
    let fake = Fake::by(clock.clone()).await;
    fake.world().container_instances.behaviours = vec![(image("broken"), Behaviour::Crashes)];
    let instances = instances(&fake, clock, json!({}));
    let (spec, broken) = (release("qa", "d", "fine"), Some(release("qa", "d", "broken")));
    let example = conformance::deployments::Example { deployments: &instances, spec, broken, payload: b"{}".to_vec() };

    conformance::deployments::all(&example).await;
}

#[tokio::test]
async fn a_group_has_its_image_by_digest_its_probes_its_limits_and_says_whose_it_is() {
    let clock = TestClock::default();
    let fake = Fake::by(Arc::new(clock.clone())).await;
    let more = json!({"pull": {"identity": IDENTITY}, "api_key": {"secret": "scoring-key"}});
    let instances = instances(&fake, Arc::new(clock.clone()), more);
    let spec = release("qa", "Diabetes_QA-7", "fine");

    deployed(&instances, &clock, &spec).await;
    let answer = call(&instances, &spec).await.unwrap();

    assert_eq!(answer, Answer::Answered { status: 200, body: "[0.0]".into() });
    let world = fake.world();
    let (name, group) = world.container_instances.groups.first_key_value().unwrap();
    assert!(name.starts_with("diabetes-qa-7-"), "{name}");
    let tags = &group.body["tags"];
    for (tag, value) in [
        ("trainyard-project", "diabetes"),
        ("trainyard-environment", "qa"),
        ("trainyard-deployment", "Diabetes_QA-7"),
        ("trainyard-run", "r1"),
        ("trainyard-image", image("fine").as_str()),
    ] {
        assert_eq!(tags[tag], value);
    }
    let container = &group.body["properties"]["containers"][0]["properties"];
    assert_eq!(container["image"], format!("contoso.azurecr.io/trainyard/diabetes@{}", image("fine")));
    assert_eq!(container["resources"]["requests"], json!({"cpu": 1.5, "memoryInGB": 1.5}));
    assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/", "port": 5001, "scheme": "http"}));
    let variables = container["environmentVariables"].as_array().unwrap();
    assert!(variables.contains(&json!({"name": "OMP_NUM_THREADS", "value": "2"})), "{variables:?}");
    assert!(variables.contains(&json!({"name": "API_KEY"})), "its value is not shown: {variables:?}");
    assert_eq!(group.secrets["API_KEY"], "secret-scoring-key");
    assert_eq!(
        group.body["properties"]["imageRegistryCredentials"],
        json!([{"server": "contoso.azurecr.io", "identity": IDENTITY}])
    );
    let [(host, key, body)] = &world.serving.scored[..] else { panic!("{:?}", world.serving.scored) };
    assert!(host.ends_with(".westeurope.azurecontainer.io"), "{host}");
    assert_eq!((key.as_str(), body.as_slice()), ("Bearer secret-scoring-key", &br#"{"data": []}"#[..]));
}

#[tokio::test]
async fn a_registry_s_user_pulls_with_a_password_from_the_vault() {
    let clock = TestClock::default();
    let fake = Fake::by(Arc::new(clock.clone())).await;
    let more = json!({"pull": {"user": {"username": "contoso", "secret": "registry-password"}}});
    let instances = instances(&fake, Arc::new(clock.clone()), more);

    instances.apply(&release("qa", "d1", "fine")).await.unwrap();

    let world = fake.world();
    let group = world.container_instances.groups.values().next().unwrap();
    assert_eq!(group.secrets["password"], "secret-registry-password");
    assert_eq!(group.body["properties"]["imageRegistryCredentials"][0]["username"], "contoso");
    assert!(!format!("{instances:?}").contains("secret-"), "{instances:?}");
}

#[tokio::test]
async fn nothing_takes_over_before_it_answers_and_then_the_older_ones_go() {
    let (fake, clock, instances) = bench().await;
    let (first, second) = (release("qa", "d1", "fine"), release("qa", "d2", "fine"));
    let elsewhere = release("dev", "d1", "fine");
    deployed(&instances, &clock, &elsewhere).await;
    deployed(&instances, &clock, &first).await;

    instances.apply(&second).await.unwrap();
    for _ in 0..3 {
        assert_eq!(status(&instances, &second).await.unwrap(), DeploymentStatus::Starting);
        clock.advance_secs(10);
    }
    assert!(matches!(call(&instances, &first).await.unwrap(), Answer::Answered { .. }));
    assert!(matches!(call(&instances, &second).await.unwrap(), Answer::Unreachable { .. }));

    clock.advance_secs(30);
    assert!(matches!(status(&instances, &second).await.unwrap(), DeploymentStatus::Ready { .. }));
    let mut left = there(&fake);
    left.sort();
    assert_eq!(left, ["d1", "d2"], "the other environment's stays, though it is in another page");
    assert!(matches!(call(&instances, &elsewhere).await.unwrap(), Answer::Answered { .. }));
    assert_eq!(status(&instances, &first).await.unwrap(), DeploymentStatus::Absent);
}

#[tokio::test]
async fn a_late_question_about_an_old_release_changes_nothing() {
    let (fake, clock, instances) = bench().await;
    let (first, second, third) =
        (release("qa", "d1", "fine"), release("qa", "d2", "fine"), release("qa", "d3", "fine"));
    fake.world().container_instances.delete_secs = 1000;
    deployed(&instances, &clock, &first).await;
    deployed(&instances, &clock, &second).await;

    assert_eq!(there(&fake).len(), 2, "the old group is still being deleted");
    assert_eq!(status(&instances, &first).await.unwrap(), DeploymentStatus::Absent);
    let Answer::Unreachable { reason } = call(&instances, &first).await.unwrap() else { panic!("it answers") };
    assert!(reason.contains("d2 has taken the place of d1"), "{reason}");

    // One that was overtaken on its way never serves.
    instances.apply(&third).await.unwrap();
    clock.advance_secs(1);
    let fourth = release("qa", "d4", "fine");
    instances.apply(&fourth).await.unwrap();
    clock.advance_secs(60);
    assert_eq!(status(&instances, &third).await.unwrap(), DeploymentStatus::Absent);
    assert!(matches!(call(&instances, &second).await.unwrap(), Answer::Answered { .. }));
    assert!(matches!(status(&instances, &second).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert!(matches!(status(&instances, &fourth).await.unwrap(), DeploymentStatus::Ready { .. }));
    assert!(matches!(call(&instances, &second).await.unwrap(), Answer::Unreachable { .. }));
}

#[tokio::test]
async fn why_a_group_does_not_run_is_told_in_words() {
    let (fake, clock, instances) = bench().await;
    let cases = [
        ("crashes", Behaviour::Crashes, "ended with exit code 1 (Error) and was started"),
        ("no-image", Behaviour::NoImage, "cannot be pulled: Failed to pull image: manifest unknown. Check"),
        ("stopped", Behaviour::Stopped, "is stopped"),
    ];
    for (word, behaviour, wanted) in cases {
        fake.world().container_instances.behaviours.push((image(word), behaviour));
        let spec = release("qa", word, word);
        instances.apply(&spec).await.unwrap();
        clock.advance_secs(120);
        let failed = status(&instances, &spec).await.unwrap();
        assert!(matches!(&failed, DeploymentStatus::Failed { reason } if reason.contains(wanted)), "{failed:?}");
    }

    let deaf = release("qa", "deaf", "deaf");
    fake.world().container_instances.behaviours.push((image("deaf"), Behaviour::Deaf));
    instances.apply(&deaf).await.unwrap();
    clock.advance_secs(120);
    assert_eq!(status(&instances, &deaf).await.unwrap(), DeploymentStatus::Starting, "it runs, and does not answer");

    fake.world().container_instances.behaviours.push((image("private"), Behaviour::Inaccessible));
    let refused = instances.apply(&release("qa", "private", "private")).await.unwrap_err();
    assert!(matches!(&refused, PortError::Permanent { reason, .. } if reason.contains("not accessible")), "{refused}");
}

#[tokio::test]
async fn what_has_failed_is_deleted_and_made_again() {
    let (fake, clock, instances) = bench().await;
    let spec = release("qa", "d1", "d1");
    fake.world().container_instances.behaviours = vec![(image("d1"), Behaviour::Crashes)];
    instances.apply(&spec).await.unwrap();
    clock.advance_secs(120);
    assert!(matches!(status(&instances, &spec).await.unwrap(), DeploymentStatus::Failed { .. }));
    {
        let mut world = fake.world();
        world.container_instances.behaviours.clear();
        world
            .container_instances
            .groups
            .values_mut()
            .for_each(|group| group.body["properties"]["sku"] = "Standard".into());
        world.container_instances.behaviours.push((image("d1"), Behaviour::Stopped));
        world.container_instances.delete_secs = 20;
    }

    let first = instances.apply(&spec).await.unwrap_err();
    assert!(matches!(&first, PortError::Transient { reason, .. } if reason.contains("is being deleted")), "{first}");
    let second = instances.apply(&spec).await.unwrap_err();
    assert!(matches!(&second, PortError::Transient { .. }), "{second}");
    clock.advance_secs(30);
    fake.world().container_instances.behaviours.clear();

    deployed(&instances, &clock, &spec).await;
}

#[tokio::test]
async fn a_log_is_read_from_an_offset_and_is_empty_before_there_is_one() {
    let (fake, clock, instances) = bench().await;
    let spec = release("qa", "d1", "fine");
    let logs = async |from| instances.logs(&spec.project, &spec.environment, &spec.release.deployment, from).await;
    assert!(matches!(logs(0).await, Err(PortError::Permanent { .. })), "there is no such deployment");
    instances.apply(&spec).await.unwrap();
    assert_eq!(logs(0).await.unwrap().text, "");
    clock.advance_secs(60);
    fake.world().container_instances.log = "one\ntwo\n".into();

    let first = logs(0).await.unwrap();
    fake.world().container_instances.log += "three\n";

    assert_eq!((first.text.as_str(), first.next), ("one\ntwo\n", 8));
    assert_eq!(logs(first.next).await.unwrap().text, "three\n");
}

#[tokio::test]
async fn what_may_not_be_done_is_told_with_who_what_and_which_role() {
    let (fake, _, instances) = bench().await;
    fake.spoil(2, Fault::Status(403));

    let refused = instances.apply(&release("qa", "d1", "fine")).await.unwrap_err().to_string();

    for words in ["token of the app may not create a container group", "Contributor", "Managed Identity Operator"] {
        assert!(refused.contains(words), "{refused}");
    }
    assert!(!refused.contains("secret"), "{refused}");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let fake = Fake::start().await;
    for (name, value) in [
        ("subscription", json!("")),
        ("resource_group", json!("a/b")),
        ("endpoint", json!("http://localhost")),
        ("base", json!("management.azure.com")),
        ("image", json!({"registry_server": "https://contoso.azurecr.io"})),
        ("api_key", json!({"secret": "s", "header": "not a header"})),
    ] {
        let settings = settings(&fake, json!({name: value}));
        let credential = Arc::new(azure::Anybody);
        let made = ContainerInstances::new(settings, credential, Arc::new(TestClock::default()), parts());
        assert!(matches!(made, Err(PortError::Permanent { .. })), "{name}");
    }
}

/// An environment in which one release serves.
#[derive(Debug)]
struct Bench {
    fake: Fake,
    clock: TestClock,
    instances: ContainerInstances,
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let (fake, clock, instances) = bench().await;
        deployed(&instances, &clock, &release("qa", "old", "fine")).await;
        fake.world().container_instances.behaviours = vec![(image("crashes"), Behaviour::Crashes)];
        Self { fake, clock, instances }
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let without_times = |body: &Value| {
            let mut body = body.clone();
            let tags = body["tags"].as_object_mut().unwrap();
            let mut moments =
                tags.iter_mut().filter(|(name, _)| matches!(name.as_str(), "trainyard-applied" | "trainyard-serving"));
            moments.by_ref().for_each(|(_, moment)| *moment = "then".into());
            body
        };
        let groups = world.container_instances.groups.iter();
        let groups: Vec<_> = groups.map(|(name, group)| (name, without_times(&group.body))).collect();
        format!("{groups:#?}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault_and_ends_well_after_it() {
    let calls: [weather::Named<Bench>; 5] = [
        ("deploy", |bench| {
            Box::pin(async {
                let spec = release("qa", "new", "fine");
                bench.instances.apply(&spec).await?;
                bench.clock.advance_secs(60);
                status(&bench.instances, &spec).await.map(|_| ())
            })
        }),
        ("deploy what crashes, twice", |bench| {
            Box::pin(async {
                let spec = release("qa", "crashes", "crashes");
                bench.instances.apply(&spec).await?;
                bench.clock.advance_secs(120);
                bench.instances.apply(&spec).await?;
                Ok(())
            })
        }),
        ("call", |bench| Box::pin(async { call(&bench.instances, &release("qa", "old", "fine")).await.map(|_| ()) })),
        ("remove", |bench| Box::pin(async { remove(&bench.instances, &release("qa", "old", "fine")).await })),
        ("logs", |bench| {
            Box::pin(async {
                let spec = release("qa", "old", "fine");
                let name = &spec.release.deployment;
                bench.instances.logs(&spec.project, &spec.environment, name, 0).await.map(|_| ())
            })
        }),
    ];

    let pairs = weather::every_call_meets_every_fault(&calls).await;

    assert!(pairs > 150, "only {pairs} pairs");
}
