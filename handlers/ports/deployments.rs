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
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::services::Services;
use super::{nothing_embedded, refused};
use crate::settings::{Settings, wrong};

const NAME: &str = "TRAINYARD_DEPLOYMENTS";
/// The registries that environments take their images from, where that is not the one that builds.
pub(super) const REGISTRIES: &str = "TRAINYARD_ENVIRONMENT_REGISTRIES";
const ALLOWED: &str = "embedded, container_instances, kubernetes, online_endpoints";

/// What serves an environment, or all of them.
pub(super) struct Choice {
    /// None: all.
    pub environment: Option<EnvironmentName>,
    /// The backend's word.
    pub word: String,
    /// Settings of this environment alone; without them those of the service count.
    own: Option<Value>,
}

impl Choice {
    /// Its settings, or else those of the service, which are called so.
    pub fn settings<T: DeserializeOwned>(&self, settings: &Settings, name: &str) -> Result<T, Failure> {
        match &self.own {
            Some(own) => serde_json::from_value(own.clone())
                .map_err(|error| wrong(NAME, &format!("has settings for {name} that cannot be read: {error}"))),
            None => settings.needed(name, NAME),
        }
    }

    /// Whether it has secrets and a registry of its environment.
    pub fn has_parts(&self) -> bool {
        self.environment.is_some() && ["container_instances", "kubernetes"].contains(&self.word.as_str())
    }
}

/// What the setting says.
pub(super) fn choices(settings: &Settings) -> Result<Vec<Choice>, Failure> {
    let text = settings.get(NAME).unwrap_or_default();
    if !text.starts_with('{') {
        return Ok(vec![Choice { environment: None, word: text.to_owned(), own: None }]);
    }
    let by_environment: BTreeMap<EnvironmentName, Value> = settings.needed(NAME, "a release")?;
    let read = |(environment, value)| match &value {
        Value::String(word) => Ok(Choice { environment: Some(environment), word: word.clone(), own: None }),
        Value::Object(members) if members.len() == 1 => {
            let (word, own) = members.iter().next().expect("it has one");
            Ok(Choice { environment: Some(environment), word: word.clone(), own: Some(own.clone()) })
        }
        _ => {
            let why = format!("has for {environment} neither a word nor one word with its settings");
            Err(wrong(NAME, &why).advice(format!("allowed are {ALLOWED}")))
        }
    };
    by_environment.into_iter().map(read).collect()
}

/// The backend of each environment, or one for all of them.
pub fn chosen(
    settings: &Settings,
    services: &Services<'_>,
    machine: Option<Arc<dyn Deployments>>,
) -> Result<Arc<dyn Deployments>, Failure> {
    let chooser = Chooser { settings, services, machine };
    let mut backends = BTreeMap::new();
    for choice in choices(settings)? {
        let backend = chooser.backend(&choice)?;
        match choice.environment {
            Some(environment) => drop(backends.insert(environment, backend)),
            None => return Ok(backend),
        }
    }
    Ok(Arc::new(ByEnvironment::new(backends)))
}

struct Chooser<'a> {
    settings: &'a Settings,
    services: &'a Services<'a>,
    machine: Option<Arc<dyn Deployments>>,
}

impl Chooser<'_> {
    fn backend(&self, choice: &Choice) -> Result<Arc<dyn Deployments>, Failure> {
        let (services, environment) = (self.services, choice.environment.as_ref());
        let manager = || services.of_manager();
        match choice.word.as_str() {
            "embedded" => self.machine.clone().ok_or_else(|| nothing_embedded(NAME)),
            "container_instances" => {
                let settings = choice.settings(self.settings, "TRAINYARD_CONTAINER_INSTANCES")?;
                let made = ContainerInstances::new(settings, manager()?, services.clock(), self.parts(environment)?);
                Ok(Arc::new(made.map_err(refused)?))
            }
            "kubernetes" => {
                let settings = choice.settings(self.settings, "TRAINYARD_KUBERNETES")?;
                let cluster = services.identity()?.credential(Cloud::KUBERNETES_SCOPE);
                let parts = self.parts(environment)?;
                let made = Kubernetes::new(settings, manager()?, cluster, services.clock(), parts);
                Ok(Arc::new(made.map_err(refused)?))
            }
            "online_endpoints" => {
                let settings = choice.settings(self.settings, "TRAINYARD_ONLINE_ENDPOINTS")?;
                Ok(Arc::new(OnlineEndpoints::new(settings, manager()?, services.clock()).map_err(refused)?))
            }
            other => Err(wrong(NAME, &format!("names {other:?}; allowed are {ALLOWED}"))),
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
        Ok(ServingParts { promote, secrets: Some(secrets) })
    }
}
