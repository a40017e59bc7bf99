//! Deliveries of GitHub's webhooks that did not arrive. GitHub sends nothing a second time by itself, so somebody has to
//! look at its list now and then and ask.
//!
//! ```text
//! sweep --> an hour since the last look? --> claim it --> GitHub's list --> ask for each that is not remembered
//!                                                                             `--> remember, forget the old
//! ```
//!
//! The claim is on record before GitHub is asked: of two sweeps at the same time one looks. A repeat is on GitHub's own
//! list as well, so that a crash between asking and remembering asks for nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use azure::GithubDeliveries;
use jiff::{SignedDuration, Timestamp};
use runner::keys;
use runner::ports::{Expect, PortError, Result, Store};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::App;

/// Between two looks at a webhook.
const BETWEEN: SignedDuration = SignedDuration::from_hours(1);
/// What is older is not sent again.
const KEPT: SignedDuration = SignedDuration::from_hours(3 * 24);
/// So many events of a webhook are asked for at a time; the next look goes on with the rest.
const AT_ONCE: usize = 50;
/// A look at one webhook takes as long at most. The sweep that waits for it has its minute.
const LONGEST: Duration = Duration::from_secs(20);
/// How often the record is written again after somebody else wrote it.
const CONFLICTS: u32 = 5;

/// What is known of all webhooks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// By what people call a webhook.
    pub hooks: BTreeMap<String, HookRecord>,
}

/// What is known of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HookRecord {
    /// When its deliveries were looked at last.
    pub looked_at: Option<Timestamp>,
    /// Events that had not arrived by then.
    pub missed: usize,
    /// Why that look came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Events that were asked for again, by their ids, and when.
    pub asked: BTreeMap<String, Timestamp>,
}

/// What came of a look.
#[derive(Debug, Default)]
struct Look {
    missed: usize,
    asked: Vec<String>,
    trouble: Option<String>,
}

/// Looks at one webhook whose hour is over, if there is one; the next sweep takes the next. Answers how many events were
/// asked for again.
///
/// # Errors
///
/// The store is away.
pub async fn look(app: &App) -> Result<usize> {
    if app.hooks.is_empty() {
        return Ok(0);
    }
    let ports = app.runner.ports();
    let now = ports.clock.now();
    let (mut record, expect) = read(&*ports.store).await?;
    let looked_at = |hook: &&GithubDeliveries| record.hooks.get(&hook.to_string()).and_then(|known| known.looked_at);
    let is_due = |hook: &&GithubDeliveries| looked_at(hook).is_none_or(|at| now.duration_since(at) >= BETWEEN);
    let Some(hook) = app.hooks.iter().filter(is_due).min_by_key(looked_at) else { return Ok(0) };
    let name = hook.to_string();
    let known = record.hooks.entry(name.clone()).or_default();
    known.looked_at = Some(now);
    let known = known.asked.clone();
    match write(&*ports.store, &record, expect).await {
        // Somebody else looks.
        Err(PortError::Conflict { .. }) => return Ok(0),
        written => written?,
    }
    let look = look_at(hook, &known, now).await;
    let count = look.asked.len();
    remember(&*ports.store, &name, look, now).await?;
    Ok(count)
}

/// Looks at one webhook. What GitHub refuses is trouble to be shown, and no reason to sweep again.
async fn look_at(hook: &GithubDeliveries, known: &BTreeMap<String, Timestamp>, now: Timestamp) -> Look {
    let mut look = Look::default();
    let asking = async {
        let missed = hook.missed_deliveries(now - KEPT).await?;
        let new: Vec<_> = missed.into_iter().filter(|delivery| !known.contains_key(&delivery.guid)).collect();
        look.missed = new.len();
        for delivery in new.into_iter().take(AT_ONCE) {
            // One that is not kept any more is not asked for the next time either.
            if hook.redeliver(delivery.id).await? {
                info!(
                    "Asked GitHub for event {} ({}) again, which did not arrive: {}",
                    delivery.guid, delivery.event, delivery.status
                );
            }
            look.asked.push(delivery.guid);
        }
        Ok::<_, PortError>(())
    };
    let trouble = match tokio::time::timeout(LONGEST, asking).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("GitHub has not answered within {} s", LONGEST.as_secs())),
    };
    if let Some(trouble) = &trouble {
        warn!("Cannot look after the deliveries of {hook}: {trouble}");
    }
    look.trouble = trouble;
    look
}

/// Keeps what came of a look, and forgets what GitHub has forgotten.
async fn remember(store: &dyn Store, name: &str, look: Look, now: Timestamp) -> Result<()> {
    for tried in 1.. {
        let (mut record, expect) = read(store).await?;
        let known = record.hooks.entry(name.to_owned()).or_default();
        (known.missed, known.trouble) = (look.missed, look.trouble.clone());
        known.asked.extend(look.asked.iter().map(|guid| (guid.clone(), now)));
        for known in record.hooks.values_mut() {
            known.asked.retain(|_, at| now.duration_since(*at) <= KEPT);
        }
        // A webhook that is no longer set is forgotten with what was asked for.
        let is_known = |known: &HookRecord| known.looked_at.is_none_or(|at| now.duration_since(at) <= KEPT);
        record.hooks.retain(|_, known| is_known(known));
        match write(store, &record, expect).await {
            Err(PortError::Conflict { .. }) if tried < CONFLICTS => {}
            written => return written,
        }
    }
    Ok(())
}

/// The record as it is kept.
///
/// # Errors
///
/// The store is away.
pub async fn read(store: &dyn Store) -> Result<(Record, Expect)> {
    let Some(document) = store.get(keys::GITHUB_DELIVERIES).await? else {
        return Ok((Record::default(), Expect::Absent));
    };
    let record = serde_json::from_slice(&document.body)
        .map_err(|error| PortError::permanent("deliveries", format!("{}: {error}", keys::GITHUB_DELIVERIES)))?;
    Ok((record, Expect::Version(document.version)))
}

async fn write(store: &dyn Store, record: &Record, expect: Expect) -> Result<()> {
    let body = serde_json::to_vec(record).expect("a record is plain data");
    store.put(keys::GITHUB_DELIVERIES, body, expect).await.map(|_| ())
}

#[cfg(test)]
mod tests;
