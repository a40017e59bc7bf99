//! Azure's services and the code hosts, each made when a port first needs it.

use std::cell::OnceCell;
use std::sync::Arc;

use azure::{
    AzureDevops, AzureMl, AzureMlSettings, BlobSettings, BlobStorage, ByStep, Cloud, ConnectionString, Credential,
    DatabricksJobs, DatabricksSettings, DevopsSettings, Github, GithubApp, GithubSettings, Identity,
    PersonalAccessToken, RegistryImages, RegistryJobs, RegistrySettings, Repositories, ResourceManager,
    ResourceManagerSettings, ServiceBus, ServiceBusSettings,
};
use cli::Failure;
use pipeline::event::Step;
use runner::ports::{Artifacts, Bus, Clock, Images, Infrastructure, JobPlatform, Secrets, Source, Store, SystemClock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Kind, nothing_embedded, refused};
use crate::settings::{Settings, wrong};

/// Where the classic app has its storage, and where we may have ours.
const STORAGE: &str = "AzureWebJobsStorage";

/// Backends that several ports share are made once: they keep connections and tokens.
pub(super) struct Services<'a> {
    settings: &'a Settings,
    identity: OnceCell<Identity>,
    blob: OnceCell<Arc<BlobStorage>>,
    azure_ml: OnceCell<Arc<AzureMl>>,
}

impl<'a> Services<'a> {
    pub fn new(settings: &'a Settings) -> Self {
        let (identity, blob, azure_ml) = Default::default();
        Self { settings, identity, blob, azure_ml }
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
        // A connection string needs nobody.
        let credential: Arc<dyn Credential> =
            if settings.account.contains('=') && !settings.account.starts_with("https://") {
                Arc::new(azure::Anybody)
            } else {
                self.of_storage()?
            };
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
        let settings: AzureMlSettings = self.managed("TRAINYARD_AZURE_ML", "a port on azure_ml")?;
        let made = AzureMl::new(settings, self.of_manager()?, self.of_storage()?, artifacts.clone(), self.clock());
        let made = made.map_err(refused)?;
        Ok(self.azure_ml.get_or_init(|| Arc::new(made)).clone())
    }

    pub fn registry(&self) -> Result<RegistrySettings, Failure> {
        let mut settings: RegistrySettings =
            self.managed("TRAINYARD_CONTAINER_REGISTRY", "a port on container_registry")?;
        let cloud = self.identity()?.cloud();
        if cloud != Cloud::Public && settings.login_server.is_none() {
            settings.login_server = Some(format!("{}{}", settings.registry, cloud.hosts().container_registry));
        }
        Ok(settings)
    }

    /// Settings of a service behind Azure Resource Manager, which is somewhere else in another cloud.
    pub fn managed<T: DeserializeOwned>(&self, name: &str, by: &str) -> Result<T, Failure> {
        let cloud = self.identity()?.cloud();
        if cloud == Cloud::Public {
            return self.settings.needed(name, by);
        }
        let mut value: Map<String, Value> = self.settings.needed(name, by)?;
        value.entry("base").or_insert_with(|| cloud.hosts().resource_manager.into());
        serde_json::from_value(value.into()).map_err(|error| wrong(name, &format!("cannot be read: {error}")))
    }

    pub fn images(&self, artifacts: &Arc<dyn Artifacts>) -> Result<Arc<dyn Images>, Failure> {
        let (manager, data) = (self.of_manager()?, self.of_registry()?);
        let images = RegistryImages::new(self.registry()?, manager, data, artifacts.clone(), self.clock());
        Ok(Arc::new(images.map_err(refused)?))
    }

    pub fn resource_manager(&self) -> Result<Arc<dyn Infrastructure>, Failure> {
        let settings: ResourceManagerSettings =
            self.managed("TRAINYARD_RESOURCE_MANAGER", "TRAINYARD_INFRASTRUCTURE")?;
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
    pub fn jobs(
        &self,
        training: Kind,
        checks: Kind,
        embedded: Option<Arc<dyn JobPlatform>>,
        store: &Arc<dyn Store>,
        artifacts: &Arc<dyn Artifacts>,
    ) -> Result<Arc<dyn JobPlatform>, Failure> {
        let on_machine = |name: &str| embedded.clone().ok_or_else(|| nothing_embedded(name));
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

    /// The App where one is set, else a person's token.
    fn of_github(&self, base: &str) -> Result<Arc<dyn Credential>, Failure> {
        let get = |name: &str| self.settings.get(name);
        match (get("GITHUB_APP"), get("GITHUB_TOKEN")) {
            (Some(_), Some(_)) => {
                Err(wrong("GITHUB_TOKEN", "is set, and so is GITHUB_APP; each is another identity, keep one"))
            }
            (Some(app), None) => {
                let needed = |name: &str| get(name).ok_or_else(|| wrong(name, "is not set, and GITHUB_APP needs it"));
                let number = needed("GITHUB_APP_INSTALLATION")?;
                let number = number.parse().map_err(|_| wrong("GITHUB_APP_INSTALLATION", "must be a number"))?;
                // An app setting has one line: its line ends are written as \n.
                let key = needed("GITHUB_APP_PRIVATE_KEY")?.replace("\\n", "\n");
                let app = GithubApp::new(base, app, number, key.as_bytes(), self.clock());
                Ok(Arc::new(app.map_err(refused)?))
            }
            (None, Some(token)) => {
                let owner = get("GITHUB_TOKEN_OWNER").unwrap_or("GITHUB_TOKEN");
                Ok(Arc::new(PersonalAccessToken::of_github(owner, token).map_err(refused)?))
            }
            (None, None) => Err(wrong("TRAINYARD_GITHUB", "is set, and nothing opens it")
                .advice("set GITHUB_APP, GITHUB_APP_INSTALLATION and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN")),
        }
    }
}
