//! Azure's services and the code hosts, as backends of the runner's ports.
//!
//! | Folder | Talks to | For the port |
//! | --- | --- | --- |
//! | `azure_devops/` | Azure Repos, Azure Pipelines, Azure Test Plans | `Source`: what people are told, changed files, the gate of a branch |
//! | `github/` | GitHub and GitHub Enterprise Server | `Source`: what people are told, changed files |
//! | `credential/` | the managed identity's endpoint, GitHub's installation tokens | |
//! | `http/` | one client for all of them: tokens, limits, errors in people's words, recorded exchanges | |
//!
//! A thing that is gone (a commit after a forced push, a closed repository's pull request) is no error when people were
//! only to be told something: nobody would look there.

mod azure_devops;
mod credential;
mod github;
mod http;
mod mark;
mod text;

pub use azure_devops::{AzureDevops, DevopsRepository, DevopsSettings, StatusPolicy};
pub use credential::{Credential, GithubApp, ManagedIdentity, PersonalAccessToken, Token};
pub use github::{Github, GithubRepository, GithubSettings, Shown};
