//! What has to be known of the workspace itself: its region, its tracking service, its datastores.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Method, Url};
use runner::ports::{PortError, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use super::{AzureMl, READ, SERVICE, refused};
use crate::blob::Container;
use crate::http::{self, Call, CallError, Right};
use crate::roles;

const MAKE_COMPUTE: Right = Right::role("make the compute cluster", roles::COMPUTE);

/// What is asked once.
#[derive(Debug)]
pub(super) struct Workspace {
    pub location: String,
    /// The address of the tracking service, without a path.
    pub tracking: Url,
}

/// A datastore on Blob Storage.
#[derive(Debug, Clone)]
pub(super) struct Datastore {
    pub name: String,
    pub container: Arc<Container>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    location: String,
    properties: Value,
}

#[derive(Deserialize)]
struct Listed {
    value: Vec<NamedStore>,
}

#[derive(Deserialize)]
struct NamedStore {
    name: String,
    properties: Store,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Store {
    datastore_type: String,
    #[serde(default)]
    account_name: Option<String>,
    #[serde(default)]
    container_name: Option<String>,
    /// Of the cloud: `core.windows.net`.
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
}

impl AzureMl {
    pub(super) async fn workspace(&self) -> Result<&Workspace> {
        self.workspace.get_or_try_init(|| self.read_workspace()).await
    }

    async fn read_workspace(&self) -> Result<Workspace> {
        let call = Call::get(self.address.at(&[], &[]), &READ);
        let found: Resource = self.client.read(call).await.map_err(CallError::into_port)?;
        let tracking = match &self.settings.tracking {
            Some(address) => http::address("`tracking`", address)?,
            None => {
                let named = found.properties["mlFlowTrackingUri"].as_str().unwrap_or_default();
                let named = named.replacen("azureml:", "https:", 1);
                let host = Url::parse(&named).ok().filter(|url| url.host_str().is_some_and(is_of_azure));
                let mut host = host.ok_or_else(|| {
                    refused(format!("{self} names no tracking service that can be called; set `tracking`"))
                })?;
                host.set_path("");
                host.set_query(None);
                host
            }
        };
        Ok(Workspace { location: found.location, tracking })
    }

    /// The datastore that is set, or else the workspace's default.
    pub(super) async fn datastore(&self) -> Result<Datastore> {
        self.datastore_named(self.settings.datastore.as_deref().unwrap_or_default()).await
    }

    /// A datastore by its name; the empty name is the default's.
    async fn datastore_named(&self, name: &str) -> Result<Datastore> {
        let mut known = self.datastores.lock().await;
        if let Some(found) = known.get(name) {
            return Ok(found.clone());
        }
        let found = if name.is_empty() {
            let call = Call::get(self.address.at(&["datastores"], &[("isDefault", "true")]), &READ);
            let listed: Listed = self.client.read(call).await.map_err(CallError::into_port)?;
            listed.value.into_iter().next()
        } else {
            self.find(&["datastores", name], &READ).await?
        };
        let found = found.ok_or_else(|| match name {
            "" => refused(format!("{self} has no default datastore; set `datastore`")),
            name => refused(format!("{self} has no datastore {name}")),
        })?;
        let datastore = self.open(found)?;
        known.insert(name.to_owned(), datastore.clone());
        Ok(datastore)
    }

    fn open(&self, found: NamedStore) -> Result<Datastore> {
        let NamedStore { name, properties: store } = found;
        let (Some(account), Some(container)) = (&store.account_name, &store.container_name) else {
            return Err(refused(format!(
                "datastore {name} is on {}, and only those on Blob Storage can be read; set another `datastore`",
                store.datastore_type
            )));
        };
        let address = match &self.settings.storage {
            Some(address) => address.trim_end_matches('/').to_owned(),
            None => {
                let protocol = store.protocol.as_deref().unwrap_or("https");
                let endpoint = store.endpoint.as_deref().unwrap_or("core.windows.net");
                format!("{protocol}://{account}.blob.{endpoint}")
            }
        };
        let address = format!("{address}/{container}");
        let container = Container::at(&address, self.storage.clone(), self.clock.clone())?;
        Ok(Datastore { name, container: Arc::new(container) })
    }

    /// What is at a place, if there is something.
    pub(super) async fn read(&self, place: &Place) -> Result<Option<Vec<u8>>> {
        self.datastore_named(&place.datastore).await?.container.get(&place.path).await
    }

    /// The files at or below a place, by their paths on the datastore.
    pub(super) async fn list(&self, place: &Place) -> Result<BTreeMap<String, u64>> {
        let found = self.datastore_named(&place.datastore).await?.container.list(&place.path).await?;
        // `model` begins `model2` as well.
        let folder = format!("{}/", place.path);
        Ok(found.into_iter().filter(|(name, _)| *name == place.path || name.starts_with(&folder)).collect())
    }

    /// Has the compute cluster, making it where settings say so. A cluster that is being made is worth another try.
    pub(super) async fn ensure_compute(&self) -> Result<()> {
        let compute = &self.settings.compute;
        let Some(cluster) = &compute.create else { return Ok(()) };
        let segments = ["computes", compute.name.as_str()];
        let found: Option<Resource> = self.find(&segments, &READ).await?;
        let found = match found {
            Some(found) => found,
            None => {
                let location = &self.workspace().await?.location;
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
                let call = Call::send(Method::PUT, self.address.at(&segments, &[]), body, &MAKE_COMPUTE);
                self.client.read(call).await.map_err(CallError::into_port)?
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

/// Whether a host may see a token for Azure Resource Manager.
fn is_of_azure(host: &str) -> bool {
    [".azureml.ms", ".azureml.net", ".azureml.cn", ".azureml.us", ".ml.azure.cn", ".ml.azure.us"]
        .iter()
        .any(|ending| host.ends_with(ending))
}
