//! What each step needs: the actions that its calls take, and the built-in role that has them.
//!
//! Source: [Azure built-in roles](https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).

use serde::{Deserialize, Serialize};

/// A resource that steps need something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The resource group that infrastructure is applied to.
    Infrastructure,
    /// The resource group that container instances are in.
    ContainerInstances,
    /// The workspace of Azure Machine Learning.
    Workspace,
    /// A workspace whose published pipelines train.
    PublishedPipelines,
    /// A workspace whose batch endpoints train.
    BatchEndpoints,
    /// The registry that builds and keeps images.
    Registry,
    /// The registry that production pulls from, where it is another one.
    ProductionRegistry,
    /// The cluster of Azure Kubernetes Service.
    Cluster,
    /// The storage account of documents and artifacts.
    Storage,
    /// The namespace of Service Bus.
    ServiceBus,
    /// A vault.
    Vault,
}

/// What a step needs.
pub(super) struct Need {
    pub steps: &'static str,
    pub place: Place,
    pub role: &'static str,
    /// Actions on resources.
    pub actions: &'static [&'static str],
    /// Actions on what is in them.
    pub data_actions: &'static [&'static str],
}

/// All of it, one entry a role.
pub(super) const NEEDS: [Need; 15] = [
    Need {
        steps: "provision",
        place: Place::Infrastructure,
        role: "Contributor",
        actions: &[
            "Microsoft.Resources/deployments/read",
            "Microsoft.Resources/deployments/write",
            "Microsoft.Resources/deployments/validate/action",
            "Microsoft.Resources/deployments/whatIf/action",
            "Microsoft.Resources/deployments/cancel/action",
            "Microsoft.Resources/deployments/operations/read",
        ],
        data_actions: &[],
    },
    Need {
        steps: "provision",
        place: Place::Workspace,
        role: "AzureML Compute Operator",
        actions: &[
            "Microsoft.MachineLearningServices/workspaces/computes/read",
            "Microsoft.MachineLearningServices/workspaces/computes/write",
        ],
        data_actions: &[],
    },
    Need {
        steps: "train, evaluate, register and deploy",
        place: Place::Workspace,
        role: "AzureML Data Scientist",
        actions: &[
            "Microsoft.MachineLearningServices/workspaces/jobs/read",
            "Microsoft.MachineLearningServices/workspaces/jobs/write",
            "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action",
            "Microsoft.MachineLearningServices/workspaces/environments/versions/write",
            "Microsoft.MachineLearningServices/workspaces/models/versions/write",
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write",
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
        ],
        data_actions: &[],
    },
    Need {
        steps: "train",
        place: Place::PublishedPipelines,
        role: "AzureML Data Scientist",
        actions: &[
            "Microsoft.MachineLearningServices/workspaces/endpoints/pipelines/read",
            "Microsoft.MachineLearningServices/workspaces/experiments/runs/read",
            "Microsoft.MachineLearningServices/workspaces/experiments/runs/write",
            "Microsoft.MachineLearningServices/workspaces/experiments/runs/submit/action",
            "Microsoft.MachineLearningServices/workspaces/datastores/read",
        ],
        data_actions: &[],
    },
    Need {
        steps: "train",
        place: Place::BatchEndpoints,
        role: "AzureML Data Scientist",
        actions: &[
            "Microsoft.MachineLearningServices/workspaces/batchEndpoints/read",
            "Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs/write",
            "Microsoft.MachineLearningServices/workspaces/experiments/runs/read",
            "Microsoft.MachineLearningServices/workspaces/jobs/read",
            "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action",
            "Microsoft.MachineLearningServices/workspaces/datastores/read",
        ],
        data_actions: &[],
    },
    Need {
        steps: "check, package and test_image",
        place: Place::Registry,
        role: "Container Registry Tasks Contributor",
        actions: &[
            "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
            "Microsoft.ContainerRegistry/registries/taskruns/read",
            "Microsoft.ContainerRegistry/registries/taskruns/write",
            "Microsoft.ContainerRegistry/registries/runs/read",
            "Microsoft.ContainerRegistry/registries/runs/cancel/action",
            "Microsoft.ContainerRegistry/registries/runs/listLogSasUrl/action",
        ],
        data_actions: &[],
    },
    Need {
        steps: "package",
        place: Place::Registry,
        role: "AcrPush",
        actions: &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::ProductionRegistry,
        role: "Container Registry Data Importer and Data Reader",
        actions: &["Microsoft.ContainerRegistry/registries/importImage/action"],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::ContainerInstances,
        role: "Azure Container Instances Contributor Role",
        actions: &[
            "Microsoft.ContainerInstance/containerGroups/read",
            "Microsoft.ContainerInstance/containerGroups/write",
            "Microsoft.ContainerInstance/containerGroups/delete",
            "Microsoft.ContainerInstance/containerGroups/containers/logs/read",
        ],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::Cluster,
        role: "Azure Kubernetes Service Cluster User Role",
        actions: &["Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::Cluster,
        role: "Azure Kubernetes Service RBAC Writer",
        actions: &[],
        data_actions: &[
            "Microsoft.ContainerService/managedClusters/apps/deployments/write",
            "Microsoft.ContainerService/managedClusters/services/write",
        ],
    },
    Need {
        steps: "every step",
        place: Place::Storage,
        role: "Storage Blob Data Contributor",
        actions: &[],
        data_actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
        ],
    },
    Need {
        steps: "every step",
        place: Place::ServiceBus,
        role: "Azure Service Bus Data Sender",
        actions: &[],
        data_actions: &["Microsoft.ServiceBus/namespaces/messages/send/action"],
    },
    Need {
        steps: "every step",
        place: Place::ServiceBus,
        role: "Azure Service Bus Data Receiver",
        actions: &[],
        data_actions: &["Microsoft.ServiceBus/namespaces/messages/receive/action"],
    },
    Need {
        steps: "deploy and smoke_test",
        place: Place::Vault,
        role: "Key Vault Secrets User",
        actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
    },
];
