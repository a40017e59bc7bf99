//! The clouds of Azure: each has hosts and scopes of its own, all of them here.
//!
//! Sources: `azure-cli-core/azure/cli/core/cloud.py` in [Azure/azure-cli](https://github.com/Azure/azure-cli), and
//! [hosts of Azure Machine Learning](https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall).

use std::fmt;
use std::str::FromStr;

use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

/// Which Azure. Named as the Azure CLI names them (`az cloud list`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cloud {
    /// For everyone.
    #[default]
    #[serde(rename = "AzureCloud")]
    Public,
    /// Of the government of the United States.
    #[serde(rename = "AzureUSGovernment")]
    UsGovernment,
    /// In China, operated by 21Vianet.
    #[serde(rename = "AzureChinaCloud")]
    China,
}

/// Where a cloud's services are, and what tokens for them are asked for. Endings of hosts begin with a dot: a name of
/// ours stands before them.
#[derive(Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Microsoft Entra ID, which gives the tokens.
    pub authority: &'static str,
    /// Azure Resource Manager.
    pub resource_manager: &'static str,
    /// Its scope; Azure Machine Learning's tracking takes it, too.
    pub resource_manager_scope: &'static str,
    /// Ending of a storage account's host.
    pub blob: &'static str,
    /// The scope of Blob Storage: the same in all clouds.
    pub blob_scope: &'static str,
    /// Ending of a vault's host.
    pub key_vault: &'static str,
    /// The scope of Key Vault.
    pub key_vault_scope: &'static str,
    /// Ending of a Service Bus namespace's host.
    pub service_bus: &'static str,
    /// The scope of Service Bus: the same in all clouds.
    pub service_bus_scope: &'static str,
    /// Ending of a registry's host.
    pub container_registry: &'static str,
    /// The scope of Container Registry: the same in all clouds.
    pub container_registry_scope: &'static str,
    /// Ending of the host of Azure Machine Learning's tracking; a region stands before it.
    pub azure_ml: &'static str,
    /// The scope of Azure Machine Learning's endpoints.
    pub azure_ml_scope: &'static str,
}

const PUBLIC: Hosts = Hosts {
    authority: "https://login.microsoftonline.com",
    resource_manager: "https://management.azure.com",
    resource_manager_scope: "https://management.azure.com/.default",
    blob: ".blob.core.windows.net",
    blob_scope: "https://storage.azure.com/.default",
    key_vault: ".vault.azure.net",
    key_vault_scope: "https://vault.azure.net/.default",
    service_bus: ".servicebus.windows.net",
    service_bus_scope: "https://servicebus.azure.net/.default",
    container_registry: ".azurecr.io",
    container_registry_scope: "https://containerregistry.azure.net/.default",
    azure_ml: ".api.azureml.ms",
    azure_ml_scope: "https://ml.azure.com/.default",
};

const US_GOVERNMENT: Hosts = Hosts {
    authority: "https://login.microsoftonline.us",
    resource_manager: "https://management.usgovcloudapi.net",
    resource_manager_scope: "https://management.usgovcloudapi.net/.default",
    blob: ".blob.core.usgovcloudapi.net",
    key_vault: ".vault.usgovcloudapi.net",
    key_vault_scope: "https://vault.usgovcloudapi.net/.default",
    service_bus: ".servicebus.usgovcloudapi.net",
    container_registry: ".azurecr.us",
    azure_ml: ".api.ml.azure.us",
    azure_ml_scope: "https://ml.azure.us/.default",
    ..PUBLIC
};

const CHINA: Hosts = Hosts {
    authority: "https://login.chinacloudapi.cn",
    resource_manager: "https://management.chinacloudapi.cn",
    resource_manager_scope: "https://management.chinacloudapi.cn/.default",
    blob: ".blob.core.chinacloudapi.cn",
    key_vault: ".vault.azure.cn",
    key_vault_scope: "https://vault.azure.cn/.default",
    service_bus: ".servicebus.chinacloudapi.cn",
    container_registry: ".azurecr.cn",
    azure_ml: ".api.ml.azure.cn",
    azure_ml_scope: "https://ml.azure.cn/.default",
    ..PUBLIC
};

impl Cloud {
    /// The scope of Azure DevOps. It has no readable name, and is the same whatever the cloud.
    pub const AZURE_DEVOPS_SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";
    /// The scope of a Kubernetes cluster's API server; the same in all clouds.
    pub const KUBERNETES_SCOPE: &str = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
    /// The scope of Azure Databricks; the same in all clouds.
    pub const DATABRICKS_SCOPE: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default";

    const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// Where its services are.
    #[must_use]
    pub const fn hosts(self) -> &'static Hosts {
        match self {
            Self::Public => &PUBLIC,
            Self::UsGovernment => &US_GOVERNMENT,
            Self::China => &CHINA,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Public => "AzureCloud",
            Self::UsGovernment => "AzureUSGovernment",
            Self::China => "AzureChinaCloud",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cloud {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            PortError::permanent("settings", format!("AZURE_CLOUD is {text:?}; the clouds are {names}"))
        })
    }
}
