//! Azure Kubernetes Service.
