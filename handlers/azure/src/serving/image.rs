//! Where an environment pulls images from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

use super::names::filled;

/// Brings images to the registry of an environment.
#[async_trait]
pub trait Promote: fmt::Debug + Send + Sync {
    /// Where the release's image can be pulled from, by its digest. One that is there already is not copied again.
    ///
    /// # Errors
    ///
    /// `Transient`: it is being copied; ask again.
    async fn promote(&self, spec: &DeploymentSpec) -> Result<String>;
}

/// A registry and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSettings {
    /// The registry's login server: `contoso.azurecr.io`.
    pub registry_server: String,
    /// The repository; `{project}` stands for the project, in lower case.
    #[serde(default = "repository")]
    pub repository: String,
}

fn repository() -> String {
    "trainyard/{project}".into()
}

/// Says where a release's image is pulled from.
#[derive(Debug)]
pub(crate) struct Puller {
    settings: ImageSettings,
    promote: Option<Arc<dyn Promote>>,
}

impl Puller {
    pub fn new(settings: ImageSettings, promote: Option<Arc<dyn Promote>>) -> Result<Self> {
        let server = &settings.registry_server;
        if server.is_empty() || server.contains("://") || server.contains(['/', '@', ' ']) {
            let reason = format!("{server:?} is no login server of a registry; it must look like contoso.azurecr.io");
            return Err(PortError::permanent("settings", reason));
        }
        Ok(Self { settings, promote })
    }

    /// The registry's login server.
    pub fn server(&self) -> &str {
        &self.settings.registry_server
    }

    /// The reference by which the image can be pulled.
    pub async fn reference(&self, spec: &DeploymentSpec) -> Result<String> {
        let DeploymentSpec { project, release, .. } = spec;
        if let Some(promote) = &self.promote {
            return promote.promote(spec).await;
        }
        let project = project.as_str().to_ascii_lowercase();
        let repository = filled(&self.settings.repository, &[("project", &project)]);
        Ok(format!("{}/{repository}@{}", self.settings.registry_server, release.image))
    }
}
