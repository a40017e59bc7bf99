//! GitHub and GitHub Enterprise Server: repositories, what people see on commits and pull requests, and the deliveries of
//! webhooks.
//!
//! ```text
//! resolve        git/ref/heads/{branch}; git/ref/tags/{tag} -> git/tags/{tag object}; git/commits/{commit}
//! read           git/trees of each folder on the way -> git/blobs/{id}
//! snapshot       git/commits/{commit} -> git/trees, all of it -> zipball/{commit} -> where that leads, without our token
//! build          there are none
//! set_status     check-runs (found by our id, then updated), or statuses/{sha} where we are no App
//! comment        issues/{number}/comments -> one comment a project: created, or replaced
//! publish_tests  there is no place for it
//! changed        git/trees of both commits
//! deliveries     hooks/{number}/deliveries -> deliveries/{id}/attempts
//! ```
//!
//! Source: [GitHub's REST API](https://docs.github.com/rest), version 2022-11-28.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pipeline::names::Project;
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use runner::ports::{Artifacts, Clock, Result};
use serde::{Deserialize, Serialize};

use crate::credential::{Anybody, Credential};
use crate::http::{self, CallError, Client, Patience, Right, Transport};
use crate::repositories::{Places, SNAPSHOT_MIB, checked};

mod changes;
mod comment;
mod commits;
mod deliveries;
mod source;
mod status;

pub use deliveries::{GithubDeliveries, GithubHook, GithubHookSettings, MissedDelivery, Redelivered};

const SERVICE: &str = "GitHub";
/// Entries of a list that are asked for at once.
const PAGE: usize = 100;
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 30;
/// How our calls call themselves; GitHub takes none without a name.
const AGENT: HeaderValue = HeaderValue::from_static("trainyard");

const READ: Right = Right { action: "read the repository", scope: "repo", role: "Contents: read (repository)" };

/// Where GitHub is, and what is whose there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubSettings {
    /// Each project's repository.
    pub repositories: BTreeMap<Project, GithubRepository>,
    /// The API's address. For an Enterprise Server `https://HOST/api/v3`.
    #[serde(default = "cloud")]
    pub base: String,
    /// The address from which commits are downloaded; our token is not shown there. For an Enterprise Server
    /// `https://codeload.HOST`, or `https://HOST/_codeload`.
    #[serde(default = "cloud_of_archives")]
    pub archives: String,
    /// As what a status is shown.
    #[serde(default)]
    pub shown: Shown,
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

fn cloud_of_archives() -> String {
    "https://codeload.github.com".into()
}

fn snapshot_mib() -> usize {
    SNAPSHOT_MIB
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

/// GitHub.
#[derive(Debug)]
pub struct Github {
    client: Client,
    /// Without a token.
    downloads: Client,
    artifacts: Arc<dyn Artifacts>,
    places: Places<GithubRepository>,
    base: Url,
    archives: Url,
    shown: Shown,
    snapshot_mib: usize,
}

/// What every call says of itself.
pub(crate) fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    headers
}

impl Github {
    /// The GitHub that these settings are about. Snapshots are kept among the artifacts.
    ///
    /// # Errors
    ///
    /// An address is none, or a name could lead elsewhere.
    pub fn new(
        settings: GithubSettings,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
        artifacts: Arc<dyn Artifacts>,
    ) -> Result<Self> {
        let GithubSettings { repositories, base, archives, shown, site, timeout_secs, snapshot_mib } = settings;
        checked("an owner or a repository", repositories.values().flat_map(|it| [&it.owner, &it.repository]))?;
        let base = http::address("the address of GitHub's API", &base)?;
        let archives = http::address("the address of GitHub's archives", &archives)?;
        let places = Places::new(SERVICE, repositories, site.as_deref())?;
        let transport = Transport::to(&[&base], timeout_secs);
        let client = Client::new(SERVICE, transport, headers(), credential, clock.clone());
        let transport = Transport::to(&[&archives], timeout_secs);
        let agent = HeaderMap::from_iter([(USER_AGENT, AGENT)]);
        let downloads = Client::new(SERVICE, transport, agent, Arc::new(Anybody), clock);
        let (client, downloads) = (client.with_patience(Patience::SHORT), downloads.with_patience(Patience::SHORT));
        Ok(Self { client, downloads, artifacts, places, base, archives, shown, snapshot_mib })
    }

    /// The projects whose repositories are here.
    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.places.projects()
    }

    /// An address of a project's repository.
    fn repository(&self, project: &Project, below: &[&str], query: &[(&str, &str)]) -> Result<Url, CallError> {
        let place = self.places.of(project)?;
        let head = ["repos", place.owner.as_str(), place.repository.as_str()];
        Ok(http::join(&self.base, &[&head, below].concat(), query))
    }
}

impl fmt::Display for Github {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHub at {}", self.base.host_str().unwrap_or_default())
    }
}
