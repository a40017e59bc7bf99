//! Calls to Azure DevOps and GitHub, against services in this process that answer as their specifications say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod azure_devops;
mod fake;
mod faults;
mod github;
mod github_app;
mod support;
mod tokens;
