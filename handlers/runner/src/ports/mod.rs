//! What the pipeline wants of the outside world, named for that and never for a product.
//!
//! Each trait is small and says what a repeat means. Each backend (embedded, Azure, in memory) passes the same
//! [`conformance`](crate::conformance) functions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod artifacts;
mod bus;
mod clock;
mod deployments;
mod images;
mod infrastructure;
mod jobs;
mod ledger;
mod models;
mod secrets;
mod source;
mod store;

pub use artifacts::Artifacts;
pub use bus::{Bus, Parcel};
pub use clock::{Clock, SystemClock};
pub use deployments::{DeploymentStatus, Deployments};
pub use images::{BuildStatus, Images};
pub use infrastructure::{ApplyStatus, Declaration, Infrastructure, PlanStatus};
pub use jobs::{JobPlatform, JobStatus, LogChunk};
pub use ledger::{Ledger, SaveThenSend, Write};
pub use models::{ModelRegistry, ModelVersion};
pub use secrets::{Secret, Secrets};
pub use source::{Build, BuildLookup, BuildResult, Comment, CommitStatus, Revision, Source, StatusState, TestReport};
pub use store::{Document, Expect, Store};

/// All ports, each chosen by its own setting.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Versioned documents.
    pub store: Arc<dyn Store>,
    /// Messages.
    pub bus: Arc<dyn Bus>,
    /// Documents and messages in one go.
    pub ledger: Arc<dyn Ledger>,
    /// Large objects by digest.
    pub artifacts: Arc<dyn Artifacts>,
    /// Model repositories.
    pub source: Arc<dyn Source>,
    /// Jobs.
    pub jobs: Arc<dyn JobPlatform>,
    /// Model versions.
    pub models: Arc<dyn ModelRegistry>,
    /// Scoring images.
    pub images: Arc<dyn Images>,
    /// What serves.
    pub deployments: Arc<dyn Deployments>,
    /// Infrastructure as code.
    pub infrastructure: Arc<dyn Infrastructure>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a port answers when it cannot do what it was asked. The question it answers: is another try worth it?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PortError {
    /// It may work soon, unchanged.
    #[error("{backend}: {reason}")]
    Transient {
        /// Who says so.
        backend: Cow<'static, str>,
        /// What happened, why, and what to do.
        reason: String,
    },
    /// It will not work, however often it is tried.
    #[error("{backend}: {reason}")]
    Permanent {
        /// Who says so.
        backend: Cow<'static, str>,
        /// What happened, why, and what to do.
        reason: String,
    },
    /// The document is not at the version that was read: load and decide again.
    #[error("{backend}: {key} has changed meanwhile")]
    Conflict {
        /// Who says so.
        backend: Cow<'static, str>,
        /// Which document.
        key: String,
    },
}

impl PortError {
    /// Somebody else wrote first.
    pub fn conflict(backend: &'static str, key: impl Into<String>) -> Self {
        Self::Conflict { backend: backend.into(), key: key.into() }
    }

    /// An error that may be gone soon.
    pub fn transient(backend: &'static str, reason: impl fmt::Display) -> Self {
        Self::Transient { backend: backend.into(), reason: reason.to_string() }
    }

    /// An error that stays.
    pub fn permanent(backend: &'static str, reason: impl fmt::Display) -> Self {
        Self::Permanent { backend: backend.into(), reason: reason.to_string() }
    }
}

/// The result of a port's method.
pub type Result<T, E = PortError> = std::result::Result<T, E>;
