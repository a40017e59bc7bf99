//! The gate of a branch: a policy that asks for a status before a pull request may be completed.
//!
//! The policy's settings are in no specification; they are those that Microsoft's Terraform provider writes:
//! [resource_branchpolicy_status_check.go](https://github.com/microsoft/terraform-provider-azuredevops/blob/main/azuredevops/internal/service/policy/branch/resource_branchpolicy_status_check.go).

use pipeline::names::{Branch, Project};
use reqwest::Method;
use runner::ports::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::words::StatusContext;
use super::{AzureDevops, List, PAGE, PAGES_MAX, SERVICE};
use crate::http::{Call, CallError, Right};

/// The kind of policy that asks for a status; the same in every organisation.
const STATUS_POLICY: &str = "cbdc66da-9728-4af8-aada-9a5a32e4a226";

const READ_POLICIES: Right =
    Right { action: "read the policies of a branch", scope: "vso.code", role: "Read (repository)" };
const POLICIES: Right =
    Right { action: "set a policy on a branch", scope: "vso.code_write", role: "Edit policies (branch)" };

/// What is asked of pull requests into a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPolicy {
    /// The branch that pull requests go to.
    pub branch: Branch,
    /// The status that is asked for, as it is set: `trainyard`.
    pub context: String,
    /// What people read beside it.
    pub display_name: String,
    /// The id of the identity whose status counts. None: anybody's who may contribute to pull requests.
    pub author: Option<String>,
    /// Whether a pull request has to wait for it.
    pub is_blocking: bool,
}

/// `PolicyConfiguration`, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    id: u64,
    #[serde(default)]
    is_enabled: bool,
    #[serde(default)]
    is_blocking: bool,
    #[serde(default)]
    is_deleted: bool,
    #[serde(default)]
    settings: Map<String, Value>,
}

impl AzureDevops {
    /// Makes a branch ask for a status. One that asks for it already is left alone, or set right if it asks otherwise;
    /// other policies are not touched.
    ///
    /// # Errors
    ///
    /// The service does not answer, or we may not.
    pub async fn ensure_policy(&self, project: &Project, policy: &StatusPolicy) -> Result<()> {
        self.try_to_ensure(project, policy).await.map_err(CallError::into_port)
    }

    async fn try_to_ensure(&self, project: &Project, policy: &StatusPolicy) -> Result<(), CallError> {
        let repository = self.repository_id(project).await?;
        let scope = json!([
            {"repositoryId": repository, "refName": policy.branch_ref(), "matchKind": "Exact"}
        ]);
        let there = self.policies(project, &repository, policy).await?;
        if there.iter().any(|there| policy.is_met_by(there)) {
            return Ok(());
        }
        // One that holds for other branches as well is not ours to change.
        let is_ours =
            |there: &Configuration| there.settings.get("scope").is_some_and(|there| is_same_scope(there, &scope));
        let ours = there.into_iter().find(is_ours);
        let (method, number, mut settings) = match ours {
            Some(ours) => (Method::PUT, Some(ours.id.to_string()), ours.settings),
            None => (Method::POST, None, Map::new()),
        };
        settings.extend(policy.settings());
        settings.insert("scope".into(), scope);
        let body = json!({
            "isEnabled": true,
            "isBlocking": policy.is_blocking,
            "type": {"id": STATUS_POLICY},
            "settings": settings,
        });
        let below = ["_apis", "policy", "configurations"];
        let url = self.project(project, &[&below[..], number.as_deref().as_slice()].concat(), &[])?;
        self.client.call(Call::send(method, url, body, &POLICIES).once()).await.map(|_| ())
    }

    /// The policies of the branch that ask for this status.
    async fn policies(
        &self,
        project: &Project,
        repository: &str,
        policy: &StatusPolicy,
    ) -> Result<Vec<Configuration>, CallError> {
        let (top, branch) = (PAGE.to_string(), policy.branch_ref());
        let of_branch = [
            ("repositoryId", repository),
            ("refName", branch.as_str()),
            ("policyType", STATUS_POLICY),
            ("$top", top.as_str()),
        ];
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = next.as_deref().map(|page| ("continuationToken", page));
            let query: Vec<_> = of_branch.into_iter().chain(page).collect();
            let url = self.project(project, &["_apis", "git", "policy", "configurations"], &query)?;
            let answer = self.client.call(Call::get(url, &READ_POLICIES)).await?;
            let list: List<Configuration> = answer.json()?;
            found.extend(list.value.into_iter().filter(|there| policy.is_about(there)));
            match answer.header("x-ms-continuationtoken") {
                Some(token) if !token.is_empty() => next = Some(token.to_owned()),
                _ => return Ok(found),
            }
        }
        let reason = format!("{branch} has more policies than {}; nobody can tell them apart", PAGE * PAGES_MAX);
        Err(CallError::refused(SERVICE, reason))
    }
}

impl StatusPolicy {
    fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    fn settings(&self) -> Map<String, Value> {
        let StatusContext { name, genre } = StatusContext::of(&self.context);
        let settings = json!({
            "statusName": name,
            "statusGenre": genre,
            "authorId": self.author,
            // A status is for the commit that was looked at, not for what is pushed after it.
            "invalidateOnSourceUpdate": true,
            "defaultDisplayName": self.display_name,
            "policyApplicability": null,
        });
        match settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        }
    }

    fn is_about(&self, there: &Configuration) -> bool {
        let StatusContext { name, genre } = StatusContext::of(&self.context);
        let is = |member: &str, wanted: &str| {
            there.settings.get(member).and_then(Value::as_str).unwrap_or_default().eq_ignore_ascii_case(wanted)
        };
        !there.is_deleted && is("statusName", &name) && is("statusGenre", genre.as_deref().unwrap_or_default())
    }

    fn is_met_by(&self, there: &Configuration) -> bool {
        let author = there.settings.get("authorId").and_then(Value::as_str);
        there.is_enabled
            && there.is_blocking == self.is_blocking
            && there.settings.get("invalidateOnSourceUpdate") == Some(&Value::Bool(true))
            && (self.author.is_none() || author == self.author.as_deref())
    }
}

fn is_same_scope(there: &Value, wanted: &Value) -> bool {
    let text = |scope: &Value| scope.to_string().to_ascii_lowercase();
    let members = |scope: &Value| ["repositoryId", "refName", "matchKind"].map(|member| text(&scope[member]));
    there.as_array().is_some_and(|scopes| scopes.len() == 1 && members(&scopes[0]) == members(&wanted[0]))
}
