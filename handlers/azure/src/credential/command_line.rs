//! Whoever is signed in to the Azure CLI: for people's own machines.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential as _;
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, Executor};
use runner::ports::Result;

use super::entra::{given, refused};
use super::{Credential, Token};

const BACKEND: &str = "Azure CLI";
/// It starts slowly, and may have to ask Entra ID itself.
const LIMIT: Duration = Duration::from_secs(30);

/// The Azure CLI on this machine.
#[derive(Clone)]
pub(super) struct CommandLine {
    tenant: Option<String>,
    path: Option<String>,
}

/// The same where a service asks for this scope.
pub(super) struct Scoped {
    line: CommandLine,
    scope: String,
}

impl CommandLine {
    /// `path` are the folders in which `az` is looked for.
    pub fn new(tenant: Option<String>, path: Option<String>) -> Self {
        Self { tenant, path }
    }

    pub fn for_scope(&self, scope: String) -> Scoped {
        Scoped { line: self.clone(), scope }
    }
}

/// Runs a child that is nobody's to answer questions of, and not for long.
#[derive(Debug)]
struct Hurried {
    path: Option<String>,
}

#[async_trait]
impl Executor for Hurried {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("`az` took more than {} s", LIMIT.as_secs()));
        tokio::time::timeout(LIMIT, command.output()).await.map_err(late)?
    }
}

#[async_trait]
impl Credential for Scoped {
    async fn token(&self) -> Result<Token> {
        let refused = |error| refused(BACKEND, &self.identity(), &self.scope, &error);
        let options = AzureCliCredentialOptions {
            tenant_id: self.line.tenant.clone(),
            executor: Some(Arc::new(Hurried { path: self.line.path.clone() })),
            ..AzureCliCredentialOptions::default()
        };
        let credential = AzureCliCredential::new(Some(options)).map_err(refused)?;
        given(&credential.get_token(&[&self.scope], None).await.map_err(refused)?)
    }

    fn identity(&self) -> String {
        match &self.line.tenant {
            Some(tenant) => format!("who is signed in to the Azure CLI, in tenant {tenant}"),
            None => "who is signed in to the Azure CLI (`az login`)".into(),
        }
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}
