//! What things in a workspace are called, and where they are asked for.

use reqwest::Url;
use runner::ports::Result;

use super::API_VERSION;
use crate::http;

/// A workspace, as Azure Resource Manager knows it.
#[derive(Debug)]
pub(super) struct Address {
    pub base: Url,
    id: String,
}

impl Address {
    pub fn new(base: &str, subscription: &str, resource_group: &str, workspace: &str) -> Result<Self> {
        let id = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.MachineLearningServices/workspaces/{workspace}"
        );
        Ok(Self { base: http::address("`base`", base)?, id })
    }

    /// What something in the workspace is called; the workspace itself at none.
    pub fn id(&self, below: &[&str]) -> String {
        below.iter().fold(self.id.clone(), |id, segment| id + "/" + segment)
    }

    /// The address of something in the workspace.
    pub fn at(&self, below: &[&str], query: &[(&str, &str)]) -> Url {
        let path: Vec<&str> = self.id.split('/').skip(1).chain(below.iter().copied()).collect();
        http::join(&self.base, &path, &[&[API_VERSION], query].concat())
    }
}
