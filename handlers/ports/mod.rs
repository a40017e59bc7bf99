//! Who is wired to whom: each port gets the backend that its setting names.
//!
//! Nothing is connected here and no token asked for: a backend does that when it is first needed, so that a handler with
//! all of Azure in it starts as quickly as one without.

use std::sync::Arc;

use cli::Failure;
use runner::ports::{PortError, Ports, SaveThenSend};

use crate::settings::Settings;

mod deployments;
mod doctor;
mod github;
mod services;
#[cfg(test)]
mod tests;

pub use doctor::{Doctor, doctor};
pub use services::Services;

/// The workspace of Azure Machine Learning.
const AZURE_ML: &str = "TRAINYARD_AZURE_ML";
/// Its pipelines that train already.
const PUBLISHED_PIPELINE: &str = "TRAINYARD_PUBLISHED_PIPELINE";
/// And its batch endpoints that do.
const BATCH_ENDPOINT: &str = "TRAINYARD_BATCH_ENDPOINT";
/// The registry that builds, keeps and checks.
const REGISTRY: &str = "TRAINYARD_CONTAINER_REGISTRY";
/// What the doctor looks at besides what it finds out by itself.
const DOCTOR: &str = "TRAINYARD_DOCTOR";

/// The settings that name backends, and what may be embedded.
const CHOICES: [&str; 10] = [
    "TRAINYARD_STORE",
    "TRAINYARD_BUS",
    "TRAINYARD_ARTIFACTS",
    "TRAINYARD_SOURCE",
    "TRAINYARD_JOBS",
    "TRAINYARD_CHECKS",
    "TRAINYARD_MODELS",
    "TRAINYARD_IMAGES",
    "TRAINYARD_DEPLOYMENTS",
    "TRAINYARD_INFRASTRUCTURE",
];

/// The ports that are on this machine, by the names of their settings. They need `trainyard up`.
pub fn embedded(settings: &Settings) -> Vec<&'static str> {
    let is_embedded = |name: &&&str| {
        let value = settings.get(name).unwrap_or_default();
        // Infrastructure is nowhere on one machine, so nothing is needed for it.
        value.contains("embedded") && **name != "TRAINYARD_INFRASTRUCTURE"
    };
    CHOICES.iter().filter(is_embedded).copied().collect()
}

/// All ports. `machine` has those of this machine, where there are any.
///
/// # Errors
///
/// A setting is wrong, missing, or contradicts another one.
pub fn wire(services: &Services<'_>, machine: Option<Ports>) -> Result<Ports, Failure> {
    Wiring { settings: services.settings(), machine, services }.ports()
}

struct Wiring<'a> {
    settings: &'a Settings,
    machine: Option<Ports>,
    services: &'a Services<'a>,
}

/// Where a port's backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Embedded,
    Blob,
    ServiceBus,
    CodeHosts,
    AzureMl,
    PublishedPipeline,
    BatchEndpoint,
    Databricks,
    ContainerRegistry,
    ResourceManager,
}

impl Wiring<'_> {
    fn ports(&self) -> Result<Ports, Failure> {
        let (store, bus) = (self.choice("TRAINYARD_STORE")?, self.choice("TRAINYARD_BUS")?);
        if bus == Kind::ServiceBus && self.settings.variable("TRAINYARD_LINK").is_some() {
            let failure = crate::settings::wrong(
                "TRAINYARD_BUS",
                "is service_bus, and messages there would reach nobody: `trainyard up` delivers from its own bus",
            );
            return Err(failure.advice("run the app under the Functions host, or leave the bus embedded"));
        }
        let artifacts = match self.choice("TRAINYARD_ARTIFACTS")? {
            Kind::Blob => self.services.blob()?,
            _ => self.machine("TRAINYARD_ARTIFACTS")?.artifacts,
        };
        let (store_port, bus_port) = (
            match store {
                Kind::Blob => self.services.blob()? as _,
                _ => self.machine("TRAINYARD_STORE")?.store,
            },
            match bus {
                Kind::ServiceBus => self.services.service_bus()?,
                _ => self.machine("TRAINYARD_BUS")?.bus,
            },
        );
        let ledger = match (store, bus) {
            (Kind::Embedded, Kind::Embedded) => self.machine("TRAINYARD_STORE")?.ledger,
            _ => Arc::new(SaveThenSend::new(store_port.clone(), bus_port.clone())),
        };
        let source = match self.choice("TRAINYARD_SOURCE")? {
            Kind::CodeHosts => {
                let others = self.machine.as_ref().map(|machine| machine.source.clone());
                self.services.code_hosts(artifacts.clone(), others)?
            }
            _ => self.machine("TRAINYARD_SOURCE")?.source,
        };
        let embedded_jobs = self.machine.as_ref().map(|machine| machine.jobs.clone());
        let jobs = self.services.jobs(
            self.choice("TRAINYARD_JOBS")?,
            self.choice("TRAINYARD_CHECKS")?,
            embedded_jobs,
            &store_port,
            &artifacts,
        )?;
        let models = match self.choice("TRAINYARD_MODELS")? {
            Kind::AzureMl => self.services.azure_ml(&artifacts)?,
            _ => self.machine("TRAINYARD_MODELS")?.models,
        };
        let images = match self.choice("TRAINYARD_IMAGES")? {
            Kind::ContainerRegistry => self.services.images(&artifacts)?,
            _ => self.machine("TRAINYARD_IMAGES")?.images,
        };
        let on_machine = self.machine.as_ref().map(|machine| machine.deployments.clone());
        let deployments = deployments::chosen(self.settings, self.services, on_machine)?;
        let infrastructure = match self.choice("TRAINYARD_INFRASTRUCTURE")? {
            Kind::ResourceManager => self.services.resource_manager()?,
            _ => Arc::new(local::infrastructure::NoInfrastructure),
        };
        Ok(Ports {
            store: store_port,
            bus: bus_port,
            ledger,
            artifacts,
            source,
            jobs,
            models,
            images,
            deployments,
            infrastructure,
            clock: self.services.clock(),
        })
    }

    fn choice(&self, name: &str) -> Result<Kind, Failure> {
        use Kind::*;

        let more: &[(&str, Kind)] = match name {
            "TRAINYARD_STORE" | "TRAINYARD_ARTIFACTS" => &[("blob", Blob)],
            "TRAINYARD_BUS" => &[("service_bus", ServiceBus)],
            "TRAINYARD_SOURCE" => &[("code_hosts", CodeHosts)],
            "TRAINYARD_JOBS" => &[
                ("azure_ml", AzureMl),
                ("published_pipeline", PublishedPipeline),
                ("batch_endpoint", BatchEndpoint),
                ("databricks", Databricks),
            ],
            "TRAINYARD_MODELS" => &[("azure_ml", AzureMl)],
            "TRAINYARD_CHECKS" | "TRAINYARD_IMAGES" => &[("container_registry", ContainerRegistry)],
            _ => &[("resource_manager", ResourceManager)],
        };
        self.settings.word(name, &[&[("embedded", Embedded)], more].concat())
    }

    /// The ports of this machine, for one of them.
    fn machine(&self, name: &str) -> Result<Ports, Failure> {
        self.machine.clone().ok_or_else(|| nothing_embedded(name))
    }
}

/// There is no machine to have something on.
fn nothing_embedded(name: &str) -> Failure {
    crate::settings::wrong(name, "is `embedded`, and this is no machine with `trainyard up`")
        .advice("in Azure each port has a backend of Azure; local.settings.example.json says which there are")
}

/// What a backend says of its settings.
fn refused(error: PortError) -> Failure {
    Failure::input(error.to_string())
}
