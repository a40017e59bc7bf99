//! What can be wrong with a repository, in sentences.

use std::path::PathBuf;

use pipeline::names::{Branch, CommitId, Project};
use runner::ports::PortError;
use runner::snapshot::SnapshotError;

use super::BACKEND;

/// Why a repository does not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nobody registered it.
    #[error("there is no project {project}: push it first (`trainyard push DIR`), or register its repository")]
    UnknownProject {
        /// Which.
        project: Project,
    },
    /// There is no repository.
    #[error("{} is not a git repository ({why}); `git init` makes one, and a delivery needs a commit", .path.display())]
    NotARepository {
        /// Where it should be.
        path: PathBuf,
        /// What was seen.
        why: String,
    },
    /// It has no such branch.
    #[error("{} has no branch {branch}; {known}", .path.display())]
    UnknownBranch {
        /// Which repository.
        path: PathBuf,
        /// Which branch.
        branch: Branch,
        /// The branches that it has.
        known: String,
    },
    /// It has no such tag.
    #[error("{} has no tag {tag}; was it deleted, or never fetched?", .path.display())]
    UnknownTag {
        /// Which repository.
        path: PathBuf,
        /// Which tag.
        tag: String,
    },
    /// It has no such commit.
    #[error("{} has no commit {commit}; was it removed by a forced push, or never fetched?", .path.display())]
    UnknownCommit {
        /// Which repository.
        path: PathBuf,
        /// Which commit.
        commit: CommitId,
    },
    /// Something in the commit has no place in a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Anything else.
    #[error("{}: {what}", .path.display())]
    Broken {
        /// Which repository.
        path: PathBuf,
        /// What happened.
        what: String,
    },
}

impl From<SourceError> for PortError {
    fn from(error: SourceError) -> Self {
        Self::permanent(BACKEND, error)
    }
}
