//! Bringing an image into the registry of an environment, by its digest: what was tested is what is deployed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use pipeline::effect::DeploymentSpec;
use pipeline::names::{Digest, Project};
use reqwest::{Method, StatusCode, Url};
use runner::ports::{Clock, PortError, Result};
use serde_json::json;

use super::data::Data;
use super::registry::Registry;
use super::{RegistrySettings, SERVICE};
use crate::credential::Credential;
use crate::http::{Call, CallError, Progress, Right};
use crate::roles;
use crate::serving::Promote;

const IMPORT: Right = Right::role("import an image into the registry", roles::IMPORT);

/// The way of images from one registry into another, or to stay where they are.
#[derive(Debug)]
pub struct Promotion {
    source: RegistrySettings,
    target: Registry,
    data: Data,
    /// Imports that are on their way, by repository and tag. A large image takes minutes, and is asked for every few
    /// seconds; another process may begin another import, which harms nothing.
    begun: Mutex<BTreeMap<String, Url>>,
}

/// What came of beginning an import.
enum Begun {
    /// It goes on there.
    Operation(Url),
    /// There is nothing to follow: the image is there, or comes by somebody else.
    Nothing { is_there: bool },
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
        let target = Registry::new(target, management, clock)?;
        Ok(Self { source, target, data, begun: Mutex::default() })
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
            self.begun().remove(&format!("{}:{tag}", self.target.settings.repository(project)));
            return Ok(is_there);
        }
        self.import(project, image, tag).await
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

    /// Follows the import that is on its way, or begins one. Answers whether the image is there.
    async fn import(&self, project: &Project, image: &Digest, tag: &str) -> Result<bool> {
        let place = format!("{}:{tag}", self.target.settings.repository(project));
        let known = self.begun().get(&place).cloned();
        let operation = match known {
            Some(operation) => operation,
            None => match self.begin(project, image, tag).await? {
                Begun::Nothing { is_there } => return Ok(is_there),
                Begun::Operation(operation) => {
                    self.begun().insert(place.clone(), operation.clone());
                    operation
                }
            },
        };
        match self.target.client.look(&operation, &self.target.base, &IMPORT).await {
            Ok(Progress::Running) => Ok(false),
            Ok(Progress::Done(_)) => {
                self.begun().remove(&place);
                Ok(true)
            }
            Ok(Progress::Failed { code, message }) => {
                self.begun().remove(&place);
                // Perhaps because somebody else's import was there first.
                if self.promoted(project, image, tag).await.map_err(CallError::into_port)? {
                    return Ok(true);
                }
                let reason = format!("could not {}: {code}, {message}", IMPORT.action);
                Err(PortError::permanent(SERVICE, reason))
            }
            // The service remembers it no more: who asks again begins anew.
            Err(error) if error.status == 404 => {
                self.begun().remove(&place);
                Ok(false)
            }
            Err(error) => Err(error.into_port()),
        }
    }

    async fn begin(&self, project: &Project, image: &Digest, tag: &str) -> Result<Begun> {
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
                let is_there = self.promoted(project, image, tag).await.map_err(CallError::into_port)?;
                return Ok(Begun::Nothing { is_there });
            }
            Err(error) => return Err(error.into_port()),
        };
        let is_accepted = answer.status == StatusCode::ACCEPTED;
        Ok(match answer.operation().filter(|_| is_accepted) {
            Some(operation) => Begun::Operation(operation),
            None => Begun::Nothing { is_there: !is_accepted },
        })
    }

    fn begun(&self) -> MutexGuard<'_, BTreeMap<String, Url>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Promote for Promotion {
    async fn promote(&self, spec: &DeploymentSpec) -> Result<String> {
        let DeploymentSpec { project, environment, release, .. } = spec;
        if Self::promote(self, project, &release.image, &format!("{environment}-{}", release.run)).await? {
            return Ok(self.reference(project, &release.image));
        }
        let (image, target) = (release.image.short(), &self.target);
        Err(PortError::transient(SERVICE, format!("image {image} is on its way to {target}; it will be there soon")))
    }
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {} to {}", self.source.registry, self.target.settings.registry)
    }
}
