//! Azure Machine Learning: one workspace with its assets, clusters, jobs, models and tracking service.
//!
//! Answers follow `mfe.json`, `machineLearningServices.json` and `workspaceRP.json` of version 2024-10-01 and
//! `runHistory.json` in [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs), folder
//! `specification/machinelearningservices`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::blob::Blob;
use crate::{Asked, Told};

mod assets;
mod batch;
mod computes;
pub mod endpoints;
mod ends;
mod jobs;
mod models;
mod orders;
mod pipelines;
mod rules;
mod run;
mod tracking;

pub use batch::{BatchEndpoint, batch_host};
pub use computes::Compute;
pub use ends::{JobEnd, JobOrder, OnJob, Step};
pub use jobs::{Job, Pace};
pub use models::Model;
pub use pipelines::{Pipeline, step_id};
pub use run::run_with_python;

const API_VERSION: &str = "2024-10-01";
const MANAGEMENT: &str = "management.azure.com";

pub const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";
pub const RESOURCE_GROUP: &str = "ml";
pub const WORKSPACE: &str = "trains";
pub const LOCATION: &str = "westeurope";
/// The host of the workspace's tracking service.
pub const TRACKING: &str = "westeurope.api.azureml.ms";
/// The default datastore, its storage account and container.
pub const DATASTORE: &str = "workspaceblobstore";
pub const ACCOUNT: &str = "trainsstore";
pub const CONTAINER: &str = "azureml-blobstore-0001";
/// The datastore of what is logged as an artifact, in the same account.
pub const ARTIFACTS: &str = "workspaceartifactstore";
pub const ARTIFACTS_CONTAINER: &str = "azureml";

/// What is there.
#[derive(Default)]
pub struct AzureMl {
    /// Versions of codes, environments and data by `{kind}/{name}/versions/{version}`.
    pub assets: BTreeMap<String, Value>,
    pub computes: BTreeMap<String, Compute>,
    pub jobs: BTreeMap<String, Job>,
    /// By name.
    pub models: BTreeMap<String, Model>,
    pub endpoints: endpoints::Endpoints,
    /// By name.
    pub batch_endpoints: BTreeMap<String, BatchEndpoint>,
    /// Published pipelines, by id.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// Which of them endpoints of the first SDK lead to, by id.
    pub pipeline_endpoints: BTreeMap<String, String>,
    /// How fast jobs are.
    pub pace: Pace,
    /// For so long after it was asked for a job is not shown, in seconds.
    pub lag_secs: i64,
    /// How long a cluster is in the making, in seconds.
    pub compute_secs: i64,
    /// What becomes of a job when it begins to run. None: it ends well and leaves nothing.
    pub on_job: Option<OnJob>,
    /// As many items as a page of a list has, at most; 0: as many as are asked for.
    pub page: usize,
    /// Its containers are there.
    is_set_up: bool,
}

impl AzureMl {
    /// The containers that a workspace is made with.
    fn set_up(&mut self, blob: &mut Blob) {
        if !self.is_set_up {
            self.is_set_up = true;
            for container in [CONTAINER, ARTIFACTS_CONTAINER] {
                // Who gets a signature gets the container, too; nobody is told this one.
                blob.sas(ACCOUNT, container);
            }
        }
    }

    /// What is asked of Azure Resource Manager.
    pub fn managed(&mut self, asked: &Asked<'_>, blob: &mut Blob) -> Told {
        let is_ours = asked.segments().get(6).is_some_and(|kind| *kind == "workspaces");
        let is_ours = is_ours && asked.segments().get(7).is_some_and(|name| *name == WORKSPACE);
        if !is_ours && asked.segments().get(2).is_some_and(|kind| *kind == "resourceGroups") {
            return self.endpoints.answer(asked);
        }
        if let Err(refused) = rules::check(asked) {
            return refused;
        }
        self.set_up(blob);
        self.advance(asked.now, blob);
        let segments = asked.segments();
        match &segments[..] {
            ["subscriptions", SUBSCRIPTION, "providers", _, "locations", _, "computeOperationsStatus", name] => {
                self.compute_operation(asked, name)
            }
            ["subscriptions", SUBSCRIPTION, "providers", _, "locations", _, "mfeOperationResults", name] => {
                self.cancel_operation(asked, name)
            }
            [
                "subscriptions",
                SUBSCRIPTION,
                "resourceGroups",
                RESOURCE_GROUP,
                "providers",
                _,
                "workspaces",
                WORKSPACE,
                rest @ ..,
            ] => self.in_workspace(asked, rest, blob),
            _ => self.endpoints.answer(asked),
        }
    }

    fn in_workspace(&mut self, asked: &Asked<'_>, path: &[&str], blob: &mut Blob) -> Told {
        match path {
            [] => workspace(asked),
            ["datastores", rest @ ..] => assets::datastores(asked, rest),
            ["codes" | "environments" | "data", ..] => self.asset(asked, path, blob),
            ["computes", name] => self.compute(asked, name),
            ["batchEndpoints", name] => self.batch_endpoint(asked, name),
            ["onlineEndpoints", ..] => self.endpoints.answer(asked),
            ["jobs", rest @ ..] => self.job(asked, rest),
            ["models", name, rest @ ..] => self.model(asked, name, rest),
            _ => missing(asked),
        }
    }

    /// What is asked of the tracking service.
    pub fn tracking(&mut self, asked: &Asked<'_>, blob: &mut Blob) -> Told {
        self.advance(asked.now, blob);
        self.tracked(asked, blob)
    }
}

/// The id of something in the workspace.
#[must_use]
pub fn id(path: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/\
         Microsoft.MachineLearningServices/workspaces/{WORKSPACE}{}{path}",
        if path.is_empty() { "" } else { "/" }
    )
}

fn workspace(asked: &Asked<'_>) -> Told {
    if asked.method != "GET" {
        return missing(asked);
    }
    let provider =
        |name: &str| format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/{name}");
    Told::json(
        200,
        &json!({
            "id": id(""),
            "name": WORKSPACE,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": LOCATION,
            "identity": {"type": "SystemAssigned", "principalId": SUBSCRIPTION, "tenantId": SUBSCRIPTION},
            "properties": {
                "friendlyName": WORKSPACE,
                "storageAccount": provider(&format!("Microsoft.Storage/storageAccounts/{ACCOUNT}")),
                "mlFlowTrackingUri": format!("azureml://{TRACKING}/mlflow/v1.0{}", id("")),
                "workspaceId": SUBSCRIPTION,
                "provisioningState": "Succeeded",
            },
        }),
    )
}

/// A resource as Azure Resource Manager wraps it.
fn resource(asked: &Asked<'_>, path: &str, properties: &Value) -> Value {
    let segments: Vec<&str> = path.split('/').collect();
    let name = segments.last().copied().unwrap_or_default();
    let kinds: Vec<&str> = segments.iter().step_by(2).copied().collect();
    let kind = format!("Microsoft.MachineLearningServices/workspaces/{}", kinds.join("/"));
    let data = json!({
        "createdAt": "2026-01-01T00:00:00Z", "createdBy": "Trainyard", "createdByType": "Application",
        "lastModifiedAt": asked.now.to_string(),
    });
    json!({"id": id(path), "name": name, "type": kind, "properties": properties, "systemData": data})
}

fn missing(asked: &Asked<'_>) -> Told {
    Told::error(404, "ResourceNotFound", &format!("{} {} was not found.", asked.method, asked.path.join("/")))
}
