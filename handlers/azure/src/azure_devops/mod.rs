//! Azure DevOps: repositories, what people see on commits and pull requests, builds, and the gate of a branch.
//!
//! ```text
//! resolve        refs, exactly of that name, tags peeled; commits/{commit}
//! read           items, of one path -> blobs/{id}
//! snapshot       commits/{commit} -> trees/{tree}, listed -> trees/{tree}, as a zip
//! build          build/builds/{number}, of this repository
//! set_status     commits/{commit}/statuses, and for a pull request iterations -> iterations/{n}/statuses
//! comment        threads -> one thread a project: created, or its comment replaced
//! publish_tests  test/runs: create, results, attachment, complete; coverage; only beside a build
//! changed        diffs/commits, or all items
//! ensure_policy  git/policy/configurations -> policy/configurations
//! ```
//!
//! Source: the REST specifications of version 7.1 in
//! [MicrosoftDocs/vsts-rest-api-specs](https://github.com/MicrosoftDocs/vsts-rest-api-specs), folders `build`, `git`,
//! `policy`, `test` and `testResults`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::names::Project;
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use runner::ports::{Artifacts, Clock, Result};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, Call, CallError, Client, Patience, Right, Transport};
use crate::repositories::{Places, SNAPSHOT_MIB, checked};

mod builds;
mod changes;
mod comment;
mod commits;
mod policy;
mod source;
mod status;
mod test_runs;
mod words;

pub use policy::StatusPolicy;

const SERVICE: &str = "Azure DevOps";
const API_VERSION: (&str, &str) = ("api-version", "7.1");
/// Entries of a list that are asked for at once.
const PAGE: usize = 100;
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 50;

const READ: Right = Right { action: "read the repository", scope: "vso.code", role: "Read (repository)" };

/// Where an organisation is, and what is whose in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevopsSettings {
    /// The organisation.
    pub organization: String,
    /// Each project's repository.
    pub repositories: BTreeMap<Project, DevopsRepository>,
    /// The service's address.
    #[serde(default = "cloud")]
    pub base: String,
    /// The address of the part of the service that takes coverage.
    #[serde(default = "cloud_of_tests")]
    pub tests_base: String,
    /// The address of our own pages; without it statuses lead nowhere.
    #[serde(default)]
    pub site: Option<String>,
    /// How long one call may take, the download of a whole commit included.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// As much of a commit as a snapshot takes: MiB.
    #[serde(default = "snapshot_mib")]
    pub snapshot_mib: usize,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevopsRepository {
    /// The project that it is in, by name or id.
    pub project: String,
    /// Its name or id.
    pub repository: String,
}

fn cloud() -> String {
    "https://dev.azure.com".into()
}

fn cloud_of_tests() -> String {
    "https://vstmr.dev.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn snapshot_mib() -> usize {
    SNAPSHOT_MIB
}

/// An organisation of Azure DevOps.
#[derive(Debug)]
pub struct AzureDevops {
    client: Client,
    artifacts: Arc<dyn Artifacts>,
    organization: String,
    places: Places<DevopsRepository>,
    base: Url,
    tests_base: Url,
    snapshot_mib: usize,
    /// Ids of repositories that settings know by name.
    ids: Mutex<BTreeMap<Project, String>>,
}

/// A list, as this service wraps it.
#[derive(Debug, Deserialize)]
struct List<T> {
    value: Vec<T>,
}

impl AzureDevops {
    /// The organisation that these settings are about. Snapshots are kept among the artifacts.
    ///
    /// # Errors
    ///
    /// An address is none, or a name could lead elsewhere.
    pub fn new(
        settings: DevopsSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        artifacts: Arc<dyn Artifacts>,
    ) -> Result<Self> {
        let DevopsSettings { organization, repositories, base, tests_base, site, timeout_secs, snapshot_mib } =
            settings;
        let names = repositories.values().flat_map(|place| [&place.project, &place.repository]);
        checked("an organisation, a project or a repository", names.chain([&organization]))?;
        let base = http::address("the address of Azure DevOps", &base)?;
        let tests_base = http::address("the address for coverage", &tests_base)?;
        let places = Places::new(SERVICE, repositories, site.as_deref())?;
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let transport = Transport::to(&[&base, &tests_base], timeout_secs);
        let client = Client::new(SERVICE, transport, headers, credential, clock).with_patience(Patience::SHORT);
        let ids = Mutex::default();
        Ok(Self { client, artifacts, organization, places, base, tests_base, snapshot_mib, ids })
    }

    /// The projects whose repositories are here.
    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.places.projects()
    }

    /// An address of a project's repository.
    fn repository(&self, project: &Project, below: &[&str], query: &[(&str, &str)]) -> Result<Url, CallError> {
        let place = self.places.of(project)?;
        let head = ["_apis", "git", "repositories", place.repository.as_str()];
        self.project(project, &[&head, below].concat(), query)
    }

    /// An address of a project.
    fn project(&self, project: &Project, below: &[&str], query: &[(&str, &str)]) -> Result<Url, CallError> {
        self.below(&self.base, project, below, query, API_VERSION)
    }

    fn below(
        &self,
        base: &Url,
        project: &Project,
        below: &[&str],
        query: &[(&str, &str)],
        version: (&str, &str),
    ) -> Result<Url, CallError> {
        let place = self.places.of(project)?;
        let head = [self.organization.as_str(), place.project.as_str()];
        Ok(http::join(base, &[&head, below].concat(), &[query, &[version]].concat()))
    }

    /// The repository's id, which some calls take and a name is none.
    async fn repository_id(&self, project: &Project) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct Repository {
            id: String,
        }

        if let Some(id) = self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(project) {
            return Ok(id.clone());
        }
        let found: Repository = self.client.read(Call::get(self.repository(project, &[], &[])?, &READ)).await?;
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(project.clone(), found.id.clone());
        Ok(found.id)
    }
}

impl fmt::Display for AzureDevops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure DevOps {}", self.organization)
    }
}
