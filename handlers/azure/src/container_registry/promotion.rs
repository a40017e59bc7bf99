//! Bringing an image into the registry of an environment, by its digest: what was tested is what is deployed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::names::{Digest, EnvironmentName, Project, RunId};
use reqwest::{Method, StatusCode};
use runner::ports::{Clock, PortError, Result};
use serde_json::json;

use super::data::Data;
use super::registry::Registry;
use super::{RegistrySettings, SERVICE};
use crate::credential::Credential;
use crate::http::{Call, CallError, Progress, Right};
use crate::serving::Promote;

const IMPORT: Right = Right::role(
    "import an image into the registry",
    "Container Registry Data Importer and Data Reader on the registry, and AcrPull on the one that the image is in",
);

/// The way of images from one registry into another, or to stay where they are.
#[derive(Debug)]
pub struct Promotion {
    source: RegistrySettings,
    target: Registry,
    data: Data,
}

impl Promotion {
    /// From where images are built to where an environment takes them from; both may be the same. `management` gives
    /// tokens for `https://management.azure.com`, `data` for `https://containerregistry.azure.net`.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub fn new(
        source: RegistrySettings,
        target: RegistrySettings,
        management: Arc<dyn Credential>,
        data: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        source.check()?;
        let data = Data::new(&target, data, Arc::clone(&clock))?;
        Ok(Self { source, target: Registry::new(target, management, clock)?, data })
    }

    /// The image as those name it that pull it from the environment's registry: `<server>/<repository>@sha256:...`.
    #[must_use]
    pub fn reference(&self, project: &Project, image: &Digest) -> String {
        self.target.settings.reference(project, image)
    }

    /// Brings an image there under a tag, such as `prod-r8-1`. Answers whether it is there; ask again later if not. A
    /// repeat finds what the first time brought.
    ///
    /// # Errors
    ///
    /// `Permanent` when the image is not in the first registry, when the tag is another image's, or when a right is
    /// missing.
    pub async fn promote(&self, project: &Project, image: &Digest, tag: &str) -> Result<bool> {
        let is_there = self.promoted(project, image, tag).await.map_err(CallError::into_port)?;
        if is_there || self.is_at_home() {
            return Ok(is_there);
        }
        self.import(project, image, tag).await
    }

    /// Brings an image there for a run's release, and answers as what it is pulled then.
    ///
    /// # Errors
    ///
    /// As [`promote`](Self::promote); `Transient` while it is on its way.
    pub async fn bring(
        &self,
        project: &Project,
        image: &Digest,
        environment: &EnvironmentName,
        run: &RunId,
    ) -> Result<String> {
        if self.promote(project, image, &format!("{environment}-{run}")).await? {
            return Ok(self.reference(project, image));
        }
        let (image, target) = (image.short(), &self.target);
        Err(PortError::transient(SERVICE, format!("image {image} is on its way to {target}; it will be there soon")))
    }

    /// Forbids to delete an image: production needs it.
    ///
    /// # Errors
    ///
    /// The image is not there, or a right is missing.
    pub async fn lock(&self, project: &Project, image: &Digest) -> Result<()> {
        let repository = self.target.settings.repository(project);
        self.data.keep(&repository, image, true).await.map_err(CallError::into_port)
    }

    /// Allows to delete an image that production needs no more.
    ///
    /// # Errors
    ///
    /// The image is not there, or a right is missing.
    pub async fn unlock(&self, project: &Project, image: &Digest) -> Result<()> {
        let repository = self.target.settings.repository(project);
        self.data.keep(&repository, image, false).await.map_err(CallError::into_port)
    }

    fn is_at_home(&self) -> bool {
        self.source.resource_id().eq_ignore_ascii_case(&self.target.settings.resource_id())
    }

    async fn promoted(&self, project: &Project, image: &Digest, tag: &str) -> Result<bool, CallError> {
        let repository = self.target.settings.repository(project);
        // Nothing is brought to where it is already, and no tag of it is needed there.
        let reference = if self.is_at_home() { image.as_str() } else { tag };
        match self.data.manifest(&repository, reference).await? {
            Some(found) if found.digest == *image => Ok(true),
            Some(found) => {
                let (there, wanted) = (found.digest.short(), image.short());
                let reason = format!("tag {repository}:{tag} is of image {there}, not of {wanted}; remove it");
                Err(CallError::refused(SERVICE, reason))
            }
            None if self.is_at_home() => {
                let reason = format!("image {} is not in {repository} of {}", image.short(), self.target);
                Err(CallError::refused(SERVICE, reason))
            }
            None => Ok(false),
        }
    }

    async fn import(&self, project: &Project, image: &Digest, tag: &str) -> Result<bool> {
        let repository = self.target.settings.repository(project);
        let body = json!({
            "source": {
                "resourceId": self.source.resource_id(),
                "sourceImage": format!("{}@{image}", self.source.repository(project)),
            },
            "targetTags": [format!("{repository}:{tag}")],
            "mode": "NoForce",
        });
        // An import has no name of ours: whoever asks again looks for the tag first.
        let call = Call::send(Method::POST, self.target.itself(&["importImage"]), body, &IMPORT).once();
        let answer = match self.target.client.call(call).await {
            Ok(answer) => answer,
            // Somebody else has brought something there meanwhile; perhaps it is this.
            Err(error) if error.status == 409 => {
                return self.promoted(project, image, tag).await.map_err(CallError::into_port);
            }
            Err(error) => return Err(error.into_port()),
        };
        let Some(operation) = answer.operation().filter(|_| answer.status == StatusCode::ACCEPTED) else {
            return Ok(answer.status != StatusCode::ACCEPTED);
        };
        let progress = self.target.client.look(&operation, &self.target.base, &IMPORT).await;
        match progress.map_err(CallError::into_port)? {
            Progress::Running => Ok(false),
            Progress::Done(_) => Ok(true),
            Progress::Failed { code, message } => {
                let reason = format!("could not {}: {code}, {message}", IMPORT.action);
                Err(PortError::permanent(SERVICE, reason))
            }
        }
    }
}

#[async_trait]
impl Promote for Promotion {
    async fn promote(&self, spec: &DeploymentSpec) -> Result<String> {
        self.bring(&spec.project, &spec.release.image, &spec.environment, &spec.release.run).await
    }
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {} to {}", self.source.registry, self.target.settings.registry)
    }
}
