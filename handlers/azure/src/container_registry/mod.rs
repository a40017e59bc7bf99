//! Azure Container Registry and its tasks: scoring images, and the jobs that need nothing but a container.
//!
//! ```text
//! build    taskRuns/{name}? -> tag? -> content's tag? -> listBuildSourceUploadUrl -> PUT context -> PUT taskRuns/{name}
//! submit   taskRuns/{name}? ---------------------------> listBuildSourceUploadUrl -> PUT context -> PUT taskRuns/{name}
//! status   taskRuns/{name} -> runs/{run}; at the end listLogSasUrl -> the log
//! cancel   taskRuns/{name} -> runs/{run}/cancel
//! promote  tag? -> importImage -> its operation, once
//! ```
//!
//! **Why task runs.** `scheduleRun` starts another run each time it is called, and a run cannot be found again by
//! anything that we choose: lists filter by state and time. A task run is a resource of Azure Resource Manager with a
//! name of ours, which holds the request and the run's result. It is looked for before anything is uploaded; a `PUT` that
//! is repeated with the same request starts nothing (a new run takes another request, or another `forceUpdateTag`). So
//! what is asked for twice is done once, and `status` needs only the name.
//!
//! **Who can do what in a run.** A `cmd` step gets Docker's socket and a home folder with the registry's credentials
//! (Azure/acr-builder: builder/context.go). Code of a model repository is therefore never a step of its own: a step
//! builds an image from it, and a second one starts a plain container of that image, with neither of them. Checks,
//! which run what pull requests bring, do not even log in to the registry.
//!
//! Sources: `containerregistry_build.json` of 2019-06-01-preview, `containerregistry.json` of 2023-07-01, and of the data
//! plane 2021-07-01, in [Azure/azure-rest-api-specs](https://github.com/Azure/azure-rest-api-specs);
//! [the tasks' YAML](https://learn.microsoft.com/azure/container-registry/container-registry-tasks-reference-yaml).

mod content;
mod context;
mod data;
mod dockerfile;
mod images;
mod jobs;
mod log;
mod promotion;
mod registry;
mod settings;
mod task;
mod task_runs;
#[cfg(test)]
mod tests;
mod token;
mod upload;

pub use images::RegistryImages;
pub use jobs::RegistryJobs;
pub use promotion::Promotion;
pub use settings::RegistrySettings;

/// What people call the service.
const SERVICE: &str = "Azure Container Registry";
