//! Builds of Azure Pipelines.

use pipeline::names::Project;
use runner::ports::{Build, BuildLookup, BuildResult, Result};
use serde::Deserialize;

use super::AzureDevops;
use crate::http::{Call, CallError, Kind, Right};

const READ_BUILDS: Right = Right { action: "read a build", scope: "vso.build", role: "View builds (pipeline)" };

/// `Build`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    source_branch: Option<String>,
    #[serde(default)]
    source_version: Option<String>,
    definition: Definition,
    #[serde(default)]
    repository: Option<Repository>,
}

/// `DefinitionReference`, as far as we read it.
#[derive(Deserialize)]
struct Definition {
    id: u64,
    #[serde(default)]
    name: String,
}

/// `BuildRepository`, as far as we read it.
#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    id: String,
}

impl AzureDevops {
    /// A build, if it is one of the project's repository.
    pub(super) async fn find_build(&self, project: &Project, number: u64) -> Result<BuildLookup, CallError> {
        // The service counts builds in 32 bits.
        if i32::try_from(number).is_err() {
            return Ok(BuildLookup::Absent);
        }
        let url = self.project(project, &["_apis", "build", "builds", &number.to_string()], &[])?;
        let found: Found = match self.client.read(Call::get(url, &READ_BUILDS)).await {
            Err(error) if error.kind == Kind::Gone => return Ok(BuildLookup::Absent),
            found => found?,
        };
        let ours = self.repository_id(project).await?;
        if !found.repository.is_some_and(|repository| repository.id.eq_ignore_ascii_case(&ours)) {
            return Ok(BuildLookup::Absent);
        }
        let result = match (found.status.as_deref(), found.result.as_deref()) {
            (Some("completed"), Some("succeeded")) => BuildResult::Succeeded,
            (Some("completed"), _) => BuildResult::Failed,
            _ => BuildResult::Running,
        };
        let branch = found.source_branch.as_deref().and_then(|branch| branch.strip_prefix("refs/heads/"));
        Ok(BuildLookup::Found(Build {
            commit: found.source_version.and_then(|commit| commit.parse().ok()),
            branch: branch.and_then(|branch| branch.parse().ok()),
            result,
            pipeline: found.definition.name,
            pipeline_number: found.definition.id,
        }))
    }
}
