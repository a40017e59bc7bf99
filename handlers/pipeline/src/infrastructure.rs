//! Infrastructure as a repository declares it, and what becomes of it.

use serde::{Deserialize, Serialize};

use crate::names::{CommitId, InfrastructureName, Project};

/// A declaration in a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InfrastructureSpec {
    /// Applying a name twice is the same as applying it once.
    pub name: InfrastructureName,
    /// Whose.
    pub project: Project,
    /// The commit that declares it.
    pub commit: CommitId,
    /// The file that declares it, as a path in the repository.
    pub template: String,
    /// The file of its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
}

/// What applying a declaration would do to one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// The resource: its type and name.
    pub resource: String,
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is not there yet.
    Create,
    /// It is there, and will be another.
    Modify,
    /// It is there, and goes.
    Delete,
    /// It is there and is written again; nobody knows whether that changes it.
    Deploy,
    /// Nobody can tell.
    Unsupported,
    /// It is there as it is declared.
    NoChange,
    /// It is there and not declared; it stays.
    Ignore,
}

impl ChangeKind {
    /// The word for it, as it stands before a resource.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Deploy => "write again",
            Self::Unsupported => "cannot tell about",
            Self::NoChange => "leave unchanged",
            Self::Ignore => "leave alone",
        }
    }

    /// Whether anything may be another afterwards.
    #[must_use]
    pub fn is_change(self) -> bool {
        !matches!(self, Self::NoChange | Self::Ignore)
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.resource)
    }
}
