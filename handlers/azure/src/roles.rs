//! What an identity needs, each in one text, so that a call that is refused and the doctor, who looks before, give the
//! same advice: `<role> on <what>`. The doctor's table is `resource_manager/needs.rs`.
//!
//! Source: [Azure built-in roles](https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).

pub(crate) const INFRASTRUCTURE: &str = "Contributor on the resource group";
pub(crate) const INFRASTRUCTURE_WITH_ROLES: &str =
    "Contributor on the resource group (and Role Based Access Control Administrator, if the template assigns roles)";

pub(crate) const WORKSPACE: &str = "AzureML Data Scientist on the workspace";
/// A data scientist may make everything in a workspace but what it runs on.
pub(crate) const COMPUTE: &str = "AzureML Compute Operator on the workspace";
pub(crate) const WORKSPACE_WITH_IDENTITY: &str =
    "AzureML Data Scientist on the workspace, and Managed Identity Operator on the identity that pulls the image";

pub(crate) const TASKS: &str = "Container Registry Tasks Contributor on the registry";
pub(crate) const PULL: &str =
    "AcrPull on the registry (Container Registry Repository Reader where roles are by repository)";
pub(crate) const PUSH: &str =
    "AcrPush on the registry (Container Registry Repository Writer where roles are by repository)";
pub(crate) const IMPORT: &str =
    "Container Registry Data Importer and Data Reader on the registry, and AcrPull on the one that the image is in";

pub(crate) const CONTAINER_GROUPS: &str = "Azure Container Instances Contributor Role on the resource group";
pub(crate) const CONTAINER_GROUPS_WITH_IDENTITY: &str = "Azure Container Instances Contributor Role on the resource \
     group, and Managed Identity Operator on the identity that pulls the image";
pub(crate) const PULL_IDENTITY: &str = "Managed Identity Operator on the identity that pulls the image";

pub(crate) const CLUSTER: &str = "Azure Kubernetes Service Cluster User Role on the cluster";
pub(crate) const NAMESPACE: &str = "Azure Kubernetes Service RBAC Writer on the namespace";
/// Routes are custom resources, which the writer's role leaves out.
pub(crate) const ROUTES: &str = "Azure Kubernetes Service RBAC Admin on the namespace (or a role of your own with \
     managedClusters/customresources/read and /write)";

pub(crate) const BLOBS: &str = "Storage Blob Data Contributor on the container";
pub(crate) const BLOB_CONTAINERS: &str = "Storage Blob Data Contributor on the storage account";
pub(crate) const SEND: &str = "Azure Service Bus Data Sender on the namespace";
pub(crate) const RECEIVE: &str = "Azure Service Bus Data Receiver on the namespace";
pub(crate) const SECRETS: &str = "Key Vault Secrets User on the vault";

/// The name of the role that a text begins with.
pub(crate) fn name(text: &'static str) -> &'static str {
    text.split_once(" on ").map_or(text, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_texts_name_the_same_roles_as_shorter_ones() {
        for (long, parts) in [
            (INFRASTRUCTURE_WITH_ROLES, vec![INFRASTRUCTURE]),
            (WORKSPACE_WITH_IDENTITY, vec![WORKSPACE, PULL_IDENTITY]),
            (CONTAINER_GROUPS_WITH_IDENTITY, vec![CONTAINER_GROUPS, PULL_IDENTITY]),
            (IMPORT, vec![name(PULL)]),
        ] {
            assert!(parts.iter().all(|part| long.contains(part)), "{long}: {parts:?}");
        }
        assert_eq!(name(BLOBS), name(BLOB_CONTAINERS));
        assert_eq!(name(IMPORT), "Container Registry Data Importer and Data Reader");
    }
}
