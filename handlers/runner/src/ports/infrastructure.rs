//! Infrastructure as code.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use async_trait::async_trait;
use pipeline::infrastructure::Change;
use pipeline::names::{InfrastructureName, Project};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Result;

/// What a repository declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declaration {
    /// The name of this application of it.
    pub name: InfrastructureName,
    /// Whose. The backend's settings say where a project's resources go, never the repository.
    pub project: Project,
    /// In the backend's language.
    pub template: Value,
    /// Its parameters by name.
    pub parameters: Value,
}

/// How the look ahead does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PlanStatus {
    /// It takes its time.
    Running {
        /// What [`Infrastructure::planned`] is asked with.
        operation: String,
    },
    /// It is known what would happen.
    Planned {
        /// To each resource.
        changes: Vec<Change>,
    },
    /// The declaration cannot be applied.
    Invalid {
        /// Why.
        reason: String,
    },
    /// This backend applies no infrastructure; nothing is wrong.
    NotHere {
        /// Where it would be.
        reason: String,
    },
}

/// How an application does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ApplyStatus {
    /// No such application.
    Unknown,
    /// At work.
    Running,
    /// What was declared is there.
    Applied {
        /// What it says of itself, without what is secret.
        outputs: BTreeMap<String, String>,
    },
    /// It could not be applied, or not all of it.
    Failed {
        /// Why: the innermost reason.
        reason: String,
    },
    /// This backend applies no infrastructure; nothing is wrong.
    NotHere {
        /// Where it would be.
        reason: String,
    },
}

/// Makes the world as a repository declares it. What is not declared stays: nothing is ever removed for being left out.
#[async_trait]
pub trait Infrastructure: Debug + Display + Send + Sync {
    /// Begins to look what applying would do. It changes nothing, so a repeat is harmless.
    async fn plan(&self, declaration: &Declaration) -> Result<PlanStatus>;

    /// How a look ahead does that was running. One that is not known any more is a `Permanent` error.
    async fn planned(&self, operation: &str) -> Result<PlanStatus>;

    /// Applies a name once, however often it is asked; answers how that does.
    async fn apply(&self, declaration: &Declaration) -> Result<ApplyStatus>;

    /// How an application does.
    async fn status(&self, project: &Project, name: &InfrastructureName) -> Result<ApplyStatus>;

    /// Ends an application. What it has made stays. One that has ended or is unknown stays as it is.
    async fn cancel(&self, project: &Project, name: &InfrastructureName) -> Result<()>;
}
