//! What the doctor looks at in Azure. It follows from the settings that choose backends: what no port uses is not looked
//! at, and nobody names a resource twice.
//!
//! Some settings have only an address (of storage, Service Bus, vaults), from which nobody learns in which subscription
//! and group the resource is. `TRAINYARD_DOCTOR` may name those.

use std::collections::BTreeMap;
use std::time::Duration;

use azure::{
    AzureMlSettings, BatchEndpointSettings, BlobSettings, ContainerInstancesSettings, DoctorSettings,
    KubernetesSettings, OnlineEndpointsSettings, Place, PublishedPipelineSettings, Pull, RegistrySettings,
    ResourceManagerSettings,
};
use cli::Failure;
use pipeline::names::EnvironmentName;
use tokio::time::{Instant, timeout_at};

use super::deployments::{self, Choice, REGISTRIES};
use super::services::{Services, needs_nobody};
use super::{AZURE_ML, BATCH_ENDPOINT, DOCTOR, PUBLISHED_PIPELINE, REGISTRY, refused};
use crate::settings::Settings;

/// Whoever asks waits for as long.
const LONGEST: Duration = Duration::from_secs(20);

/// Looks at Azure, and changes nothing. Nothing is called before it is asked.
#[derive(Debug, Default)]
pub struct Doctor {
    identity: Option<String>,
    /// Each knows one resource of a kind.
    doctors: Vec<azure::Doctor>,
    /// In use, and by their settings nobody knows where they are.
    unknown: Vec<(Place, &'static str)>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What it is.
    pub what: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// How it is.
    pub found: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Doctor {
    /// Looks at everything. What cannot be looked at is found, too.
    pub async fn check(&self) -> Vec<Look> {
        let mut looks = Vec::new();
        if let Some(identity) = &self.identity {
            looks.push(Look::fine("identity", identity.clone()));
        }
        let until = Instant::now() + LONGEST;
        for doctor in &self.doctors {
            match timeout_at(until, doctor.check()).await {
                Ok(findings) => looks.extend(findings.into_iter().map(Look::of)),
                Err(_) => {
                    looks.push(Look {
                        what: "Azure".into(),
                        ok: false,
                        found: format!("has not said within {} s what the identity may do", LONGEST.as_secs()),
                        advice: Some("ask again later; deliveries go on meanwhile, if Azure answers them".into()),
                    });
                    break;
                }
            }
        }
        looks.extend(self.unknown.iter().map(|(place, what)| {
            let name = serde_json::to_string(place).unwrap_or_default();
            Look::fine(
                &format!("the rights on {what}"),
                format!("not looked at: its id is not known; {DOCTOR} may say it, as {name} of `resources`"),
            )
        }));
        looks
    }
}

impl Look {
    fn fine(what: &str, found: String) -> Self {
        Self { what: what.into(), ok: true, found, advice: None }
    }

    fn of(finding: azure::Finding) -> Self {
        let azure::Finding { what, ok, advice } = finding;
        let found = if ok { "all is there" } else { "something is missing" };
        Self { what, ok, found: found.into(), advice: Some(advice).filter(|advice| !advice.is_empty()) }
    }
}

/// The doctor for what these settings enable. To be made after the ports: it asks as the identity that they use.
///
/// # Errors
///
/// A setting is wrong.
pub fn doctor(services: &Services<'_>) -> Result<Doctor, Failure> {
    let settings = services.settings();
    let given = settings.json::<DoctorSettings>(DOCTOR)?;
    let mut looked = Looked::default();
    let mut unknown = looked.take(settings)?;
    if let Some(given) = &given {
        unknown.retain(|(place, _)| !given.resources.contains_key(place));
        given.resources.iter().for_each(|(place, id)| looked.add(*place, id.clone(), &given.base, given.timeout_secs));
        looked.location = given.location.clone().or(looked.location);
    }
    let mut doctors = Vec::new();
    for made in looked.settings() {
        doctors.push(azure::Doctor::new(made, services.of_manager()?, services.clock()).map_err(refused)?);
    }
    Ok(Doctor { identity: services.known_identity().map(ToString::to_string), doctors, unknown })
}

/// What is to be looked at, by what one doctor has in common.
#[derive(Default)]
struct Looked {
    resources: BTreeMap<Ward, Vec<(Place, String)>>,
    location: Option<String>,
}

/// What one doctor is asked about has one address, one patience and one subscription, whose quotas are looked at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ward {
    base: String,
    timeout_secs: u64,
    subscription: String,
}

impl Looked {
    fn add(&mut self, place: Place, id: String, base: &str, timeout_secs: u64) {
        let subscription = id.split('/').nth(2).unwrap_or_default().to_ascii_lowercase();
        let ward = Ward { base: base.to_owned(), timeout_secs, subscription };
        let there = self.resources.entry(ward).or_default();
        if !there.iter().any(|(at, other)| *at == place && other.eq_ignore_ascii_case(&id)) {
            there.push((place, id));
        }
    }

    /// All that these settings enable. Answers what is in use and nobody knows where.
    fn take(&mut self, settings: &Settings) -> Result<Vec<(Place, &'static str)>, Failure> {
        let is = |name: &str, word: &str| settings.get(name) == Some(word);
        let mut unknown = Vec::new();
        if is("TRAINYARD_JOBS", "azure_ml") || is("TRAINYARD_MODELS", "azure_ml") {
            let it: AzureMlSettings = settings.needed(AZURE_ML, DOCTOR)?;
            self.add(Place::Workspace, it.resource_id(), &it.base, it.timeout_secs);
            if it.compute.create.is_some() {
                self.add(Place::Computes, it.resource_id(), &it.base, it.timeout_secs);
            }
        }
        if is("TRAINYARD_JOBS", "published_pipeline") {
            let it: PublishedPipelineSettings = settings.needed(PUBLISHED_PIPELINE, DOCTOR)?;
            self.add(Place::PublishedPipelines, it.resource_id(), &it.base, it.timeout_secs);
        }
        if is("TRAINYARD_JOBS", "batch_endpoint") {
            let it: BatchEndpointSettings = settings.needed(BATCH_ENDPOINT, DOCTOR)?;
            self.add(Place::BatchEndpoints, it.resource_id(), &it.base, it.timeout_secs);
        }
        if is("TRAINYARD_CHECKS", "container_registry") || is("TRAINYARD_IMAGES", "container_registry") {
            self.registry(Place::Registry, &settings.needed(REGISTRY, DOCTOR)?);
        }
        if is("TRAINYARD_INFRASTRUCTURE", "resource_manager") {
            let it: ResourceManagerSettings = settings.needed("TRAINYARD_RESOURCE_MANAGER", DOCTOR)?;
            for name in it.groups.values() {
                self.add(Place::Infrastructure, it.resource_id(name), &it.base, it.timeout_secs);
            }
        }
        let mut has_secrets = false;
        for choice in deployments::choices(settings)? {
            has_secrets |= choice.has_parts();
            self.deployments(settings, &choice)?;
        }
        if is("TRAINYARD_STORE", "blob") || is("TRAINYARD_ARTIFACTS", "blob") {
            let blob = settings.json::<BlobSettings>("TRAINYARD_BLOB")?;
            let account = blob.as_ref().map(|it| it.account.as_str()).or_else(|| settings.get("AzureWebJobsStorage"));
            if account.is_some_and(|account| !needs_nobody(account)) {
                unknown.push((Place::Storage, "the storage account"));
            }
        }
        if is("TRAINYARD_BUS", "service_bus")
            && (settings.get("TRAINYARD_SERVICE_BUS").is_some() || settings.get("SERVICEBUS").is_none())
        {
            unknown.push((Place::ServiceBus, "the namespace of Service Bus"));
        }
        if has_secrets && settings.get("TRAINYARD_KEY_VAULT").is_some() {
            unknown.push((Place::Vault, "the vaults"));
        }
        Ok(unknown)
    }

    fn deployments(&mut self, settings: &Settings, choice: &Choice) -> Result<(), Failure> {
        match choice.word.as_str() {
            "container_instances" => {
                let it: ContainerInstancesSettings = choice.settings(settings, "TRAINYARD_CONTAINER_INSTANCES")?;
                self.add(Place::ContainerInstances, it.resource_id(), &it.base, it.timeout_secs);
                if let Pull::Identity(identity) = &it.pull {
                    self.add(Place::PullIdentity, identity.clone(), &it.base, it.timeout_secs);
                }
            }
            "kubernetes" => {
                let it: KubernetesSettings = choice.settings(settings, "TRAINYARD_KUBERNETES")?;
                self.add(Place::Cluster, it.resource_id(), &it.base, it.timeout_secs);
                self.add(Place::Namespace, it.namespace_id(), &it.base, it.timeout_secs);
                if it.route.is_some() {
                    self.add(Place::Routes, it.namespace_id(), &it.base, it.timeout_secs);
                }
            }
            "online_endpoints" => {
                let it: OnlineEndpointsSettings = choice.settings(settings, "TRAINYARD_ONLINE_ENDPOINTS")?;
                self.add(Place::Workspace, it.resource_id(), &it.base, it.timeout_secs);
                if let Some(identity) = &it.identity {
                    self.add(Place::PullIdentity, identity.clone(), &it.base, it.timeout_secs);
                }
                self.location.get_or_insert(it.location);
            }
            _ => {}
        }
        let targets: BTreeMap<EnvironmentName, RegistrySettings> = settings.json(REGISTRIES)?.unwrap_or_default();
        if let Some(target) = choice.environment.as_ref().and_then(|environment| targets.get(environment))
            && choice.has_parts()
        {
            self.registry(Place::ProductionRegistry, target);
        }
        Ok(())
    }

    fn registry(&mut self, place: Place, it: &RegistrySettings) {
        self.add(place, it.resource_id(), &it.base, it.timeout_secs);
    }

    /// Settings with one resource of a kind each: most have one, and then it is one doctor.
    fn settings(self) -> Vec<DoctorSettings> {
        let mut all: Vec<DoctorSettings> = Vec::new();
        for (Ward { base, timeout_secs, .. }, resources) in self.resources {
            let first = all.len();
            for (place, id) in resources {
                let free = all[first..].iter_mut().find(|it| !it.resources.contains_key(&place));
                match free {
                    Some(there) => drop(there.resources.insert(place, id)),
                    None => {
                        let (resources, base) = ([(place, id)].into(), base.clone());
                        all.push(DoctorSettings { resources, location: None, base, timeout_secs });
                    }
                }
            }
        }
        if let Some(there) = all.iter_mut().find(|it| it.resources.contains_key(&Place::Workspace)) {
            there.location = self.location;
        }
        all
    }
}

#[cfg(test)]
mod tests;
