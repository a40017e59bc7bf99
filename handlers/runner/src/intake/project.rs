//! What is known of a project between its runs.

use std::collections::BTreeMap;

use pipeline::names::{Branch, CommitId, Project, RunId};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::ports::{Expect, PortError};
use crate::records::parse;
use crate::retrain::Retraining;
use crate::runner::Runner;

/// What is known of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectDocument {
    /// The last run's number.
    pub last_number: u64,
    /// Its branches.
    #[serde(default)]
    pub branches: BTreeMap<Branch, BranchRecord>,
    /// When its model is trained again by itself.
    #[serde(default, skip_serializing_if = "Retraining::is_default")]
    pub retraining: Retraining,
}

/// What is known of a branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The last commit that a run was started for.
    pub head: Option<CommitId>,
    /// The newest run of this branch, which a newer one supersedes.
    pub newest: Option<RunId>,
}

impl Runner {
    /// What is known of it, and what its document must be like when it is written.
    pub(super) async fn project(&self, project: &Project) -> Result<(ProjectDocument, Expect), PortError> {
        let key = keys::project(project);
        match self.ports.store.get(&key).await? {
            Some(document) => Ok((parse(&key, &document.body)?, Expect::Version(document.version))),
            None => Ok((ProjectDocument::default(), Expect::Absent)),
        }
    }
}
