//! What a project takes events from: its repository, the models, data, registries and pipelines that concern it.
//!
//! Names come from people, and events from anybody; what is on this list is acted upon, and nothing else. Repositories
//! are known by their ids and Azure's resources by theirs, for names can be made to look alike.

use std::collections::BTreeMap;

use events::Watched;
use events::fact::Repository;
use events::names::{ArmId, BlobName, ContainerName, ImageRepository};
use events::watched::{WatchedRegistry, WatchedRepository};
use pipeline::names::{ModelName, Project};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::ports::{Expect, Ports, Result};
use crate::records::parse;

/// What one project watches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    /// Its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<WatchedRepository>,
    /// Its project of Azure DevOps, by id: for builds that name no repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devops_project: Option<String>,
    /// The pipeline (its name or number) whose builds stand for our own check. With one, a push starts nothing and a
    /// build that went well does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Azure Machine Learning workspaces: jobs, models, drift.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workspaces: Vec<ArmId>,
    /// Models that are released when somebody registers a version of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelName>,
    /// Container registries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<WatchedRegistry>,
    /// Repositories in those registries whose images are released when somebody pushes one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRepository>,
    /// Data: a retraining follows when something of it is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<WatchedData>,
    /// Databricks workspaces, by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databricks_workspaces: Vec<String>,
}

/// Blobs that are training data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedData {
    /// The storage account.
    pub account: ArmId,
    /// The container.
    pub container: ContainerName,
    /// What the names of the blobs begin with; empty means all of the container.
    #[serde(default)]
    pub prefix: String,
}

/// What all projects watch: one document, for every event asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchList {
    /// By project.
    pub projects: BTreeMap<Project, Watch>,
}

impl Watch {
    /// Whether this is its repository.
    #[must_use]
    pub fn has_repository(&self, repository: &Repository) -> bool {
        self.repository
            .as_ref()
            .is_some_and(|ours| ours.host == repository.host && ours.id.eq_ignore_ascii_case(&repository.id))
    }

    /// Whether this is the pipeline whose builds stand for our own check.
    pub(crate) fn has_pipeline(&self, name: Option<&str>, number: Option<u64>) -> bool {
        self.build.as_deref().is_some_and(|pipeline| {
            let is_name = name.is_some_and(|name| name.eq_ignore_ascii_case(pipeline));
            is_name || number.is_some_and(|number| number.to_string() == pipeline)
        })
    }

    /// Whether this blob is data of its.
    #[must_use]
    pub fn has_data(&self, account: &ArmId, container: &ContainerName, blob: &BlobName) -> bool {
        self.data.iter().any(|data| {
            data.account.is(account) && data.container == *container && blob.as_str().starts_with(&data.prefix)
        })
    }
}

impl WatchList {
    /// The list as it is kept.
    ///
    /// # Errors
    ///
    /// The store is away, or the document is not ours.
    pub async fn load(ports: &Ports) -> Result<Self> {
        Ok(Self::read(ports).await?.0)
    }

    /// Sets what a project watches; None: nothing more.
    ///
    /// # Errors
    ///
    /// The store is away, or somebody else changed the list again and again.
    pub async fn set(ports: &Ports, project: &Project, watch: Option<Watch>) -> Result<()> {
        let (mut list, expect) = Self::read(ports).await?;
        match watch {
            Some(watch) => list.projects.insert(project.clone(), watch),
            None => list.projects.remove(project),
        };
        let body = serde_json::to_vec(&list).expect("a list is plain data");
        ports.store.put(keys::WATCH_LIST, body, expect).await.map(|_| ())
    }

    /// What may be acted upon at all.
    #[must_use]
    pub fn watched(&self) -> Watched {
        let mut all = Watched::default();
        for watch in self.projects.values() {
            all.repositories.extend(watch.repository.clone());
            all.projects.extend(watch.devops_project.clone());
            all.workspaces.extend(watch.workspaces.iter().cloned());
            all.registries.extend(watch.registries.iter().cloned());
            all.storage_accounts.extend(watch.data.iter().map(|data| data.account.clone()));
            all.databricks_workspaces.extend(watch.databricks_workspaces.iter().cloned());
        }
        all
    }

    async fn read(ports: &Ports) -> Result<(Self, Expect)> {
        match ports.store.get(keys::WATCH_LIST).await? {
            Some(document) => Ok((parse(keys::WATCH_LIST, &document.body)?, Expect::Version(document.version))),
            None => Ok((Self::default(), Expect::Absent)),
        }
    }
}
