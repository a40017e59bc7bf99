//! Deliveries of a webhook that failed. GitHub sends nothing a second time by itself; it keeps what it sent for a while,
//! and sends it again when it is asked.
//!
//! ```text
//! deliveries, newest first --> by event: none went well, none is a repeat? --> attempts, oldest first
//! ```
//!
//! A repeat is in the same list, so that nothing has to be remembered: an event is asked for again once at most.
//!
//! Source: [Handling failed webhook deliveries](https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries),
//! [repository webhooks](https://docs.github.com/rest/repos/webhooks), [App webhooks](https://docs.github.com/rest/apps/webhooks).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use runner::ports::{Clock, Result};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{PAGE, PAGES_MAX, SERVICE, cloud, headers, timeout_secs};
use crate::credential::Credential;
use crate::http::{self, Body, Call, CallError, Client, Kind, Patience, Right, Transport};
use crate::repositories::checked;

/// What is older is not sent again.
const KEPT: SignedDuration = SignedDuration::from_hours(3 * 24);
/// So many are asked for at a time; the next time goes on with the rest.
const AT_ONCE: usize = 50;

const HOOKS: Right = Right {
    action: "look after a webhook's deliveries",
    scope: "admin:repo_hook",
    role: "Webhooks: write (repository), or the App itself",
};

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubHookSettings {
    /// Which.
    pub hook: GithubHook,
    /// The API's address. For an Enterprise Server `https://HOST/api/v3`.
    #[serde(default = "cloud")]
    pub base: String,
    /// How long one call may take.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GithubHook {
    /// One of a repository.
    Repository {
        /// The organisation or account.
        owner: String,
        /// The repository in it.
        repository: String,
        /// The webhook's number, as in the address of its page.
        number: u64,
    },
    /// An App's own. The credential is the App itself and not an installation of it.
    App {},
}

/// A webhook's deliveries.
#[derive(Debug)]
pub struct GithubDeliveries {
    client: Client,
    hook: GithubHook,
    base: Url,
}

/// An event that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedDelivery {
    /// The delivery that failed.
    pub id: u64,
    /// The event's own id, the same in every delivery of it.
    pub guid: String,
    /// What kind of event it is: `push`.
    pub event: String,
    /// When it was tried.
    pub delivered_at: Timestamp,
    /// What came of it, in GitHub's words: `timed out`.
    pub status: String,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redelivered {
    /// Events that did not arrive.
    pub missed: usize,
    /// Of these, asked for again.
    pub asked: usize,
}

/// `hook-delivery-item`, as far as we read it.
#[derive(Deserialize)]
struct Delivery {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_code: u16,
    #[serde(default)]
    event: String,
}

impl Delivery {
    fn went_well(&self) -> bool {
        self.status.eq_ignore_ascii_case("ok") || (200..300).contains(&self.status_code)
    }
}

impl GithubDeliveries {
    /// Those of the webhook that these settings are about.
    ///
    /// # Errors
    ///
    /// The address is none, or a name could lead elsewhere.
    pub fn new(settings: GithubHookSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let GithubHookSettings { hook, base, timeout_secs } = settings;
        if let GithubHook::Repository { owner, repository, .. } = &hook {
            checked("an owner or a repository", [owner, repository])?;
        }
        let base = http::address("the address of GitHub's API", &base)?;
        let transport = Transport::to(&[&base], timeout_secs);
        let client = Client::new(SERVICE, transport, headers(), credential, clock).with_patience(Patience::SHORT);
        Ok(Self { client, hook, base })
    }

    /// Asks for what did not arrive within the last three days. To be called now and then, about once an hour: an event
    /// that is asked for is on the list a moment later, and is not asked for again.
    ///
    /// # Errors
    ///
    /// GitHub does not answer, or we may not. What was asked for until then is on its way.
    pub async fn redeliver_missed(&self) -> Result<Redelivered> {
        let missed = self.missed_deliveries(self.client.now() - KEPT).await?;
        let mut redelivered = Redelivered { missed: missed.len(), asked: 0 };
        for delivery in missed.iter().take(AT_ONCE) {
            let MissedDelivery { id, guid, event, status, .. } = delivery;
            if self.redeliver(*id).await? {
                redelivered.asked += 1;
                info!("Asked GitHub for event {guid} ({event}) again, which did not arrive: {status}");
            }
        }
        Ok(redelivered)
    }

    /// Events since then that did not arrive and that nobody has asked for again, oldest first.
    ///
    /// # Errors
    ///
    /// GitHub does not answer, or we may not.
    pub async fn missed_deliveries(&self, since: Timestamp) -> Result<Vec<MissedDelivery>> {
        self.missed(since).await.map_err(CallError::into_port)
    }

    /// Asks for a delivery again. False: it is not kept any more.
    ///
    /// # Errors
    ///
    /// GitHub does not answer, or we may not.
    pub async fn redeliver(&self, id: u64) -> Result<bool> {
        let url = self.address(&[&id.to_string(), "attempts"], &[]);
        match self.client.call(Call::new(Method::POST, url, Body::Nothing, &HOOKS).once()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::Gone => Ok(false),
            Err(error) => Err(error.into_port()),
        }
    }

    async fn missed(&self, since: Timestamp) -> Result<Vec<MissedDelivery>, CallError> {
        // None: it arrived, or somebody has asked for it again.
        let mut events: BTreeMap<String, Option<MissedDelivery>> = BTreeMap::new();
        let (per_page, mut cursor) = (PAGE.to_string(), None::<String>);
        for page in 1.. {
            let next = cursor.as_deref().map(|cursor| ("cursor", cursor));
            let query: Vec<_> = [("per_page", per_page.as_str())].into_iter().chain(next).collect();
            let answer = self.client.call(Call::get(self.address(&[], &query), &HOOKS)).await?;
            let deliveries: Vec<Delivery> = answer.json()?;
            let is_past = deliveries.iter().any(|delivery| delivery.delivered_at < since);
            for delivery in deliveries.into_iter().filter(|delivery| delivery.delivered_at >= since) {
                let is_settled = delivery.went_well() || delivery.redelivery;
                let Delivery { id, guid, delivered_at, status, event, .. } = delivery;
                let missed = MissedDelivery { id, guid: guid.clone(), event, delivered_at, status };
                let there = events.entry(guid).or_insert(Some(missed));
                if is_settled {
                    *there = None;
                }
            }
            cursor = answer.header("link").and_then(next_cursor);
            if is_past || cursor.is_none() {
                break;
            }
            if page == PAGES_MAX {
                warn!("{self} has more deliveries than are looked through; those before them are left alone");
                break;
            }
        }
        let mut missed: Vec<_> = events.into_values().flatten().collect();
        missed.sort_by_key(|delivery| (delivery.delivered_at, delivery.id));
        Ok(missed)
    }

    fn address(&self, below: &[&str], query: &[(&str, &str)]) -> Url {
        let number;
        let head: Vec<&str> = match &self.hook {
            GithubHook::Repository { owner, repository, number: hook } => {
                number = hook.to_string();
                vec!["repos", owner, repository, "hooks", &number, "deliveries"]
            }
            GithubHook::App {} => vec!["app", "hook", "deliveries"],
        };
        http::join(&self.base, &[&head, below].concat(), query)
    }
}

impl fmt::Display for GithubDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hook {
            GithubHook::Repository { owner, repository, number } => {
                write!(f, "webhook {number} of {owner}/{repository}")
            }
            GithubHook::App {} => f.write_str("the App's webhook"),
        }
    }
}

/// Where the next page begins, as the header `Link` says.
fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    let url = Url::parse(rest.split_once('>')?.0).ok()?;
    url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_where_the_header_says() {
        let page = "https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_12077215967";
        let link = format!("<{page}>; rel=\"next\"");
        assert_eq!(next_cursor(&link).as_deref(), Some("v1_12077215967"));
        assert_eq!(next_cursor(&format!("<{page}>; rel=\"prev\"")), None);
        assert_eq!(next_cursor("garbage, rel=\"next\""), None);
    }
}
