//! The environments of jobs: a version for each content of a dependency file, which the workspace builds when the first
//! job needs it and keeps.

use pipeline::effect::JobSpec;
use pipeline::names::Digest;
use runner::ports::Result;
use serde_json::{Value, json};

use super::super::{AzureMl, READ, ROLE, refused};
use super::dependencies;
use crate::http::Right;

const MAKE: Right = Right::role("make an environment", ROLE);

impl AzureMl {
    /// Has all environments of a job there, and answers the id of the one that its commands run in and whether that was
    /// made just now.
    pub(super) async fn ensure_environments(&self, spec: &JobSpec, snapshot: &[u8]) -> Result<(String, bool)> {
        let image = match (&spec.image, &self.settings.images) {
            (None, _) => None,
            (Some(digest), Some(repository)) => Some(format!("{repository}@{digest}")),
            (Some(_), None) => {
                let why = "name the registry's repository in the workspace's setting `images`";
                return Err(refused(format!(
                    "job {} runs in an image, and {self} does not know where it is: {why}",
                    spec.name
                )));
            }
        };
        if let Some(image) = image {
            // The image has the environment in it.
            return self.ensure_environment(spec, &image, None).await;
        }
        let base = &self.settings.image;
        let mut first = None;
        for file in &spec.environments {
            let conda = dependencies::conda_file(snapshot, file, &self.settings.python).map_err(refused)?;
            let made = self.ensure_environment(spec, base, Some(&conda)).await?;
            first.get_or_insert(made);
        }
        match first {
            Some(first) => Ok(first),
            None => self.ensure_environment(spec, base, None).await,
        }
    }

    async fn ensure_environment(&self, spec: &JobSpec, image: &str, conda: Option<&str>) -> Result<(String, bool)> {
        let version = Digest::of(format!("{image}\n{}", conda.unwrap_or_default()).as_bytes());
        let name = format!("trainyard-{}", spec.project);
        let segments = ["environments", name.as_str(), "versions", &version.hex()[..20]];
        let id = self.workspace.address.id(&segments);
        if self.workspace.find::<Value>(&segments, &READ).await?.is_some() {
            return Ok((id, false));
        }
        let mut properties = json!({"image": image, "osType": "Linux"});
        if let Some(conda) = conda {
            properties["condaFile"] = conda.into();
        }
        let _: Value = self.workspace.make(&segments, json!({"properties": properties}), &MAKE).await?;
        Ok((id, true))
    }
}
