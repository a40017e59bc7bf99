//! What each step needs: the actions that its calls take, and the built-in role that has them.
//!
//! Source: [Azure built-in roles](https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).

use serde::{Deserialize, Serialize};

use crate::roles;

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
    /// The same workspace, where its compute cluster is ours to make.
    Computes,
    /// The registry that builds and keeps images.
    Registry,
    /// The registry that production pulls from, where it is another one.
    ProductionRegistry,
    /// The cluster of Azure Kubernetes Service.
    Cluster,
    /// The namespace in it that releases are in.
    Namespace,
    /// The same namespace, where a gateway's routes give the requests to releases.
    Routes,
    /// The identity that pulls images, where a release is given one.
    PullIdentity,
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
    /// The role and what it is for, in the words of a call that is refused.
    pub right: &'static str,
    /// Actions on resources.
    pub actions: &'static [&'static str],
    /// Actions on what is in them.
    pub data_actions: &'static [&'static str],
}

/// All of it, one entry a role.
pub(super) const NEEDS: [Need; 18] = [
    Need {
        steps: "provision",
        place: Place::Infrastructure,
        right: roles::INFRASTRUCTURE,
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
        place: Place::Computes,
        right: roles::COMPUTE,
        actions: &[
            "Microsoft.MachineLearningServices/workspaces/computes/read",
            "Microsoft.MachineLearningServices/workspaces/computes/write",
        ],
        data_actions: &[],
    },
    Need {
        steps: "train, evaluate, register and deploy",
        place: Place::Workspace,
        right: roles::WORKSPACE,
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
        right: roles::WORKSPACE,
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
        right: roles::WORKSPACE,
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
        right: roles::TASKS,
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
        steps: "package and deploy",
        place: Place::Registry,
        right: roles::PULL,
        actions: &["Microsoft.ContainerRegistry/registries/pull/read"],
        data_actions: &[],
    },
    Need {
        steps: "package",
        place: Place::Registry,
        right: roles::PUSH,
        actions: &["Microsoft.ContainerRegistry/registries/push/write"],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::ProductionRegistry,
        right: roles::IMPORT,
        actions: &["Microsoft.ContainerRegistry/registries/importImage/action"],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::ContainerInstances,
        right: roles::CONTAINER_GROUPS,
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
        right: roles::CLUSTER,
        actions: &["Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"],
        data_actions: &[],
    },
    Need {
        steps: "deploy",
        place: Place::Namespace,
        right: roles::NAMESPACE,
        actions: &[],
        data_actions: &[
            "Microsoft.ContainerService/managedClusters/apps/deployments/read",
            "Microsoft.ContainerService/managedClusters/apps/deployments/write",
            "Microsoft.ContainerService/managedClusters/apps/deployments/delete",
            "Microsoft.ContainerService/managedClusters/services/read",
            "Microsoft.ContainerService/managedClusters/services/write",
            "Microsoft.ContainerService/managedClusters/pods/read",
        ],
    },
    Need {
        steps: "deploy",
        place: Place::Routes,
        right: roles::ROUTES,
        actions: &[],
        data_actions: &[
            "Microsoft.ContainerService/managedClusters/customresources/read",
            "Microsoft.ContainerService/managedClusters/customresources/write",
        ],
    },
    Need {
        steps: "deploy",
        place: Place::PullIdentity,
        right: roles::PULL_IDENTITY,
        actions: &["Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"],
        data_actions: &[],
    },
    Need {
        steps: "every step",
        place: Place::Storage,
        right: roles::BLOBS,
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
        right: roles::SEND,
        actions: &[],
        data_actions: &["Microsoft.ServiceBus/namespaces/messages/send/action"],
    },
    Need {
        steps: "every step",
        place: Place::ServiceBus,
        right: roles::RECEIVE,
        actions: &[],
        data_actions: &["Microsoft.ServiceBus/namespaces/messages/receive/action"],
    },
    Need {
        steps: "deploy and smoke_test",
        place: Place::Vault,
        right: roles::SECRETS,
        actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_action_has_two_roles_and_every_role_is_named_with_its_place() {
        let mut roles_of = BTreeMap::new();
        for need in &NEEDS {
            assert!(roles::name(need.right).len() < need.right.len(), "{}", need.right);
            for action in need.actions.iter().chain(need.data_actions) {
                let other = roles_of.insert((need.place, *action), need.right);
                assert_eq!(other, None, "{action} at {:?} has another role, too: {}", need.place, need.right);
            }
        }
    }
}
