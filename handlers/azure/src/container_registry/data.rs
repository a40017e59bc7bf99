//! A registry's data: tags, manifests and their locks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::names::Digest;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::{Clock, Result};

use super::token::RegistryToken;
use super::{RegistrySettings, SERVICE};
use crate::credential::Credential;
use crate::http::{self, Body, Call, CallError, Client, Kind, Patience, Right, Transport};
use crate::roles;

/// The kinds of manifests, as images and lists of images have them.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

const PULL: Right = Right::role("look for an image in the registry", roles::PULL);
const PUSH: Right = Right::role("tag an image in the registry", roles::PUSH);

/// A registry's data.
pub(super) struct Data {
    server: Url,
    service: String,
    tenant: Option<String>,
    credential: Arc<dyn Credential>,
    clock: Arc<dyn Clock>,
    timeout_secs: u64,
    /// By scope: a few for each project.
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

/// What an image is known by, as it is.
#[derive(Debug)]
pub(super) struct Manifest {
    pub digest: Digest,
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Data {
    /// # Errors
    ///
    /// The address is none.
    pub fn new(settings: &RegistrySettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let (server, service, tenant) = (settings.server()?, settings.login_server(), settings.tenant.clone());
        let (timeout_secs, clients) = (settings.timeout_secs, Mutex::default());
        Ok(Self { server, service, tenant, credential, clock, timeout_secs, clients })
    }

    /// The manifest behind a tag or a digest, if it is there.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Manifest>, CallError> {
        let client = self.client(repository, "pull");
        let call = Call::get(self.manifests(repository, reference), &PULL);
        let answer = match client.call(call.with(ACCEPT.as_str(), HeaderValue::from_static(ACCEPTED))).await {
            Ok(answer) => answer,
            Err(error) if error.kind == Kind::Gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let digest = Digest::of(&answer.body);
        if answer.header("docker-content-digest").is_some_and(|told| told != digest.as_str()) {
            let reason = format!("could not {}: the manifest of {repository} is not what its digest says", PULL.action);
            return Err(CallError::unavailable(SERVICE, reason));
        }
        let told = answer.header("content-type").unwrap_or_default();
        let kind = MANIFESTS.into_iter().find(|kind| told.starts_with(kind)).unwrap_or(MANIFESTS[0]);
        Ok(Some(Manifest { digest, kind, bytes: answer.body }))
    }

    /// Gives an image of the repository another tag. The tag then is this image's, whosever it was.
    pub async fn tag(&self, repository: &str, manifest: &Manifest, tag: &str) -> Result<(), CallError> {
        let body = Body::Bytes(manifest.kind, manifest.bytes.clone());
        let call = Call::new(Method::PUT, self.manifests(repository, tag), body, &PUSH);
        self.client(repository, "pull,push").call(call).await.map(drop)
    }

    fn manifests(&self, repository: &str, reference: &str) -> Url {
        let words: Vec<&str> = repository.split('/').collect();
        http::join(&self.server, &[&["v2"], &words[..], &["manifests", reference]].concat(), &[])
    }

    /// A client whose token opens a repository for these actions.
    fn client(&self, repository: &str, actions: &str) -> Arc<Client> {
        let scope = format!("repository:{repository}:{actions}");
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(scope).or_insert_with_key(|scope| {
            let time = (Arc::clone(&self.clock), self.timeout_secs);
            let (server, tenant) = ((&self.server, self.service.as_str()), self.tenant.clone());
            let token = RegistryToken::new(Arc::clone(&self.credential), server, tenant, scope.clone(), time);
            let transport = Transport::to(&[&self.server], self.timeout_secs);
            let client = Client::new(SERVICE, transport, HeaderMap::new(), Arc::new(token), Arc::clone(&self.clock));
            Arc::new(client.with_patience(Patience::SHORT))
        });
        Arc::clone(client)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {:?}", self.service, self.credential)
    }
}
