//! All of Azure and GitHub in this process, and every port on it.

use std::sync::Arc;

use async_trait::async_trait;
use azure::{
    AzureMl, AzureMlCompute, AzureMlSettings, BlobSettings, BlobStorage, ByEnvironment, ByStep, ContainerInstances,
    Credential, ExistingTraining, Github, GithubRepository, GithubSettings, Kubernetes, Promotion, RegistryImages,
    RegistryJobs, RegistrySettings, ResourceManager, ResourceManagerSettings, ServiceBus, ServiceBusSettings,
    ServiceBusTransport, ServingParts, Shown, Token,
};
use fake_azure::azure_ml::{self, ACCOUNT, TRACKING};
use fake_azure::service_bus::Namespace;
use fake_azure::{Fake, kubernetes};
use jiff::SignedDuration;
use pipeline::event::Step;
use pipeline::names::Project;
use runner::memory::TestClock;
use runner::ports::{Clock, Deployments, Ports, Result, SaveThenSend};
use runner::reception::START;
use serde_json::{Value, json};

use crate::containers::Containers;

/// The account with our documents and large objects.
pub const STORE: &str = "contoso.blob.core.windows.net";
/// Where images are, in both registries.
pub const REPOSITORY: &str = "trainyard/diabetes";
const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
const GROUP: &str = "mlops-rg";
/// A pipeline that trains.
const PIPELINE: &str = "6d2f9c81-0b5e-4a47-b3d0-1e8f7c6a5b49";
/// Python is started for each job.
const TIMEOUT_SECS: u64 = 60;

/// What is there, and how it is reached.
pub struct Cloud {
    pub fake: Fake,
    pub namespace: Namespace,
    pub clock: TestClock,
    pub containers: Arc<Containers>,
    pub ports: Ports,
}

impl Cloud {
    /// With documents and objects on the fake's Blob Storage.
    pub async fn new() -> Self {
        Self::keeping(|fake, clock| {
            fake.world().blob.sas("contoso", "trainyard");
            let settings = BlobSettings { timeout_secs: TIMEOUT_SECS, ..BlobSettings::new(fake.host(STORE)) };
            BlobStorage::new(&settings, somebody(clock), Arc::new(clock.clone())).unwrap()
        })
        .await
    }

    /// Where a pipeline that was published long ago trains. It fits the mean.
    pub async fn with_a_pipeline() -> Self {
        let mut cloud = Self::new().await;
        {
            let world = &mut *cloud.fake.world();
            world.azure_ml.pipelines.insert(PIPELINE.into(), azure_ml::Pipeline::default());
            world.azure_ml.on_job = Some(Box::new(|order| azure_ml::JobEnd {
                left: [(
                    format!("{}/model.json", order.given["out"]),
                    br#"{"slope": 0.0, "intercept": 10.0}"#.to_vec(),
                )]
                .into(),
                metrics: [("mse".to_owned(), json!(30.0))].into(),
                ..azure_ml::JobEnd::good()
            }));
        }
        let (us, clock) = (somebody(&cloud.clock), Arc::new(cloud.clock.clone()));
        let kept = (cloud.ports.store.clone(), cloud.ports.artifacts.clone());
        let settings = published_pipeline(&cloud.fake);
        let training = ExistingTraining::published_pipeline(settings, us.clone(), us.clone(), clock.clone(), kept);
        let checks =
            RegistryJobs::new(registry(&cloud.fake, "mlopsacr"), us, cloud.ports.artifacts.clone(), clock).unwrap();
        cloud.ports.jobs = Arc::new(ByStep::new(Arc::new(training.unwrap()), vec![Step::Train], Arc::new(checks)));
        cloud
    }

    /// With documents and objects somewhere else.
    pub async fn keeping(storage: impl FnOnce(&Fake, &TestClock) -> BlobStorage) -> Self {
        let clock = TestClock::default();
        let fake = Fake::by(Arc::new(clock.clone())).await;
        let namespace = Namespace::start().await;
        for queue in Step::ALL.into_iter().map(|step| step.name()).chain([START]) {
            namespace.queues.add(queue);
        }
        set_up(&fake);
        let containers = Containers::serve(&fake);
        let storage = Arc::new(storage(&fake, &clock));
        let ports = ports(&fake, &namespace, &clock, storage);
        Self { fake, namespace, clock, containers, ports }
    }
}

pub fn project() -> Project {
    "diabetes".parse().unwrap()
}

/// What people have made before Trainyard comes.
fn set_up(fake: &Fake) {
    let mut world = fake.world();
    world.azure_ml.computes.insert("cpu".into(), azure_ml::Compute::ready());
    world.azure_ml.on_job = Some(Box::new(azure_ml::run_with_python));
    world.container_registry.registry("mlopsacr");
    world.container_registry.registry("prodacr");
    world.resource_manager.add_group(SUBSCRIPTION, GROUP);
}

fn ports(fake: &Fake, namespace: &Namespace, clock: &TestClock, storage: Arc<BlobStorage>) -> Ports {
    let (us, ticks) = (somebody(clock), Arc::new(clock.clone()));
    let bus = Arc::new(ServiceBus::new(service_bus(namespace), us.clone(), ticks.clone()).unwrap());
    let azure_ml =
        Arc::new(AzureMl::new(azure_ml(fake), us.clone(), us.clone(), storage.clone(), ticks.clone()).unwrap());
    let (here, there) = (registry(fake, "mlopsacr"), registry(fake, "prodacr"));
    let images = RegistryImages::new(here.clone(), us.clone(), us.clone(), storage.clone(), ticks.clone()).unwrap();
    let checks = RegistryJobs::new(here.clone(), us.clone(), storage.clone(), ticks.clone()).unwrap();
    let promotion = Promotion::new(here, there, us.clone(), us.clone(), ticks.clone()).unwrap();
    let qa = ContainerInstances::new(container_instances(fake), us.clone(), ticks.clone(), ServingParts::default());
    let parts = ServingParts { promote: Some(Arc::new(promotion)), secrets: None };
    let prod = Kubernetes::new(kubernetes(fake), us.clone(), us.clone(), ticks.clone(), parts);
    let deployments: [(&str, Arc<dyn Deployments>); 2] =
        [("qa", Arc::new(qa.unwrap())), ("prod", Arc::new(prod.unwrap()))];
    let deployments = deployments.map(|(name, backend)| (name.parse().unwrap(), backend));
    Ports {
        store: storage.clone(),
        bus: bus.clone(),
        ledger: Arc::new(SaveThenSend::new(storage.clone(), bus)),
        artifacts: storage.clone(),
        source: Arc::new(Github::new(github(fake), us.clone(), ticks.clone(), storage).unwrap()),
        jobs: Arc::new(ByStep::new(azure_ml.clone(), vec![Step::Provision, Step::Train], Arc::new(checks))),
        models: azure_ml,
        images: Arc::new(images),
        deployments: Arc::new(ByEnvironment::new(deployments.into())),
        infrastructure: Arc::new(ResourceManager::new(resource_manager(fake), us, ticks.clone()).unwrap()),
        clock: ticks,
    }
}

fn service_bus(namespace: &Namespace) -> ServiceBusSettings {
    ServiceBusSettings {
        namespace: namespace.host(),
        transport: ServiceBusTransport::Amqp,
        is_emulator: true,
        base: None,
        message_bytes_max: 256 << 10,
        timeout_secs: 20,
    }
}

fn azure_ml(fake: &Fake) -> AzureMlSettings {
    AzureMlSettings {
        subscription: azure_ml::SUBSCRIPTION.into(),
        resource_group: azure_ml::RESOURCE_GROUP.into(),
        workspace: azure_ml::WORKSPACE.into(),
        compute: AzureMlCompute { name: "cpu".into(), create: None },
        datastore: None,
        image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest".into(),
        python: "3.12".into(),
        images: None,
        app: "/app".into(),
        base: fake.host("management.azure.com"),
        tracking: Some(fake.host(TRACKING)),
        storage: Some(fake.host(&format!("{ACCOUNT}.blob.core.windows.net"))),
        timeout_secs: TIMEOUT_SECS,
    }
}

fn published_pipeline(fake: &Fake) -> azure::PublishedPipelineSettings {
    of_json(json!({
        "subscription": azure_ml::SUBSCRIPTION,
        "resource_group": azure_ml::RESOURCE_GROUP,
        "workspace": azure_ml::WORKSPACE,
        "projects": {"diabetes": {
            "pipeline": {"published": PIPELINE},
            "parameters": {"out": "published/{job}", "commit": "{commit}"},
            "result": {"folder": "azureml://datastores/workspaceblobstore/paths/published/{job}"},
        }},
        "base": fake.host("management.azure.com"),
        "tracking": fake.host(TRACKING),
        "storage": fake.host(&format!("{ACCOUNT}.blob.core.windows.net")),
    }))
}

fn registry(fake: &Fake, name: &str) -> RegistrySettings {
    RegistrySettings {
        base: fake.host("management.azure.com"),
        server: Some(fake.host(&format!("{name}.azurecr.io"))),
        ..RegistrySettings::new(SUBSCRIPTION, GROUP, name, vec![project()])
    }
}

fn container_instances(fake: &Fake) -> azure::ContainerInstancesSettings {
    of_json(json!({
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "location": "westeurope",
        "image": {"registry_server": "mlopsacr.azurecr.io"},
        "endpoint": fake.host("{fqdn}"),
        "base": fake.host("management.azure.com"),
    }))
}

fn kubernetes(fake: &Fake) -> azure::KubernetesSettings {
    of_json(json!({
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "cluster": "aksprod",
        "namespace": kubernetes::NAMESPACE,
        "image": {"registry_server": "prodacr.azurecr.io"},
        "endpoint": fake.host("{service}.example"),
        "base": fake.host("management.azure.com"),
    }))
}

fn github(fake: &Fake) -> GithubSettings {
    let place = GithubRepository { owner: "contoso".into(), repository: "diabetes".into() };
    GithubSettings {
        repositories: [(project(), place)].into(),
        base: fake.host("api.github.com"),
        archives: fake.host("codeload.github.com"),
        shown: Shown::CommitStatus,
        site: Some("https://trains.example".into()),
        timeout_secs: TIMEOUT_SECS,
        snapshot_mib: 16,
    }
}

fn resource_manager(fake: &Fake) -> ResourceManagerSettings {
    ResourceManagerSettings {
        subscription: SUBSCRIPTION.into(),
        groups: [(project(), GROUP.to_owned())].into(),
        base: fake.host("management.azure.com"),
        timeout_secs: TIMEOUT_SECS,
    }
}

fn of_json<T: serde::de::DeserializeOwned>(settings: Value) -> T {
    serde_json::from_value(settings).unwrap()
}

/// Whom all services know, by tokens of an hour.
pub fn somebody(clock: &TestClock) -> Arc<dyn Credential> {
    Arc::new(Somebody(clock.clone()))
}

#[derive(Debug)]
struct Somebody(TestClock);

#[async_trait]
impl Credential for Somebody {
    async fn token(&self) -> Result<Token> {
        Token::bearer("a-secret", Some(self.0.now() + SignedDuration::from_hours(1)))
    }

    fn identity(&self) -> String {
        "the managed identity trainyard".into()
    }
}
