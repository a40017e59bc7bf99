//! Where keys and passwords come from.

use std::sync::Arc;

use pipeline::names::EnvironmentName;
use runner::ports::{PortError, Result, Secrets};

/// The secrets of one environment.
#[derive(Debug, Clone)]
pub struct EnvironmentSecrets {
    secrets: Arc<dyn Secrets>,
    environment: EnvironmentName,
}

impl EnvironmentSecrets {
    /// What `secrets` keeps for this environment.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, environment: EnvironmentName) -> Self {
        Self { secrets, environment }
    }

    /// The newest value of a secret. It is never logged.
    pub(crate) async fn get(&self, name: &str) -> Result<String> {
        let wrong = |reason: String| PortError::permanent("secrets", reason);
        let name = name.parse().map_err(|error| wrong(format!("{name:?} is no name of a secret: {error}")))?;
        let found = self.secrets.get(&self.environment, &name).await?;
        found.map(|secret| secret.expose().to_owned()).ok_or_else(|| {
            wrong(format!("{} has no secret {name} for {}; add it there", self.secrets, self.environment))
        })
    }
}
