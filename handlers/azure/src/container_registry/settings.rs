//! Where a registry is, and how it is used.

use std::collections::BTreeSet;

use pipeline::names::{Digest, Project};
use reqwest::Url;
use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

use crate::http;
use crate::resource_id;

/// Where the project's name goes in the pattern of repositories.
const PROJECT: &str = "{project}";

/// A registry of Azure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySettings {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The registry's name: 5 to 50 letters and digits.
    pub registry: String,
    /// Where scoring images are, as a pattern: `{project}` becomes the project's name. Without it all projects share one
    /// repository.
    #[serde(default = "repository")]
    pub repository: String,
    /// The projects, where the pattern tells them apart: an image is looked for by its digest in each one's repository.
    #[serde(default)]
    pub projects: Vec<Project>,
    /// Whether the registry's role assignments are by repository (`AbacRepositoryPermissions`). Builds then push as
    /// whoever asks for them.
    #[serde(default)]
    pub abac: bool,
    /// The agent pool that runs go to, for a registry in a closed network.
    #[serde(default)]
    pub agent_pool: Option<String>,
    /// Cores of a run; the service's own default without it.
    #[serde(default)]
    pub cores: Option<u32>,
    /// The tenant of the registry, where it is not the identity's own.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The image that environments from requirements files are made in, and that checks run in: Python 3.9 or newer with
    /// `venv`. With a digest builds depend on nothing that moves.
    #[serde(default = "python_image")]
    pub python_image: String,
    /// The image that environments from conda files are made in.
    #[serde(default = "conda_image")]
    pub conda_image: String,
    /// The address of Azure Resource Manager.
    #[serde(default = "base")]
    pub base: String,
    /// The registry's login server; `<registry>.azurecr.io` without it.
    #[serde(default)]
    pub login_server: Option<String>,
    /// The address of the login server; `https://<login server>` without it.
    #[serde(default)]
    pub server: Option<String>,
    /// How long one call may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// How long it may take to upload what is to be built, in seconds.
    #[serde(default = "transfer_timeout_secs")]
    pub transfer_timeout_secs: u64,
}

fn repository() -> String {
    format!("trainyard/{PROJECT}")
}

fn python_image() -> String {
    "mcr.microsoft.com/devcontainers/python:3.11".into()
}

fn conda_image() -> String {
    "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest".into()
}

fn base() -> String {
    "https://management.azure.com".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn transfer_timeout_secs() -> u64 {
    300
}

impl RegistrySettings {
    /// A registry with nothing set that need not be.
    pub fn new(
        subscription: impl Into<String>,
        resource_group: impl Into<String>,
        registry: impl Into<String>,
        projects: Vec<Project>,
    ) -> Self {
        Self {
            subscription: subscription.into(),
            resource_group: resource_group.into(),
            registry: registry.into(),
            repository: repository(),
            projects,
            abac: false,
            agent_pool: None,
            cores: None,
            tenant: None,
            python_image: python_image(),
            conda_image: conda_image(),
            base: base(),
            login_server: None,
            server: None,
            timeout_secs: timeout_secs(),
            transfer_timeout_secs: transfer_timeout_secs(),
        }
    }

    /// Whether these can be used.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(PortError::permanent("settings", reason));
        let registry = &self.registry;
        if !(5..=50).contains(&registry.len()) || !registry.chars().all(|c| c.is_ascii_alphanumeric()) {
            return refuse(format!("{registry:?} is no name of a registry: those are 5 to 50 letters and digits"));
        }
        for name in [&self.subscription, &self.resource_group] {
            if matches!(name.trim(), "" | "." | "..") {
                return refuse(format!("{name:?} is no subscription or resource group; set the one of {registry}"));
            }
        }
        let pattern = &self.repository;
        let plain = pattern.replace(PROJECT, "p");
        if plain.split('/').any(|word| component(word) != word || word.is_empty()) {
            return refuse(format!(
                "`repository` is {pattern:?}; it must be lower-case words of letters, digits, `.`, `_` and `-` between \
                 slashes, such as {:?}",
                repository()
            ));
        }
        if pattern.contains(PROJECT) && self.projects.is_empty() {
            return refuse(format!("`repository` is {pattern:?}, so `projects` must name the projects"));
        }
        for image in [&self.python_image, &self.conda_image] {
            if image.is_empty() || image.chars().any(|c| c.is_whitespace() || c.is_control() || c == '$') {
                return refuse(format!("{image:?} is no name of an image"));
            }
        }
        Ok(())
    }

    /// A project's repository.
    pub(super) fn repository(&self, project: &Project) -> String {
        self.repository.replace(PROJECT, &component(project.as_str()))
    }

    /// All repositories with scoring images.
    pub(super) fn repositories(&self) -> BTreeSet<String> {
        if self.repository.contains(PROJECT) {
            self.projects.iter().map(|project| self.repository(project)).collect()
        } else {
            BTreeSet::from([self.repository.clone()])
        }
    }

    /// The name by which images and tokens know the registry.
    pub(super) fn login_server(&self) -> String {
        self.login_server.clone().unwrap_or_else(|| format!("{}.azurecr.io", self.registry.to_ascii_lowercase()))
    }

    /// Where the registry's data is.
    pub(super) fn server(&self) -> Result<Url> {
        let address = self.server.clone().unwrap_or_else(|| format!("https://{}", self.login_server()));
        http::address("the address of the registry", &address)
    }

    /// An image as those name it that pull it: `<server>/<repository>@sha256:...`.
    pub(super) fn reference(&self, project: &Project, image: &Digest) -> String {
        format!("{}/{}@{image}", self.login_server(), self.repository(project))
    }

    /// The registry's id among Azure's resources.
    #[must_use]
    pub fn resource_id(&self) -> String {
        let Self { subscription, resource_group, registry, .. } = self;
        resource_id::resource(subscription, resource_group, "Microsoft.ContainerRegistry/registries", registry)
    }
}

/// A word of a repository's name: lower case, with single separators between letters and digits.
fn component(word: &str) -> String {
    let mut name = String::new();
    for c in word.to_ascii_lowercase().chars() {
        let is_separator = matches!(c, '.' | '_' | '-');
        if c.is_ascii_alphanumeric() || (is_separator && name.ends_with(|c: char| c.is_ascii_alphanumeric())) {
            name.push(c);
        }
    }
    name.trim_end_matches(['.', '_', '-']).to_owned()
}
