//! Calls to Azure, Azure DevOps and GitHub, against services in this process that answer as their specifications say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fake_azure as fake;

mod azure_devops;
mod azure_ml;
mod azure_ml_endpoints;
mod blob;
mod container_instances;
mod container_registry;
mod databricks;
mod deliveries;
mod existing_training;
mod faults;
mod github;
mod github_app;
mod key_vault;
mod kubernetes;
mod kubernetes_routes;
mod repositories;
mod resource_manager;
mod service_bus;
mod serving;
mod support;
mod tokens;
mod weather;
