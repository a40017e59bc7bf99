//! Azure's services and the code hosts, as backends of the runner's ports.
//!
//! | Folder | Talks to | For the port |
//! | --- | --- | --- |
//! | `azure_devops/` | Azure Repos, Azure Pipelines, Azure Test Plans | `Source`, and the gate of a branch |
//! | `github/` | GitHub and GitHub Enterprise Server | `Source`, and deliveries that failed |
//! | `repositories/` | | `Source`: each project's own; how a commit of a code host becomes a snapshot |
//! | `azure_ml/` | Azure Machine Learning | `JobPlatform`, `ModelRegistry`, `Deployments` (online endpoints) |
//! | `blob/` | Azure Blob Storage | `Store`, `Artifacts` |
//! | `container_instances/` | Azure Container Instances | `Deployments` |
//! | `container_registry/` | Azure Container Registry and its tasks | `Images`, `JobPlatform` (checks and image tests) |
//! | `databricks/` | Azure Databricks | `JobPlatform` |
//! | `key_vault/` | Azure Key Vault | `Secrets` |
//! | `kubernetes/` | Azure Kubernetes Service and its API server | `Deployments` |
//! | `launcher/` | the program that runs a job's commands on a machine that is not ours | |
//! | `resource_manager/` | Azure Resource Manager | `Infrastructure` |
//! | `service_bus/` | Azure Service Bus | `Bus` |
//! | `serving/` | models that serve | what ways of serving have in common; one backend of `Deployments` for each environment |
//! | `credential/` | Entra ID, the managed identity's endpoint, the Azure CLI, GitHub's installation tokens | |
//! | `http/` | one client for all of them: tokens, limits, errors in people's words, recorded exchanges | |
//!
//! A thing that is gone (a commit after a forced push, a closed repository's pull request) is no error when people were
//! only to be told something: nobody would look there.

mod azure_devops;
mod azure_ml;
mod blob;
mod by_step;
mod container_instances;
mod container_registry;
mod credential;
mod databricks;
mod github;
mod http;
mod key_vault;
mod kubernetes;
mod launcher;
mod mark;
mod metrics;
mod repositories;
mod resource_id;
mod resource_manager;
mod roles;
mod service_bus;
mod serving;
mod text;

pub use azure_devops::{AzureDevops, DevopsRepository, DevopsSettings, StatusPolicy};
pub use azure_ml::{
    AzureMl, AzureMlCluster, AzureMlCompute, AzureMlSettings, BatchData, BatchEndpointSettings, BatchEndpointTraining,
    BatchInput, BatchOutput, ExistingTraining, OnlineEndpoints, OnlineEndpointsSettings, PublishedPipeline,
    PublishedPipelineSettings, PublishedPipelineTraining, TrainingResult,
};
pub use blob::{BlobSettings, BlobStorage};
pub use by_step::ByStep;
pub use container_instances::{ContainerInstances, ContainerInstancesSettings, Pull};
pub use container_registry::{Promotion, RegistryImages, RegistryJobs, RegistrySettings};
pub use credential::{Anybody, Cloud, Credential, GithubApp, Hosts, Identity, PersonalAccessToken, Token};
pub use databricks::{DatabricksCluster, DatabricksGit, DatabricksJobs, DatabricksSettings, DatabricksTraining};
pub use github::{
    Github, GithubDeliveries, GithubHook, GithubHookSettings, GithubRepository, GithubSettings, MissedDelivery,
    Redelivered, Shown,
};
pub use key_vault::{KeyVault, KeyVaultSettings};
pub use kubernetes::{Kubernetes, KubernetesSettings, RouteSettings, ServiceKind};
pub use repositories::Repositories;
pub use resource_manager::{Doctor, DoctorSettings, Finding, Place, ResourceManager, ResourceManagerSettings};
pub use service_bus::{ConnectionString, ServiceBus, ServiceBusSettings, ServiceBusTransport};
pub use serving::{ApiKey, ByEnvironment, EnvironmentSecrets, ImageSettings, Promote, ServingParts};
