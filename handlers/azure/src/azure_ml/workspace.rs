//! A workspace, as everything that works in it reaches it: its resources, its region, its tracking service, its
//! datastores.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use runner::ports::{Clock, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use super::address::Address;
use super::place::Place;
use super::{READ, SERVICE, present, refused};
use crate::blob::Container;
use crate::credential::{Anybody, Credential};
use crate::http::{self, Call, CallError, Client, Patience, Right, Transport};

/// Where a workspace is and how it is called, as settings say.
#[derive(Debug, Clone)]
pub(super) struct Whereabouts {
    /// The workspace's id.
    pub id: String,
    /// None: the workspace's default datastore.
    pub datastore: Option<String>,
    /// The address of Azure Resource Manager.
    pub base: String,
    /// The address of the tracking service. None: the one that the workspace names.
    pub tracking: Option<String>,
    /// The address of the storage account. None: the one that the datastore names.
    pub storage: Option<String>,
    pub timeout_secs: u64,
}

/// A workspace.
pub(super) struct Workspace {
    whereabouts: Whereabouts,
    pub address: Address,
    /// Azure Resource Manager and, with the same token, the tracking service.
    pub client: Client,
    /// For addresses that carry their own signature.
    pub opened: Client,
    storage: Arc<dyn Credential>,
    pub clock: Arc<dyn Clock>,
    /// Read once, for they do not change.
    facts: OnceCell<Facts>,
    datastores: Mutex<BTreeMap<String, Datastore>>,
}

/// What is asked once.
#[derive(Debug)]
pub(super) struct Facts {
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

impl Workspace {
    /// A workspace, called as `management` (for Azure Resource Manager), with its storage account opened by `storage`.
    /// Nothing is asked yet.
    pub fn new(
        whereabouts: Whereabouts,
        management: Arc<dyn Credential>,
        storage: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let Whereabouts { id, base, timeout_secs, .. } = &whereabouts;
        let address = Address::new(base, id.clone())?;
        let client = |credential: Arc<dyn Credential>| {
            let transport = Transport::to(&[&address.base], *timeout_secs);
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock.clone()).with_patience(Patience::SHORT)
        };
        let (client, opened) = (client(management), client(Arc::new(Anybody)));
        let (facts, datastores) = Default::default();
        Ok(Self { whereabouts, address, client, opened, storage, clock, facts, datastores })
    }

    /// Reads something in the workspace, if it is there.
    pub async fn find<T: DeserializeOwned>(&self, segments: &[&str], right: &Right) -> Result<Option<T>> {
        present(self.client.read(Call::get(self.address.at(segments, &[]), right)).await)
    }

    /// Makes something in the workspace, or finds that it is made.
    pub async fn make<T: DeserializeOwned>(&self, segments: &[&str], body: Value, right: &Right) -> Result<T> {
        let call = Call::send(Method::PUT, self.address.at(segments, &[]), body, right);
        self.client.read(call).await.map_err(CallError::into_port)
    }

    /// What the workspace says of itself.
    pub async fn facts(&self) -> Result<&Facts> {
        self.facts.get_or_try_init(|| self.read_facts()).await
    }

    async fn read_facts(&self) -> Result<Facts> {
        let call = Call::get(self.address.at(&[], &[]), &READ);
        let found: Resource = self.client.read(call).await.map_err(CallError::into_port)?;
        let tracking = match &self.whereabouts.tracking {
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
        Ok(Facts { location: found.location, tracking })
    }

    /// The datastore that is set, or else the workspace's default.
    pub async fn datastore(&self) -> Result<Datastore> {
        self.datastore_named(self.whereabouts.datastore.as_deref().unwrap_or_default()).await
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
        let address = match &self.whereabouts.storage {
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
    pub async fn read(&self, place: &Place) -> Result<Option<Vec<u8>>> {
        self.datastore_named(&place.datastore).await?.container.get(&place.path).await
    }

    /// The files at or below a place, by their paths on the datastore.
    pub async fn list(&self, place: &Place) -> Result<BTreeMap<String, u64>> {
        let found = self.datastore_named(&place.datastore).await?.container.list(&place.path).await?;
        // `model` begins `model2` as well.
        let folder = format!("{}/", place.path);
        Ok(found.into_iter().filter(|(name, _)| *name == place.path || name.starts_with(&folder)).collect())
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure ML workspace {}", self.whereabouts.id.rsplit('/').next().unwrap_or_default())
    }
}

/// Whether a host may see a token for Azure Resource Manager.
fn is_of_azure(host: &str) -> bool {
    [".azureml.ms", ".azureml.net", ".azureml.cn", ".azureml.us", ".ml.azure.cn", ".ml.azure.us"]
        .iter()
        .any(|ending| host.ends_with(ending))
}
