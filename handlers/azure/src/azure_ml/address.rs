//! What things in a workspace are called, and where they are asked for.

use reqwest::Url;
use runner::ports::Result;

use super::API_VERSION;
use crate::{http, resource_id};

/// A workspace, as Azure Resource Manager knows it.
#[derive(Debug)]
pub(super) struct Address {
    pub base: Url,
    id: String,
}

/// The id of a workspace.
pub(super) fn workspace(subscription: &str, resource_group: &str, name: &str) -> String {
    resource_id::resource(subscription, resource_group, "Microsoft.MachineLearningServices/workspaces", name)
}

impl Address {
    /// The one with this id.
    pub fn new(base: &str, id: String) -> Result<Self> {
        Ok(Self { base: http::address("`base`", base)?, id })
    }

    /// What something in the workspace is called; the workspace itself at none.
    pub fn id(&self, below: &[&str]) -> String {
        below.iter().fold(self.id.clone(), |id, segment| id + "/" + segment)
    }

    /// The address of something in the workspace.
    pub fn at(&self, below: &[&str], query: &[(&str, &str)]) -> Url {
        let path = [&resource_id::segments(&self.id)[..], below].concat();
        http::join(&self.base, &path, &[&[API_VERSION], query].concat())
    }
}
