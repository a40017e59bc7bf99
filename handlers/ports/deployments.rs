//! What serves each environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure::{
    ByEnvironment, Cloud, ContainerInstances, EnvironmentSecrets, Kubernetes, OnlineEndpoints, Promote, Promotion,
    RegistrySettings, ServingParts,
};
use cli::Failure;
use pipeline::names::EnvironmentName;
use runner::ports::Deployments;
use serde_json::Value;

use super::services::Services;
use super::{nothing_embedded, refused};
use crate::settings::{Settings, wrong};

const NAME: &str = "TRAINYARD_DEPLOYMENTS";
/// The registries that environments take their images from, where that is not the one that builds.
const REGISTRIES: &str = "TRAINYARD_ENVIRONMENT_REGISTRIES";
const ALLOWED: &str = "embedded, container_instances, kubernetes, online_endpoints";

/// The backend of each environment, or one for all of them.
pub fn chosen(
    settings: &Settings,
    services: &Services<'_>,
    machine: Option<Arc<dyn Deployments>>,
) -> Result<Arc<dyn Deployments>, Failure> {
    let chooser = Chooser { settings, services, machine };
    let text = settings.get(NAME).unwrap_or_default();
    if !text.starts_with('{') {
        return chooser.backend(text, None, None);
    }
    let by_environment: BTreeMap<EnvironmentName, Value> = settings.needed(NAME, "a release")?;
    let mut backends = BTreeMap::new();
    for (environment, value) in by_environment {
        let backend = match &value {
            Value::String(word) => chooser.backend(word, None, Some(&environment))?,
            Value::Object(members) if members.len() == 1 => {
                let (word, own) = members.iter().next().expect("it has one");
                chooser.backend(word, Some(own), Some(&environment))?
            }
            _ => {
                let why = format!("has for {environment} neither a word nor one word with its settings");
                return Err(wrong(NAME, &why).advice(format!("allowed are {ALLOWED}")));
            }
        };
        backends.insert(environment, backend);
    }
    Ok(Arc::new(ByEnvironment::new(backends)))
}

struct Chooser<'a> {
    settings: &'a Settings,
    services: &'a Services<'a>,
    machine: Option<Arc<dyn Deployments>>,
}

impl Chooser<'_> {
    /// `own` are settings of this environment alone; without them those of the service count.
    fn backend(
        &self,
        word: &str,
        own: Option<&Value>,
        environment: Option<&EnvironmentName>,
    ) -> Result<Arc<dyn Deployments>, Failure> {
        let services = self.services;
        let manager = || services.of_manager();
        match word {
            "embedded" => self.machine.clone().ok_or_else(|| nothing_embedded(NAME)),
            "container_instances" => {
                let settings = self.of("TRAINYARD_CONTAINER_INSTANCES", own)?;
                let made = ContainerInstances::new(settings, manager()?, services.clock(), self.parts(environment)?);
                Ok(Arc::new(made.map_err(refused)?))
            }
            "kubernetes" => {
                let settings = self.of("TRAINYARD_KUBERNETES", own)?;
                let cluster = services.identity()?.credential(Cloud::KUBERNETES_SCOPE);
                let parts = self.parts(environment)?;
                let made = Kubernetes::new(settings, manager()?, cluster, services.clock(), parts);
                Ok(Arc::new(made.map_err(refused)?))
            }
            "online_endpoints" => {
                let settings = self.of("TRAINYARD_ONLINE_ENDPOINTS", own)?;
                Ok(Arc::new(OnlineEndpoints::new(settings, manager()?, services.clock()).map_err(refused)?))
            }
            other => Err(wrong(NAME, &format!("names {other:?}; allowed are {ALLOWED}"))),
        }
    }

    fn of<T: serde::de::DeserializeOwned>(&self, name: &str, own: Option<&Value>) -> Result<T, Failure> {
        match own {
            Some(own) => serde_json::from_value(own.clone())
                .map_err(|error| wrong(NAME, &format!("has settings for {name} that cannot be read: {error}"))),
            None => self.services.managed(name, NAME),
        }
    }

    /// What backends are joined with. Secrets are an environment's, so there are none where one backend has all.
    fn parts(&self, environment: Option<&EnvironmentName>) -> Result<ServingParts, Failure> {
        let Some(environment) = environment else { return Ok(ServingParts::default()) };
        let secrets = EnvironmentSecrets::new(self.services.secrets()?, environment.clone());
        let targets: BTreeMap<EnvironmentName, RegistrySettings> = self.settings.json(REGISTRIES)?.unwrap_or_default();
        let promote = match targets.get(environment) {
            None => None,
            Some(target) => {
                let (source, services) = (self.services.registry()?, self.services);
                let (manager, data) = (services.of_manager()?, services.of_registry()?);
                let made = Promotion::new(source, target.clone(), manager, data, services.clock()).map_err(refused)?;
                Some(Arc::new(made) as Arc<dyn Promote>)
            }
        };
        Ok(ServingParts { promote, secrets: Some(Arc::new(secrets)) })
    }
}
