//! Registered models of the workspace. A version's number is the run's; where somebody else has taken it, the next one
//! that is free. What it comes from is in its properties, which nobody can change, and in tags what people look for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pipeline::effect::Registration;
use pipeline::names::ModelName;
use pipeline::release::Model;
use reqwest::{Method, Url};
use runner::ports::{ModelRegistry, ModelVersion, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use super::{AzureMl, READ, ROLE, present, refused};
use crate::http::{Call, Right};

mod elsewhere;
mod version;

use version::Version;

const REGISTER: Right = Right::role("register a model", ROLE);
const TAG: Right = Right::role("tag a model version", ROLE);
/// So many numbers from the run's on are tried.
const NUMBERS_MAX: u64 = 256;
/// Versions that are asked for at once.
const PAGE: usize = 100;
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Version>,
    #[serde(default)]
    next_link: Option<String>,
}

#[async_trait]
impl ModelRegistry for AzureMl {
    async fn register(&self, registration: &Registration) -> Result<Model> {
        let name = &registration.name;
        let mut body = None;
        let first = registration.lineage.number.max(1);
        for number in first..first.saturating_add(NUMBERS_MAX) {
            let mut held = self.version(name, number).await?;
            if held.is_none() {
                let body = match &body {
                    Some(body) => body,
                    None => body.insert(self.prepare(registration).await?),
                };
                held = self.try_to_register(name, number, body).await?;
            }
            if let Some(model) = held.and_then(|held| held.of_run(name, registration)) {
                return Ok(model);
            }
        }
        Err(refused(format!("all {NUMBERS_MAX} versions of {name} from {first} on are of other runs")))
    }

    async fn get(&self, name: &ModelName, version: u64) -> Result<Option<ModelVersion>> {
        match self.version(name, version).await? {
            Some(held) => match held.read(name) {
                Some(read) => Ok(Some(read)),
                None => self.of_somebody_else(name, version, &held).await.map(Some),
            },
            None => Ok(None),
        }
    }

    async fn tag(&self, name: &ModelName, version: u64, tags: &BTreeMap<String, String>) -> Result<()> {
        let held: Option<Value> =
            self.workspace.find(&["models", name.as_str(), "versions", &version.to_string()], &READ).await?;
        let held = held.ok_or_else(|| refused(format!("there is no version {version} of the model {name}")))?;
        let Some(body) = version::tagged(&held, tags) else { return Ok(()) };
        let segments = ["models", name.as_str(), "versions", &version.to_string()];
        self.workspace.make::<Value>(&segments, body, &TAG).await.map(drop)
    }

    async fn versions(&self, name: &ModelName, limit: usize) -> Result<Vec<ModelVersion>> {
        let top = limit.clamp(1, PAGE).to_string();
        let query = [("$top", top.as_str()), ("$orderBy", "createdtime desc"), ("listViewType", "ActiveOnly")];
        let mut next = Some(self.workspace.address.at(&["models", name.as_str(), "versions"], &query));
        let mut versions: Vec<ModelVersion> = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(url) = next.take().filter(|_| versions.len() < limit) else { break };
            let page: Option<Page> = present(self.workspace.client.read(Call::get(url, &READ)).await)?;
            let Some(page) = page else { break };
            versions.extend(page.value.iter().filter_map(|version| version.read(name)));
            next = page.next_link.map(|link| self.page(&link)).transpose()?;
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.model.version));
        versions.truncate(limit);
        Ok(versions)
    }
}

impl AzureMl {
    async fn version(&self, name: &ModelName, number: u64) -> Result<Option<Version>> {
        self.workspace.find(&["models", name.as_str(), "versions", &number.to_string()], &READ).await
    }

    /// Registers under this number; what is there then is answered, whosever it is.
    async fn try_to_register(&self, name: &ModelName, number: u64, body: &Value) -> Result<Option<Version>> {
        let url = self.workspace.address.at(&["models", name.as_str(), "versions", &number.to_string()], &[]);
        // A refusal is looked into at once, and what is lost is found by the next try.
        let call = Call::send(Method::PUT, url, body.clone(), &REGISTER).once();
        match self.workspace.client.read(call).await {
            Ok(held) => Ok(Some(held)),
            Err(error) if matches!(error.status, 400 | 409) => match self.version(name, number).await? {
                Some(held) => Ok(Some(held)),
                None => Err(error.into_port()),
            },
            Err(error) => Err(error.into_port()),
        }
    }

    /// What a version is registered with: the file where the job has left it, or a copy of it beside the jobs.
    async fn prepare(&self, registration: &Registration) -> Result<Value> {
        let Registration { name, digest, lineage, .. } = registration;
        self.ensure_container(name).await?;
        let left = match &lineage.job {
            Some(job) => self.left_by(job, digest).await?.map(|place| (place, Some(job))),
            None => None,
        };
        let (place, job) = match left {
            Some(left) => left,
            None => {
                let datastore = self.workspace.datastore().await?;
                let path = format!("trainyard/models/{}", digest.hex());
                datastore.container.put(&path, self.artifacts.get(digest).await?).await?;
                (Place { datastore: datastore.name, path }, None)
            }
        };
        Ok(version::body(registration, &place, job))
    }

    async fn ensure_container(&self, name: &ModelName) -> Result<()> {
        let segments = ["models", name.as_str()];
        if self.workspace.find::<Value>(&segments, &READ).await?.is_some() {
            return Ok(());
        }
        let body = json!({"properties": {"tags": {"trainyard": "true"}}});
        self.workspace.make::<Value>(&segments, body, &REGISTER).await.map(drop)
    }

    /// The next page of a list. A token is shown to nobody but the service.
    fn page(&self, link: &str) -> Result<Url> {
        let url = Url::parse(link).ok().filter(|url| url.origin() == self.workspace.address.base.origin());
        url.ok_or_else(|| refused("the list of versions goes on at an address that is not the service's"))
    }
}
