//! What every way of serving a release has in common: the container that is run, where its image is pulled from, what
//! things are called, and how a model is asked.
//!
//! ```text
//! release --Promote--> pullable reference --Container--> a container group, or a Deployment of Kubernetes
//! call --> Caller --> POST <address>/score
//! ```
//!
//! [`ByEnvironment`] puts several backends behind one port: `qa` on Container Instances, `prod` on Kubernetes.

use std::sync::Arc;

mod by_environment;
mod caller;
mod container;
mod image;
mod log;
mod names;
mod secrets;
#[cfg(test)]
mod tests;

pub use by_environment::ByEnvironment;
pub use caller::ApiKey;
pub use image::{ImageSettings, Promote};
pub use secrets::EnvironmentSecrets;

pub(crate) use caller::{Caller, ask, below};
pub(crate) use container::{Container, HEALTH_PATH, PORT, SCORE_PATH};
pub(crate) use image::Puller;
pub(crate) use log::chunk;
pub(crate) use names::{filled, name};

/// What a backend is joined with.
#[derive(Debug, Clone, Default)]
pub struct ServingParts {
    /// Brings an image to where the environment pulls it from; without it images are where settings say.
    pub promote: Option<Arc<dyn Promote>>,
    /// Where secrets come from; needed when settings name one.
    pub secrets: Option<EnvironmentSecrets>,
}
