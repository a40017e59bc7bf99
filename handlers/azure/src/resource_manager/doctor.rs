//! A look at what our identity may do and how much there is left of what jobs run on.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Url;
use runner::ports::{Clock, Result};
use serde::{Deserialize, Serialize};

use super::needs::{NEEDS, Need, Place};
use super::read::resource;
use super::rights::{Page, Permission};
use super::{base, client, timeout_secs};
use crate::credential::Credential;
use crate::http::{self, Call, CallError, Client, Right};
use crate::resource_id::segments;
use crate::roles;

const PERMISSIONS_VERSION: (&str, &str) = ("api-version", "2022-04-01");
const USAGES_VERSION: (&str, &str) = ("api-version", "2024-10-01");
/// Pages that are read of a list before it is given up.
const PAGES_MAX: usize = 20;
/// What is called scarce: nine tenths of a limit are in use.
const SCARCE_TENTHS: i64 = 9;

const PERMISSIONS: Right = Right::role("look what it may do", "Reader on the resource");
const USAGES: Right = Right::role("look at the quotas of Azure Machine Learning", "Reader on the subscription");

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorSettings {
    /// The resources that steps need something of, by their ids: `/subscriptions/.../registries/contoso`. What is not
    /// here is not used and not looked at.
    pub resources: BTreeMap<Place, String>,
    /// The region of the workspace, for its quotas; without it they are not looked at.
    #[serde(default)]
    pub location: Option<String>,
    /// The service's address.
    #[serde(default = "base")]
    pub base: String,
    /// How long one call may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

/// Looks, and changes nothing.
#[derive(Debug)]
pub struct Doctor {
    client: Client,
    settings: DoctorSettings,
    base: Url,
    identity: String,
}

/// A page of quotas.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usages {
    #[serde(default)]
    value: Vec<Usage>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    current_value: i64,
    /// -1: there is none.
    limit: i64,
    name: UsageName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageName {
    localized_value: String,
}

impl Doctor {
    /// One for these resources. `credential` is for the scope of Azure Resource Manager.
    ///
    /// # Errors
    ///
    /// The address is none.
    pub fn new(settings: DoctorSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let base = http::address("the address of Azure Resource Manager", &settings.base)?;
        let identity = credential.identity();
        let client = client(&base, settings.timeout_secs, credential, clock);
        Ok(Self { client, settings, base, identity })
    }

    /// Looks at everything. What cannot be looked at is a finding, too.
    pub async fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (place, id) in &self.settings.resources {
            findings.extend(self.rights(*place, id).await);
        }
        if let Some(location) = &self.settings.location {
            findings.extend(self.quotas(location).await);
        }
        findings
    }

    async fn rights(&self, place: Place, id: &str) -> Vec<Finding> {
        let permissions = match self.permissions(id).await {
            Ok(permissions) => permissions,
            Err(error) => return vec![unknown(format!("the rights on {}", resource(id)), error)],
        };
        let needs = NEEDS.iter().filter(|need| need.place == place);
        needs.map(|need| self.finding(need, id, &permissions)).collect()
    }

    fn finding(&self, need: &Need, id: &str, permissions: &[Permission]) -> Finding {
        let actions = need.actions.iter().map(|action| (action, false));
        let all = actions.chain(need.data_actions.iter().map(|action| (action, true)));
        let is_missing = |(action, is_data): &(&&str, bool)| !permissions.iter().any(|it| it.allows(action, *is_data));
        let missing: Vec<&str> = all.filter(is_missing).map(|(action, _)| *action).collect();
        let what = format!("what {} needs on {}", need.steps, shown(id));
        if missing.is_empty() {
            return Finding { what, ok: true, advice: String::new() };
        }
        let role = roles::name(need.right);
        let advice = format!(
            "{} may not {}. Grant it {} there: `az role assignment create --assignee <its id> --role \"{}\" --scope {id}`",
            self.identity,
            missing.join(", "),
            role,
            role
        );
        Finding { what, ok: false, advice }
    }

    async fn permissions(&self, id: &str) -> Result<Vec<Permission>, CallError> {
        let path = [&segments(id)[..], &["providers", "Microsoft.Authorization", "permissions"]].concat();
        let mut next = Some(http::join(&self.base, &path, &[PERMISSIONS_VERSION]));
        let mut permissions = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(url) = next.take() else { break };
            let page: Page = self.client.read(Call::get(url, &PERMISSIONS)).await?;
            permissions.extend(page.value);
            next = self.following(page.next_link);
        }
        Ok(permissions)
    }

    async fn quotas(&self, location: &str) -> Vec<Finding> {
        let what = format!("the quotas of Azure Machine Learning in {location}");
        let Some(subscription) = self.settings.resources.values().find_map(|id| subscription(id)) else {
            let advice = "no resource is set by whose id the subscription could be known".into();
            return vec![Finding { what, ok: false, advice }];
        };
        let path = ["subscriptions", subscription, "providers", "Microsoft.MachineLearningServices", "locations"];
        let path = [&path[..], &[location, "usages"]].concat();
        let mut next = Some(http::join(&self.base, &path, &[USAGES_VERSION]));
        let mut scarce = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(url) = next.take() else { break };
            let page: Usages = match self.client.read(Call::get(url, &USAGES)).await {
                Ok(page) => page,
                Err(error) => return vec![unknown(what, error)],
            };
            // A limit of nothing is a kind of machine that nobody asked for.
            let is_scarce = |usage: &&Usage| usage.limit > 0 && usage.current_value * 10 >= usage.limit * SCARCE_TENTHS;
            scarce.extend(
                page.value
                    .iter()
                    .filter(is_scarce)
                    .map(|usage| format!("{}: {} of {}", usage.name.localized_value, usage.current_value, usage.limit)),
            );
            next = self.following(page.next_link);
        }
        if scarce.is_empty() {
            return vec![Finding { what, ok: true, advice: String::new() }];
        }
        let advice =
            format!("jobs may wait for machines: {}. Ask for more quota, or end what is idle", scarce.join("; "));
        vec![Finding { what, ok: false, advice }]
    }

    /// The next page, if it is the service's own: a token is shown to nobody else.
    fn following(&self, link: Option<String>) -> Option<Url> {
        let url = Url::parse(&link.filter(|link| !link.is_empty())?).ok()?;
        (url.origin() == self.base.origin()).then_some(url)
    }
}

fn unknown(what: String, error: CallError) -> Finding {
    Finding { what, ok: false, advice: error.into_port().to_string() }
}

fn subscription(id: &str) -> Option<&str> {
    match &segments(id)[..] {
        [head, subscription, ..] if head.eq_ignore_ascii_case("subscriptions") => Some(subscription),
        _ => None,
    }
}

/// A group has no provider, and is named as what it is.
fn shown(id: &str) -> String {
    match &segments(id)[..] {
        [_, _, _, group] => format!("resource group {group}"),
        _ => resource(id),
    }
}
