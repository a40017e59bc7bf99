//! The registry as Azure Resource Manager knows it.

use std::fmt;
use std::sync::Arc;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::{Clock, Result};

use super::{RegistrySettings, SERVICE};
use crate::credential::{Anybody, Credential};
use crate::http::{self, Body, Call, CallError, Client, Patience, Right, Transport};
use crate::resource_id;

/// Tasks, runs and task runs.
const TASKS: &str = "2019-06-01-preview";
/// The only version in which a run may act as whoever asked for it.
const TASKS_ABAC: &str = "2025-03-01-preview";
/// Registries.
const REGISTRY: &str = "2023-07-01";

/// A registry's management.
pub(super) struct Registry {
    pub settings: RegistrySettings,
    pub client: Client,
    /// For addresses that open themselves: uploads and logs.
    pub storage: Client,
    pub base: Url,
}

impl Registry {
    /// # Errors
    ///
    /// The settings cannot be used.
    pub fn new(settings: RegistrySettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        settings.check()?;
        let base = http::address("the address of Azure Resource Manager", &settings.base)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let client = Client::new(SERVICE, transport, headers, credential, Arc::clone(&clock));
        let transport = Transport::to(&[&base], settings.transfer_timeout_secs);
        let storage = Client::new(SERVICE, transport, HeaderMap::new(), Arc::new(Anybody), clock);
        let patient = |client: Client| client.with_patience(Patience::SHORT);
        Ok(Self { settings, client: patient(client), storage: patient(storage), base })
    }

    /// An address of the registry's tasks.
    pub fn tasks(&self, below: &[&str]) -> Url {
        self.url(below, if self.settings.abac { TASKS_ABAC } else { TASKS })
    }

    /// An address of the registry itself.
    pub fn itself(&self, below: &[&str]) -> Url {
        self.url(below, REGISTRY)
    }

    fn url(&self, below: &[&str], version: &str) -> Url {
        let id = self.settings.resource_id();
        http::join(&self.base, &[&resource_id::segments(&id)[..], below].concat(), &[("api-version", version)])
    }

    /// An address that was handed out. One that is less protected than the service that gave it is not used.
    pub fn handed_out(&self, address: &str, right: &Right) -> Result<Url, CallError> {
        let url = Url::parse(address).ok().filter(|url| url.scheme() == self.base.scheme());
        url.ok_or_else(|| {
            let reason = format!("could not {}: the address that was handed out for it is none", right.action);
            CallError::unavailable(SERVICE, reason)
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} as {:?}", self.client)
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {}", self.settings.registry)
    }
}

/// A `POST` that carries nothing, and says so: the service's front refuses one without a length.
pub(super) fn order(url: Url, right: &Right) -> Call<'_> {
    Call::new(Method::POST, url, Body::Nothing, right).with("content-length", HeaderValue::from_static("0"))
}
