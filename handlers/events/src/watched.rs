//! What we take events from. Whoever can send to a queue or knows a password can send anything; a fact is acted upon when
//! it is about something that is on this list.
//!
//! Names are not enough: two repositories can look alike, and a host can begin like ours. So repositories are known by
//! their ids, hosts by the whole name, Azure's resources by their ids, without case.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::fact::{Fact, Host, ModelRegistry, Project, Repository};
use crate::names::{ArmId, HostName};
use crate::reading::{Notice, Reading, Refusal};
use crate::text::{part, quoted};

/// The allow list. What is not on it is not acted upon; an empty one allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watched {
    /// Repositories.
    pub repositories: Vec<WatchedRepository>,
    /// Projects of Azure DevOps, by id: for builds, runs and approvals that name no repository.
    pub projects: Vec<String>,
    /// Azure Machine Learning workspaces.
    pub workspaces: Vec<ArmId>,
    /// Container registries.
    pub registries: Vec<WatchedRegistry>,
    /// Storage accounts.
    pub storage_accounts: Vec<ArmId>,
    /// Databricks workspaces, by number.
    pub databricks_workspaces: Vec<String>,
    /// Other resources whose availability matters: clusters, endpoints.
    pub resources: Vec<ArmId>,
}

/// A repository that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedRepository {
    /// Who hosts it.
    pub host: Host,
    /// Its id there.
    pub id: String,
}

/// A container registry that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedRegistry {
    /// Its host.
    pub host: HostName,
    /// Its id in Azure, which events through Event Grid must have; None for a registry whose web hooks alone are read.
    #[serde(default)]
    pub id: Option<ArmId>,
}

impl Watched {
    /// Whether a fact may be acted upon.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when it is about something that is not on the list. A repository or a resource that happens to send
    /// along with ours is ignored; what claims to be a registry, a workspace or an account of ours is kept for a person.
    pub fn admit(&self, notice: &Notice) -> Result<(), Refusal> {
        match &notice.fact {
            Fact::Pushed(push) => self.repository(Some(&push.repository), None),
            Fact::PullRequestChanged(pull_request) => self.repository(Some(&pull_request.repository), None),
            Fact::CheckRequested(check) => self.repository(Some(&check.repository), None),
            Fact::PushAnnounced(push) => self.repository(push.repository.as_ref(), None),
            Fact::BuildCompleted(build) => self.repository(build.repository.as_ref(), build.project.as_ref()),
            Fact::PipelineRunChanged(run) => self.repository(None, run.project.as_ref()),
            Fact::ApprovalChanged(approval) => self.repository(None, approval.project.as_ref()),
            Fact::JobChanged(job) => one_of(&self.workspaces, &job.workspace),
            Fact::ModelDeployed(deployment) => one_of(&self.workspaces, &deployment.workspace),
            Fact::DataDrifted(drift) => one_of(&self.workspaces, &drift.workspace),
            Fact::ModelRegistered(model) => self.model_registry(&model.registry),
            Fact::ModelAliased(alias) => self.model_registry(&alias.registry),
            Fact::ModelTagged(tag) => self.model_registry(&tag.registry),
            Fact::ImagePushed(image) | Fact::ImageQuarantined(image) | Fact::ImageDeleted(image) => {
                self.registry(image.registry.as_ref(), image.registry_id.as_ref())
            }
            Fact::ChartPushed(chart) | Fact::ChartDeleted(chart) => {
                self.registry(chart.registry.as_ref(), chart.registry_id.as_ref())
            }
            Fact::BlobCreated(blob) | Fact::BlobDeleted(blob) => one_of(&self.storage_accounts, &blob.account),
            Fact::DatabricksRunChanged(run) => self.databricks(&run.workspace),
            Fact::AvailabilityChanged(health) => self.resource(&health.resource),
            Fact::SubscriptionValidation { .. } | Fact::SubscriptionDeleted { .. } | Fact::Pinged { .. } => Ok(()),
        }
    }

    /// The readings of a body, with what is not on the list set aside.
    #[must_use]
    pub fn sift(&self, readings: Vec<Reading>) -> Vec<Reading> {
        let sift = |reading| match reading {
            Reading::Read(notice) => match self.admit(&notice) {
                Ok(()) => Reading::Read(notice),
                Err(refusal) => {
                    let fact = || serde_json::to_value(&notice.fact).ok().map(|fact| part(&fact));
                    refusal.into_reading(Some(notice.envelope.clone()), fact)
                }
            },
            other => other,
        };
        readings.into_iter().map(sift).collect()
    }

    fn repository(&self, repository: Option<&Repository>, project: Option<&Project>) -> Result<(), Refusal> {
        let known = |repository: &Repository| {
            self.repositories
                .iter()
                .any(|watched| watched.host == repository.host && watched.id.eq_ignore_ascii_case(&repository.id))
        };
        let ours = |project: &Project| self.projects.iter().any(|watched| watched.eq_ignore_ascii_case(&project.id));
        if repository.is_some_and(known) || project.is_some_and(ours) {
            return Ok(());
        }
        let id = repository.map(|repository| &repository.id).or(project.map(|project| &project.id));
        let reason = match id {
            Some(id) => format!("nobody watches the repository or project {}", quoted(id)),
            None => "the event names neither a repository nor a project".to_owned(),
        };
        Err(Refusal::ignore(Code::RepoNotAllowed, reason))
    }

    /// Both the host and the id have to be those of the same registry; Event Grid tells the id always, a web hook the
    /// host.
    fn registry(&self, host: Option<&HostName>, id: Option<&ArmId>) -> Result<(), Refusal> {
        let same_host = |watched: &WatchedRegistry| host.is_none_or(|host| watched.host.is(host));
        let same_id =
            |watched: &WatchedRegistry| id.is_none_or(|id| watched.id.as_ref().is_some_and(|watched| watched.is(id)));
        let named = host.is_some() || id.is_some();
        if named && self.registries.iter().any(|watched| same_host(watched) && same_id(watched)) {
            return Ok(());
        }
        let host = host.map_or("", HostName::as_str);
        let id = id.map_or("", ArmId::as_str);
        let reason = format!("nobody watches the registry {} with the id {}", quoted(host), quoted(id));
        Err(Refusal::quarantine(Code::RegistryNotAllowed, reason))
    }

    fn model_registry(&self, registry: &ModelRegistry) -> Result<(), Refusal> {
        match registry {
            ModelRegistry::AzureMl(workspace) => one_of(&self.workspaces, workspace),
            // Its secret says that it is ours.
            ModelRegistry::Mlflow(_) => Ok(()),
        }
    }

    fn databricks(&self, workspace: &str) -> Result<(), Refusal> {
        if self.databricks_workspaces.iter().any(|watched| watched == workspace) {
            return Ok(());
        }
        let reason = format!("nobody watches the Databricks workspace {}", quoted(workspace));
        Err(Refusal::quarantine(Code::TopicNotAllowed, reason))
    }

    /// Health comes for a whole subscription, so most of it is about others.
    fn resource(&self, resource: &ArmId) -> Result<(), Refusal> {
        let registries = self.registries.iter().filter_map(|registry| registry.id.as_ref());
        let mut all = self.resources.iter().chain(&self.workspaces).chain(&self.storage_accounts).chain(registries);
        if all.any(|watched| watched.is(resource)) {
            return Ok(());
        }
        let reason = format!("nobody watches the resource {}", quoted(resource.as_str()));
        Err(Refusal::ignore(Code::TopicNotAllowed, reason))
    }
}

fn one_of(watched: &[ArmId], resource: &ArmId) -> Result<(), Refusal> {
    if watched.iter().any(|watched| watched.is(resource)) {
        return Ok(());
    }
    let reason = format!("nobody watches {}", quoted(resource.as_str()));
    Err(Refusal::quarantine(Code::TopicNotAllowed, reason))
}
