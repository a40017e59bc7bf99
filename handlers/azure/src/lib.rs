//! Azure's services and the code hosts, as backends of the runner's ports.
//!
//! | Folder | Talks to | For the port |
//! | --- | --- | --- |
//! | `azure_devops/` | Azure Repos, Azure Pipelines, Azure Test Plans | `Source`: what people are told, changed files, the gate of a branch |
//! | `github/` | GitHub and GitHub Enterprise Server | `Source`: what people are told, changed files |
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
//! | `credential/` | Entra ID, the managed identity's endpoint, the Azure CLI, GitHub's installation tokens | |
//! | `http/` | one client for all of them: tokens, limits, errors in people's words, recorded exchanges | |
//!
//! A thing that is gone (a commit after a forced push, a closed repository's pull request) is no error when people were
//! only to be told something: nobody would look there.

mod azure_devops;
mod azure_ml;
mod blob;
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
mod resource_manager;
mod service_bus;
mod text;

pub use azure_devops::{AzureDevops, DevopsRepository, DevopsSettings, StatusPolicy};
pub use credential::{Anybody, Cloud, Credential, GithubApp, Hosts, Identity, PersonalAccessToken, Token};
pub use github::{Github, GithubRepository, GithubSettings, Shown};
pub use key_vault::{KeyVault, KeyVaultSettings};
pub use resource_manager::{Doctor, DoctorSettings, Finding, Place, ResourceManager, ResourceManagerSettings};
