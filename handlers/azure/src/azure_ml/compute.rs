//! The compute cluster that jobs run on.

use reqwest::Method;
use runner::ports::{PortError, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AzureMl, READ, SERVICE, refused};
use crate::http::{Call, CallError, Right};
use crate::roles;

const MAKE: Right = Right::role("make the compute cluster", roles::COMPUTE);

/// A cluster, as the service shows it.
#[derive(Deserialize)]
struct Cluster {
    properties: Value,
}

impl AzureMl {
    /// Has the compute cluster, making it where settings say so. A cluster that is being made is worth another try.
    pub(super) async fn ensure_compute(&self) -> Result<()> {
        let compute = &self.settings.compute;
        let Some(cluster) = &compute.create else { return Ok(()) };
        let segments = ["computes", compute.name.as_str()];
        let found: Option<Cluster> = self.workspace.find(&segments, &READ).await?;
        let found = match found {
            Some(found) => found,
            None => {
                let location = &self.workspace.facts().await?.location;
                let scale = json!({
                    "minNodeCount": 0,
                    "maxNodeCount": cluster.nodes,
                    "nodeIdleTimeBeforeScaleDown": format!("PT{}S", cluster.idle_secs),
                });
                let machines = json!({"vmSize": cluster.size, "vmPriority": "Dedicated", "scaleSettings": scale});
                let body = json!({
                    "location": location,
                    "properties": {"computeType": "AmlCompute", "properties": machines},
                });
                let call = Call::send(Method::PUT, self.workspace.address.at(&segments, &[]), body, &MAKE);
                self.workspace.client.read(call).await.map_err(CallError::into_port)?
            }
        };
        let name = &compute.name;
        match found.properties["provisioningState"].as_str() {
            None | Some("Succeeded") => Ok(()),
            Some(state @ ("Failed" | "Canceled")) => {
                let why = found.properties["provisioningErrors"][0]["error"]["message"].as_str();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                let advice = "look at the cluster in the workspace, remove it, then try the run again";
                Err(refused(format!("compute cluster {name} could not be made ({state}){why}; {advice}")))
            }
            Some(_) => Err(PortError::transient(SERVICE, format!("compute cluster {name} is being made"))),
        }
    }
}
