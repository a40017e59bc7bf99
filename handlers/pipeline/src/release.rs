//! Models, images and what is deployed of them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{CommitId, DeploymentName, Digest, JobName, ModelName, RunId};

/// A version in the model registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The model's name.
    pub name: ModelName,
    /// From 1, counted by the registry; 0 for one that is in no registry.
    pub version: u64,
    /// Of the model file.
    pub digest: Digest,
    /// The numbers that it was measured by when it was trained.
    pub metrics: BTreeMap<String, f64>,
}

impl Model {
    /// The model in an image that somebody else built: nobody registered it, so it has no version and no metrics.
    #[must_use]
    pub fn in_image(name: ModelName, image: &Digest) -> Self {
        Self { name, version: 0, digest: image.clone(), metrics: BTreeMap::new() }
    }

    /// Whether the model registry has it.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.version > 0
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_registered() {
            write!(f, "{}:{}", self.name, self.version)
        } else {
            write!(f, "{} of an image from elsewhere", self.name)
        }
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that made it.
    pub run: RunId,
    /// The run's number.
    pub number: u64,
    /// The code.
    pub commit: Option<CommitId>,
    /// The training job.
    pub job: Option<JobName>,
    /// The training data.
    pub data: Option<Digest>,
    /// Who asked for the run.
    pub by: String,
}

/// What was measured of an image under load. Limits of deployments come from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Median latency in milliseconds.
    pub latency_ms_p50: f64,
    /// 95th percentile of the latency in milliseconds.
    pub latency_ms_p95: f64,
    /// Requests answered in a second.
    pub requests_per_second: f64,
    /// Processor cores in use under that load.
    pub cpu_cores: f64,
    /// Peak memory in MiB.
    pub memory_mib: f64,
}

/// What a deployment may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor cores.
    pub cpu_cores: f64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// One image with one model version, on its way out or already there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The deployment's name: made from the run, the environment and the image.
    pub deployment: DeploymentName,
    /// The run that brought it.
    pub run: RunId,
    /// That run's number.
    pub number: u64,
    /// The model in it.
    pub model: Model,
    /// The image.
    pub image: Digest,
    /// Of the environment's settings, so that an approval is for exactly these.
    pub config: Digest,
    /// What it may use.
    pub limits: Limits,
    /// When it took the traffic.
    pub deployed_at: Option<Timestamp>,
    /// Where it is called.
    pub endpoint: Option<String>,
}
