//! GitHub and GitHub Enterprise Server: what people see on commits and pull requests.
//!
//! ```text
//! set_status     check-runs (found by our id, then updated), or statuses/{sha} where we are no App
//! comment        issues/{number}/comments -> one comment a project: created, or replaced
//! publish_tests  there is no place for it
//! changed        git/trees of both commits
//! ```
//!
//! Source: [GitHub's REST API](https://docs.github.com/rest), version 2022-11-28.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::names::{CommitId, Project, RunId};
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use runner::ports::{Clock, PortError, Result, TestReport};
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::credential::Credential;
use crate::http::{self, CallError, Client, Transport};

mod changes;
mod comment;
mod status;

const SERVICE: &str = "GitHub";
/// Entries of a list that are asked for at once.
const PAGE: usize = 100;
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 30;

/// Where GitHub is, and what is whose there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubSettings {
    /// Each project's repository.
    pub repositories: BTreeMap<Project, GithubRepository>,
    /// The API's address. For an Enterprise Server `https://HOST/api/v3`.
    #[serde(default = "cloud")]
    pub base: String,
    /// As what a status is shown.
    #[serde(default)]
    pub shown: Shown,
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
pub struct GithubRepository {
    /// The organisation or account.
    pub owner: String,
    /// The repository in it.
    pub repository: String,
}

/// As what a status is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A status on the commit; whoever may write to the repository may set one.
    #[default]
    CommitStatus,
    /// A check run, which only a GitHub App may make.
    CheckRun,
}

fn cloud() -> String {
    "https://api.github.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

/// GitHub.
#[derive(Debug)]
pub struct Github {
    client: Client,
    settings: GithubSettings,
    base: Url,
    site: Option<Url>,
}

/// What every call says of itself.
pub(crate) fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("trainyard"));
    headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    headers
}

impl Github {
    /// The GitHub that these settings are about.
    ///
    /// # Errors
    ///
    /// An address is none, or a name could lead elsewhere.
    pub fn new(settings: GithubSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        for name in settings.repositories.values().flat_map(|place| [&place.owner, &place.repository]) {
            if matches!(name.trim(), "" | "." | "..") {
                let reason = format!("{name:?} is no name of an owner or a repository; set the one in its address");
                return Err(PortError::permanent("settings", reason));
            }
        }
        let base = http::address("the address of GitHub's API", &settings.base)?;
        let site = settings.site.as_deref().map(|site| http::address("the address of our pages", site)).transpose()?;
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let client = Client::new(SERVICE, transport, headers(), credential, clock);
        Ok(Self { client, settings, base, site })
    }

    /// GitHub has no place for test results; the check and the comment tell what there is to tell.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn publish_tests(&self, project: &Project, commit: &CommitId, report: &TestReport) -> Result<()> {
        debug!(run.id = %report.run, "GitHub has no place for the {} tests of {project} {commit}", report.cases.len());
        Ok(())
    }

    /// An address of a project's repository.
    fn repository(&self, project: &Project, below: &[&str], query: &[(&str, &str)]) -> Result<Url, CallError> {
        let place = self.settings.repositories.get(project).ok_or_else(|| {
            let reason = format!("no repository is set for project {project}; add it to `repositories` of GitHub");
            CallError::refused(SERVICE, reason)
        })?;
        let head = ["repos", place.owner.as_str(), place.repository.as_str()];
        Ok(http::join(&self.base, &[&head, below].concat(), query))
    }

    /// Where people read about a run.
    fn link(&self, run: &RunId) -> Option<Url> {
        self.site.as_ref().map(|site| http::join(site, &["runs", run.as_str()], &[]))
    }
}
