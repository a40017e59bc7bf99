//! Scoring images: an OCI image layout in a folder, written here without any container tool.
//!
//! ```text
//! images/oci-layout, index.json, blobs/sha256/<hex>     the layout; `skopeo inspect oci:images:<project>:<short digest>`
//! images/builds/<build>.json                            how a build ended
//! ```
//!
//! An image has two layers, the model (`app/model/<file>`) and the code (`app/<files of the snapshot>`). Everything in
//! it follows from what was asked for: no run, no time, no user, so that the same inputs give the same digest.
//!
//! It has **no base**. On one machine Python comes from the environment that the image's label
//! `trainyard.environment` names (the digest of its dependency file, which is in the image), not from the image. The
//! entry point is right for a base with that environment; without one the image is content and settings, no more.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use pipeline::effect::BuildSpec;
use pipeline::names::{BuildName, Digest};
use runner::ports::{Artifacts, BuildStatus, Images, PortError, Result};

use self::content::Refusal;
use self::layout::Layout;

mod content;
mod layout;
mod oci;
#[cfg(test)]
mod tests;
mod unpack;

pub use self::unpack::{Caps, Unpacked};

const BACKEND: &str = "the local images";

/// Scoring images on one machine.
#[derive(Debug, Clone)]
pub struct LocalImages {
    layout: Arc<Layout>,
    artifacts: Arc<dyn Artifacts>,
    caps: Caps,
}

impl LocalImages {
    /// The images in this folder, which is made if need be. Snapshots and models are taken from the artifacts.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written, or holds something else.
    pub fn open(folder: impl Into<PathBuf>, artifacts: Arc<dyn Artifacts>) -> io::Result<Self> {
        let layout = Arc::new(Layout::open(folder.into())?);
        Ok(Self { layout, artifacts, caps: Caps::default() })
    }

    /// What may be unpacked at most.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Unpacks an image into a folder that is empty or not there, and answers where its parts are. Every blob is held
    /// against its digest first. The folder appears whole or not at all.
    ///
    /// # Errors
    ///
    /// `Permanent` when the image is not there, is damaged, is larger than the caps, or holds what no image of ours
    /// does (links, devices, paths that lead out of the folder); `Transient` when the disk says no.
    pub async fn unpack(&self, image: &Digest, to: &Path) -> Result<Unpacked> {
        let layout = Arc::clone(&self.layout);
        let (image, to, caps) = (image.clone(), to.to_owned(), self.caps);
        blocking(move || unpack::unpack(&layout, &image, &to, caps)).await
    }

    /// Where the parts of an image are in a folder that it was unpacked into before.
    ///
    /// # Errors
    ///
    /// `Permanent` when the image is not there or is damaged.
    pub async fn parts(&self, image: &Digest, at: &Path) -> Result<Unpacked> {
        let layout = Arc::clone(&self.layout);
        let (image, at) = (image.clone(), at.to_owned());
        blocking(move || unpack::parts(&layout, &image, &at)).await
    }

    async fn recorded(&self, build: &BuildName) -> Result<BuildStatus> {
        let layout = Arc::clone(&self.layout);
        let build = build.clone();
        blocking(move || {
            let recorded = layout.read_record(&build).map_err(|error| layout::disk(&error))?;
            Ok(match recorded {
                // Whoever emptied the folder of blobs gets the image again, not a record of it.
                Some(BuildStatus::Built { digest }) if !layout.has(&digest) => BuildStatus::Unknown,
                Some(status) => status,
                None => BuildStatus::Unknown,
            })
        })
        .await
    }
}

impl fmt::Display for LocalImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BACKEND} in {}", self.layout.folder().display())
    }
}

#[async_trait]
impl Images for LocalImages {
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus> {
        let recorded = self.recorded(&build.name).await?;
        if recorded != BuildStatus::Unknown {
            return Ok(recorded);
        }
        let snapshot = self.artifacts.get(&build.source).await?;
        let model = self.artifacts.get(&build.model.digest).await?;

        let layout = Arc::clone(&self.layout);
        let build = build.clone();
        blocking(move || {
            let status = match write_image(&layout, &build, &snapshot, &model) {
                Ok(digest) => BuildStatus::Built { digest },
                Err(Refusal::Spec(reason)) => BuildStatus::Failed { reason },
                Err(Refusal::Disk(error)) => return Err(layout::disk(&error)),
            };
            layout.write_record(&build.name, &status).map_err(|error| layout::disk(&error))?;
            Ok(status)
        })
        .await
    }

    async fn status(&self, build: &BuildName) -> Result<BuildStatus> {
        self.recorded(build).await
    }

    async fn has(&self, image: &Digest) -> Result<bool> {
        let layout = Arc::clone(&self.layout);
        let image = image.clone();
        blocking(move || Ok(layout.has(&image))).await
    }
}

fn write_image(layout: &Layout, build: &BuildSpec, snapshot: &[u8], model: &[u8]) -> Result<Digest, Refusal> {
    let content = content::choose(build, snapshot)?;
    let layers = [content::model_layer(build, model)?, content::code_layer(&content.files)?];
    let mut descriptors = Vec::with_capacity(layers.len());
    for layer in &layers {
        descriptors.push(layout.put(oci::LAYER, layer)?);
    }
    let config = oci::config(build, &content.environment, &descriptors);
    let config = layout.put(oci::CONFIG, &oci::to_bytes(&config))?;
    let manifest = oci::manifest(build, &content.environment, config, descriptors);
    let manifest = layout.put(oci::MANIFEST, &oci::to_bytes(&manifest))?;
    let digest = manifest.digest.clone();
    layout.name(manifest, &oci::reference(&build.project, &digest))?;
    Ok(digest)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(PortError::transient(BACKEND, format!("the work was given up: {error}"))),
    }
}
