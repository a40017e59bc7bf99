//! Azure DevOps: what people see on commits and pull requests, and the gate of a branch.
//!
//! ```text
//! set_status     commits/{commit}/statuses, and for a pull request iterations -> iterations/{n}/statuses
//! comment        threads -> one thread a project: created, or its comment replaced
//! publish_tests  test/runs: create, results, attachment, complete; coverage; only beside a build
//! changed        diffs/commits, or all items
//! ensure_policy  git/policy/configurations -> policy/configurations
//! ```
//!
//! Source: the REST specifications of version 7.1 in
//! [MicrosoftDocs/vsts-rest-api-specs](https://github.com/MicrosoftDocs/vsts-rest-api-specs), folders `git`, `policy`,
//! `test` and `testResults`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::names::{Project, RunId};
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::http::{self, Call, CallError, Client, Right, Transport};

mod changes;
mod comment;
mod policy;
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
    /// How long one call may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
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

/// An organisation of Azure DevOps.
#[derive(Debug)]
pub struct AzureDevops {
    client: Client,
    settings: DevopsSettings,
    base: Url,
    tests_base: Url,
    site: Option<Url>,
    /// Ids of repositories that settings know by name.
    ids: Mutex<BTreeMap<Project, String>>,
}

/// A list, as this service wraps it.
#[derive(Debug, Deserialize)]
struct List<T> {
    value: Vec<T>,
}

impl AzureDevops {
    /// The organisation that these settings are about.
    ///
    /// # Errors
    ///
    /// An address is none, or a name could lead elsewhere.
    pub fn new(settings: DevopsSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let names = settings.repositories.values().flat_map(|place| [&place.project, &place.repository]);
        for name in names.chain([&settings.organization]) {
            if matches!(name.trim(), "" | "." | "..") {
                let reason =
                    format!("{name:?} is no name of an organisation, project or repository; set the one on its page");
                return Err(PortError::permanent("settings", reason));
            }
        }
        let base = http::address("the address of Azure DevOps", &settings.base)?;
        let tests_base = http::address("the address for coverage", &settings.tests_base)?;
        let site = settings.site.as_deref().map(|site| http::address("the address of our pages", site)).transpose()?;
        let transport = Transport::to(&[&base, &tests_base], settings.timeout_secs);
        let client = Client::new(SERVICE, transport, headers, credential, clock);
        Ok(Self { client, settings, base, tests_base, site, ids: Mutex::default() })
    }

    fn place(&self, project: &Project) -> Result<&DevopsRepository, CallError> {
        self.settings.repositories.get(project).ok_or_else(|| {
            let reason =
                format!("no repository is set for project {project}; add it to `repositories` of Azure DevOps");
            CallError::refused(SERVICE, reason)
        })
    }

    /// An address of a project's repository.
    fn repository(&self, project: &Project, below: &[&str], query: &[(&str, &str)]) -> Result<Url, CallError> {
        let place = self.place(project)?;
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
        let place = self.place(project)?;
        let head = [self.settings.organization.as_str(), place.project.as_str()];
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

    /// Where people read about a run.
    fn link(&self, run: &RunId) -> Option<Url> {
        self.site.as_ref().map(|site| http::join(site, &["runs", run.as_str()], &[]))
    }
}
