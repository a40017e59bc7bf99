//! Azure's services and the code hosts, each made when a port first needs it.

use std::cell::OnceCell;
use std::sync::Arc;

use azure::{
    AzureDevops, AzureMl, AzureMlSettings, BlobSettings, BlobStorage, ByStep, Cloud, ConnectionString, Credential,
    DatabricksJobs, DatabricksSettings, DevopsSettings, ExistingTraining, Github, GithubSettings, Identity,
    PersonalAccessToken, RegistryImages, RegistryJobs, RegistrySettings, Repositories, ResourceManager,
    ResourceManagerSettings, ServiceBus, ServiceBusSettings,
};
use cli::Failure;
use pipeline::event::Step;
use runner::ports::{Artifacts, Bus, Clock, Images, Infrastructure, JobPlatform, Secrets, Source, Store, SystemClock};

use super::{AZURE_ML, BATCH_ENDPOINT, Kind, PUBLISHED_PIPELINE, REGISTRY, nothing_embedded, refused};
use crate::settings::{Settings, wrong};

/// Where the classic app has its storage, and where we may have ours.
const STORAGE: &str = "AzureWebJobsStorage";

/// Whether an account is a connection string, which brings its key along.
pub(super) fn needs_nobody(account: &str) -> bool {
    account.contains('=') && !account.starts_with("https://")
}

/// Backends that several ports share are made once: they keep connections and tokens.
pub struct Services<'a> {
    settings: &'a Settings,
    identity: OnceCell<Identity>,
    blob: OnceCell<Arc<BlobStorage>>,
    azure_ml: OnceCell<Arc<AzureMl>>,
}

impl<'a> Services<'a> {
    /// Of these settings.
    pub fn new(settings: &'a Settings) -> Self {
        let (identity, blob, azure_ml) = Default::default();
        Self { settings, identity, blob, azure_ml }
    }

    pub fn settings(&self) -> &'a Settings {
        self.settings
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// Who we are towards Azure.
    pub fn identity(&self) -> Result<&Identity, Failure> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        let made =
            Identity::from_environment(&|name| self.settings.variable(name).map(str::to_owned)).map_err(refused)?;
        Ok(self.identity.get_or_init(|| made))
    }

    /// The same, if anything here has asked for it.
    pub fn known_identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    fn hosts(&self) -> Result<&'static azure::Hosts, Failure> {
        Ok(self.identity()?.cloud().hosts())
    }

    pub fn of_manager(&self) -> Result<Arc<dyn Credential>, Failure> {
        Ok(self.identity()?.credential(self.hosts()?.resource_manager_scope))
    }

    fn of_storage(&self) -> Result<Arc<dyn Credential>, Failure> {
        Ok(self.identity()?.credential(self.hosts()?.blob_scope))
    }

    pub fn of_registry(&self) -> Result<Arc<dyn Credential>, Failure> {
        Ok(self.identity()?.credential(self.hosts()?.container_registry_scope))
    }

    pub fn blob(&self) -> Result<Arc<BlobStorage>, Failure> {
        if let Some(blob) = self.blob.get() {
            return Ok(blob.clone());
        }
        let settings = match self.settings.json::<BlobSettings>("TRAINYARD_BLOB")? {
            Some(settings) => settings,
            None => BlobSettings::new(self.settings.get(STORAGE).ok_or_else(|| {
                wrong("TRAINYARD_BLOB", "is not set, and something is to be kept on Blob Storage")
                    .advice(format!("set it, or {STORAGE}"))
            })?),
        };
        let credential: Arc<dyn Credential> =
            if needs_nobody(&settings.account) { Arc::new(azure::Anybody) } else { self.of_storage()? };
        let blob = BlobStorage::new(&settings, credential, self.clock()).map_err(refused)?;
        Ok(self.blob.get_or_init(|| Arc::new(blob)).clone())
    }

    pub fn service_bus(&self) -> Result<Arc<dyn Bus>, Failure> {
        let clock = self.clock();
        let settings = self.settings.json::<ServiceBusSettings>("TRAINYARD_SERVICE_BUS")?;
        let bus =
            match (settings, self.settings.get("SERVICEBUS"), self.settings.get("SERVICEBUS__fullyQualifiedNamespace"))
            {
                (None, Some(text), _) => {
                    let string = ConnectionString::parse(text).map_err(refused)?;
                    ServiceBus::new(string.settings(), string.credential(clock.clone()), clock)
                }
                (settings, _, namespace) => {
                    let settings = match (settings, namespace) {
                        (Some(settings), _) => settings,
                        (None, Some(namespace)) => ServiceBusSettings::new(namespace),
                        (None, None) => {
                            return Err(wrong("TRAINYARD_BUS", "is service_bus, and no namespace is set").advice(
                                "set SERVICEBUS__fullyQualifiedNamespace, or SERVICEBUS to a connection string",
                            ));
                        }
                    };
                    let credential = self.identity()?.credential(self.hosts()?.service_bus_scope);
                    ServiceBus::new(settings, credential, clock)
                }
            };
        Ok(Arc::new(bus.map_err(refused)?))
    }

    pub fn azure_ml(&self, artifacts: &Arc<dyn Artifacts>) -> Result<Arc<AzureMl>, Failure> {
        if let Some(azure_ml) = self.azure_ml.get() {
            return Ok(azure_ml.clone());
        }
        let settings: AzureMlSettings = self.settings.needed(AZURE_ML, "a port on azure_ml")?;
        let made = AzureMl::new(settings, self.of_manager()?, self.of_storage()?, artifacts.clone(), self.clock());
        let made = made.map_err(refused)?;
        Ok(self.azure_ml.get_or_init(|| Arc::new(made)).clone())
    }

    pub fn registry(&self) -> Result<RegistrySettings, Failure> {
        let mut settings: RegistrySettings = self.settings.needed(REGISTRY, "a port on container_registry")?;
        let cloud = self.settings.cloud()?;
        if cloud != Cloud::Public && settings.login_server.is_none() {
            settings.login_server = Some(format!("{}{}", settings.registry, cloud.hosts().container_registry));
        }
        Ok(settings)
    }

    pub fn images(&self, artifacts: &Arc<dyn Artifacts>) -> Result<Arc<dyn Images>, Failure> {
        let (manager, data) = (self.of_manager()?, self.of_registry()?);
        let images = RegistryImages::new(self.registry()?, manager, data, artifacts.clone(), self.clock());
        Ok(Arc::new(images.map_err(refused)?))
    }

    pub fn resource_manager(&self) -> Result<Arc<dyn Infrastructure>, Failure> {
        let settings: ResourceManagerSettings =
            self.settings.needed("TRAINYARD_RESOURCE_MANAGER", "TRAINYARD_INFRASTRUCTURE")?;
        let manager = ResourceManager::new(settings, self.of_manager()?, self.clock()).map_err(refused)?;
        Ok(Arc::new(manager))
    }

    /// Where deployments take keys and passwords from.
    pub fn secrets(&self) -> Result<Arc<dyn Secrets>, Failure> {
        let Some(settings) = self.settings.json::<azure::KeyVaultSettings>("TRAINYARD_KEY_VAULT")? else {
            return Ok(Arc::new(local::secrets::VariableSecrets::of_this_process()));
        };
        let credential = self.identity()?.credential(self.hosts()?.key_vault_scope);
        Ok(Arc::new(azure::KeyVault::new(&settings, credential, self.clock()).map_err(refused)?))
    }

    /// What trains, and what does all other jobs.
    pub(super) fn jobs(
        &self,
        training: Kind,
        checks: Kind,
        embedded: Option<Arc<dyn JobPlatform>>,
        store: &Arc<dyn Store>,
        artifacts: &Arc<dyn Artifacts>,
    ) -> Result<Arc<dyn JobPlatform>, Failure> {
        let on_machine = |name: &str| embedded.clone().ok_or_else(|| nothing_embedded(name));
        if (training, checks) == (Kind::Embedded, Kind::Embedded) {
            return on_machine("TRAINYARD_JOBS");
        }
        let checks: Arc<dyn JobPlatform> = match checks {
            Kind::ContainerRegistry => {
                let made = RegistryJobs::new(self.registry()?, self.of_manager()?, artifacts.clone(), self.clock());
                Arc::new(made.map_err(refused)?)
            }
            _ => on_machine("TRAINYARD_CHECKS")?,
        };
        Ok(match training {
            Kind::AzureMl => {
                // Environments are made where they are used.
                let steps = vec![Step::Provision, Step::Train];
                Arc::new(ByStep::new(self.azure_ml(artifacts)?, steps, checks))
            }
            Kind::PublishedPipeline => {
                let settings = self.settings.needed(PUBLISHED_PIPELINE, "TRAINYARD_JOBS")?;
                let kept = (store.clone(), artifacts.clone());
                let (manager, storage) = (self.of_manager()?, self.of_storage()?);
                let made = ExistingTraining::published_pipeline(settings, manager, storage, self.clock(), kept);
                Arc::new(ByStep::new(Arc::new(made.map_err(refused)?), vec![Step::Train], checks))
            }
            Kind::BatchEndpoint => {
                let settings = self.settings.needed(BATCH_ENDPOINT, "TRAINYARD_JOBS")?;
                let kept = (store.clone(), artifacts.clone());
                let callers = (self.of_manager()?, self.identity()?.credential(self.hosts()?.azure_ml_scope));
                let made = ExistingTraining::batch_endpoint(settings, callers, self.of_storage()?, self.clock(), kept);
                Arc::new(ByStep::new(Arc::new(made.map_err(refused)?), vec![Step::Train], checks))
            }
            Kind::Databricks => {
                let settings: DatabricksSettings = self.settings.needed("TRAINYARD_DATABRICKS", "TRAINYARD_JOBS")?;
                let credential = self.identity()?.credential(Cloud::DATABRICKS_SCOPE);
                let made = DatabricksJobs::new(settings, credential, self.clock(), store.clone(), artifacts.clone());
                Arc::new(ByStep::new(Arc::new(made.map_err(refused)?), vec![Step::Train], checks))
            }
            _ => {
                let training = on_machine("TRAINYARD_JOBS")?;
                Arc::new(ByStep::new(training, vec![Step::Provision, Step::Train], checks))
            }
        })
    }

    /// The repositories of projects, wherever they are.
    pub fn code_hosts(
        &self,
        artifacts: Arc<dyn Artifacts>,
        others: Option<Arc<dyn Source>>,
    ) -> Result<Arc<dyn Source>, Failure> {
        let devops = self.settings.json::<DevopsSettings>("TRAINYARD_AZURE_DEVOPS")?;
        let github = self.settings.json::<GithubSettings>("TRAINYARD_GITHUB")?;
        if devops.is_none() && github.is_none() {
            return Err(wrong("TRAINYARD_SOURCE", "is code_hosts, and no host is set")
                .advice("set TRAINYARD_AZURE_DEVOPS, TRAINYARD_GITHUB or both"));
        }
        let mut repositories = Repositories::new(others);
        if let Some(settings) = devops {
            let projects: Vec<_> = settings.repositories.keys().cloned().collect();
            let made = AzureDevops::new(settings, self.of_devops()?, self.clock(), artifacts.clone());
            repositories = repositories.with(Arc::new(made.map_err(refused)?), projects).map_err(refused)?;
        }
        if let Some(settings) = github {
            let projects: Vec<_> = settings.repositories.keys().cloned().collect();
            let credential = self.of_github(&settings.base)?;
            let made = Github::new(settings, credential, self.clock(), artifacts);
            repositories = repositories.with(Arc::new(made.map_err(refused)?), projects).map_err(refused)?;
        }
        Ok(Arc::new(repositories))
    }

    /// A person's token where one is set, else our identity, which somebody has added to the organisation.
    fn of_devops(&self) -> Result<Arc<dyn Credential>, Failure> {
        let Some(token) = self.settings.get("AZURE_DEVOPS_TOKEN") else {
            return Ok(self.identity()?.credential(Cloud::AZURE_DEVOPS_SCOPE));
        };
        let owner = self.settings.get("AZURE_DEVOPS_TOKEN_OWNER").unwrap_or("AZURE_DEVOPS_TOKEN");
        Ok(Arc::new(PersonalAccessToken::of_azure_devops(owner, token).map_err(refused)?))
    }
}
