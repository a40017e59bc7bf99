//! Azure Container Registry: registries, their tasks and runs, their data, and the storage behind them.
//!
//! Follows `containerregistry_build.json` of 2019-06-01-preview (and 2025-03-01-preview), `containerregistry.json` of
//! 2023-07-01 and, for the data plane, of 2021-07-01. A run is queued, started, running and ended by the clock; what it
//! does is what its image or a test says. As with Docker, no two builds give the same digest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::blob::Blob;
use crate::{Asked, Told};

mod data;
mod import;
mod request;
mod run;
mod storage;
mod task_runs;
mod token;

pub use data::{Manifest, Repository};
pub use run::{Run, RunEnd, RunOrder};
pub use task_runs::TaskRun;

use import::Import;

/// The host where contexts and logs are.
pub const STORAGE: &str = "trainyardtasks.blob.core.windows.net";

/// Does what a run is to do, beside the service.
pub type OnRun = Arc<dyn Fn(&RunOrder) -> RunEnd + Send + Sync>;

/// What is there.
#[derive(Default)]
pub struct ContainerRegistry {
    /// By name, in lower case.
    pub registries: BTreeMap<String, Registry>,
    /// What runs do; without it they all end well at once.
    pub on_run: Option<OnRun>,
    /// How long a run is queued and started, and an import takes, each. A test may make it nothing.
    pub pace_secs: Option<i64>,
    /// By path: contexts that were uploaded. Empty: may be uploaded to.
    uploads: BTreeMap<String, Vec<u8>>,
    /// Whatever was made, counted.
    made: u64,
}

/// One registry.
#[derive(Debug, Default)]
pub struct Registry {
    /// Whether runs may open it only as whoever asked for them.
    pub abac: bool,
    /// By name, in lower case, as names of resources are the same in both cases.
    pub task_runs: BTreeMap<String, TaskRun>,
    pub runs: BTreeMap<String, Run>,
    pub repositories: BTreeMap<String, Repository>,
    imports: BTreeMap<String, Import>,
}

impl fmt::Debug for ContainerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerRegistry").field("registries", &self.registries).finish_non_exhaustive()
    }
}

impl ContainerRegistry {
    /// A registry, which is made if it is not there.
    pub fn registry(&mut self, name: &str) -> &mut Registry {
        self.registries.entry(name.to_ascii_lowercase()).or_default()
    }

    /// How long each state lasts that nobody works in.
    fn pace(&self) -> i64 {
        self.pace_secs.unwrap_or(5)
    }

    fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// The registries' data: `<registry>.azurecr.io`.
    pub fn data(&mut self, asked: &Asked<'_>) -> Told {
        self.settle(asked.now);
        let name = asked.host.strip_suffix(".azurecr.io").unwrap_or_default().to_owned();
        let Some(registry) = self.registries.get_mut(&name) else { return Told::empty(404) };
        match (asked.method, &asked.segments()[..]) {
            ("POST", ["oauth2", "exchange"]) => token::exchange(asked),
            ("POST", ["oauth2", "token"]) => token::token(asked),
            _ => registry.data(asked),
        }
    }

    /// Azure Resource Manager's part.
    pub fn managed(&mut self, asked: &Asked<'_>, _blob: &mut Blob) -> Told {
        self.settle(asked.now);
        let path = asked.segments();
        let ["subscriptions", _, "resourceGroups", _, "providers", _, kind, name, below @ ..] = &path[..] else {
            return Told::error(404, "InvalidResourceType", "The resource type could not be found.");
        };
        if let ("locations", ["operationResults", operation]) = (*kind, below) {
            return self.import_result(operation, asked);
        }
        let name = name.to_ascii_lowercase();
        if *kind != "registries" || !self.registries.contains_key(&name) {
            let message = format!("The Resource 'Microsoft.ContainerRegistry/registries/{name}' was not found.");
            return Told::error(404, "ResourceNotFound", &message);
        }
        let version = asked.query.get("api-version").map(String::as_str).unwrap_or_default();
        let known: &[&str] = match below {
            ["importImage"] | [] => &["2023-07-01"],
            _ => &["2019-06-01-preview", "2025-03-01-preview"],
        };
        if !known.contains(&version) {
            let message = format!("No registered resource provider found for API version '{version}'.");
            return Told::error(400, "NoRegisteredProviderFound", &message);
        }
        if asked.method == "POST" && asked.header("content-length").is_empty() {
            return Told::empty(411);
        }
        match (asked.method, below) {
            ("POST", ["importImage"]) => self.import(&name, asked),
            ("POST", ["listBuildSourceUploadUrl"]) => self.upload_url(asked),
            ("POST", ["scheduleRun"]) => self.schedule(&name, asked),
            ("GET", ["taskRuns", task_run]) => self.task_run(&name, task_run, asked),
            ("PUT", ["taskRuns", task_run]) => self.put_task_run(&name, task_run, asked),
            ("DELETE", ["taskRuns", task_run]) => {
                let gone = self.registry(&name).task_runs.remove(&task_run.to_ascii_lowercase());
                Told::empty(if gone.is_some() { 200 } else { 204 })
            }
            ("GET", ["runs"]) => self.runs(&name, asked),
            ("GET", ["runs", run]) => self.run(&name, run, asked),
            ("POST", ["runs", run, "listLogSasUrl"]) => self.log_url(&name, run, asked),
            ("POST", ["runs", run, "cancel"]) => self.cancel(&name, run, asked),
            _ => Told::error(404, "ResourceNotFound", &format!("{} {}", asked.method, asked.path.join("/"))),
        }
    }

    /// Ends what has had its time by now.
    fn settle(&mut self, now: Timestamp) {
        let pace = self.pace();
        for (name, registry) in &mut self.registries {
            registry.settle_runs(name, pace, now);
        }
        self.settle_imports(now);
    }
}

/// A resource below a registry, as answers name it.
fn resource(asked: &Asked<'_>, kind: &str, name: &str, properties: &Value) -> Value {
    let registry = asked.path[..8].join("/");
    json!({
        "id": format!("/{registry}/{kind}/{name}"),
        "name": name,
        "type": format!("Microsoft.ContainerRegistry/registries/{kind}"),
        "properties": properties,
    })
}

/// A time as answers have it.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
