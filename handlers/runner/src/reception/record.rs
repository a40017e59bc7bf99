//! Events as documents: each is kept once, newest first, with what was done about it.

use events::{Envelope, Reading};
use jiff::{SignedDuration, Timestamp};
use pipeline::names::{Digest, RunId};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::ports::{Ports, Result};
use crate::records::parse;

/// So long an event is known: a repeat within this time is known as one, and people can look at it.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So many are forgotten at a time.
const FORGOTTEN: usize = 500;

/// How it is known who sent an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// The body is signed with a secret that the sender and we know.
    Signature,
    /// The sender showed a password.
    Password,
    /// The sender may send to the queue that it came from.
    Queue,
    /// The host took it in from Event Grid, with the key that is in the subscription's address.
    EventGrid,
    /// Our own clock.
    Timer,
}

/// One event, as it came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its id here; a newer event's sorts before an older one's.
    pub id: RunId,
    /// When it came in.
    pub at: Timestamp,
    /// The function that took it in.
    pub door: String,
    /// How it is known who sent it.
    pub verified: Verified,
    /// Where it stands that its sender's name for it is known, which is forgotten together with it.
    pub known_as: String,
    /// What it says.
    pub reading: Reading,
    /// The whole body, among the artifacts; only of what could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Digest>,
    /// What was done about it.
    pub did: Vec<Did>,
}

/// What was done about an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Did {
    /// A run is asked for; the function `start` will see to it, and say here what it came to.
    Asked {
        /// The order's id.
        order: String,
        /// What for.
        what: String,
        /// What it came to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        came_to: Option<CameTo>,
    },
    /// A run is told.
    Told {
        /// Which.
        run: RunId,
        /// Its number.
        number: u64,
    },
    /// Nothing.
    Ignored {
        /// Why.
        why: String,
    },
}

/// What a wish for a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "came_to", rename_all = "snake_case")]
pub enum CameTo {
    /// A new run.
    Started {
        /// Which.
        run: RunId,
        /// Its number.
        number: u64,
    },
    /// A run that was there already.
    Known {
        /// Which.
        run: RunId,
        /// Its number.
        number: u64,
    },
    /// No run.
    Nothing {
        /// Why.
        why: String,
    },
}

/// What is known of an event by its sender's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The record.
    pub event: RunId,
    /// Of what it says. The same name for something else is a conflict, and no repeat.
    pub says: Digest,
}

impl EventRecord {
    /// The record as it is kept.
    pub(crate) fn key(&self) -> String {
        keys::event(&self.id)
    }
}

/// A record by its id; None: there is none, or it is forgotten.
///
/// # Errors
///
/// The store is away.
pub async fn find(ports: &Ports, id: &RunId) -> Result<Option<EventRecord>> {
    let key = keys::event(id);
    match ports.store.get(&key).await? {
        Some(document) => parse(&key, &document.body).map(Some),
        None => Ok(None),
    }
}

/// So many records, newest first, after this id.
///
/// # Errors
///
/// The store is away.
pub async fn list(ports: &Ports, after: Option<&RunId>, limit: usize) -> Result<Vec<EventRecord>> {
    let after = after.map(keys::event);
    let mut records = Vec::new();
    for key in ports.store.list(keys::EVENTS, after.as_deref(), limit).await? {
        if let Some(document) = ports.store.get(&key).await? {
            records.push(parse(&key, &document.body)?);
        }
    }
    Ok(records)
}

/// Forgets events that are older than anybody asks for, some at a time.
pub(crate) async fn forget(ports: &Ports) -> Result<usize> {
    let oldest = RunId::newest(ports.clock.now() - KEPT, "");
    let keys = ports.store.list(keys::EVENTS, Some(&keys::event(&oldest)), FORGOTTEN).await?;
    for key in &keys {
        let Some(document) = ports.store.get(key).await? else { continue };
        let record: EventRecord = parse(key, &document.body)?;
        ports.store.delete(&record.known_as).await?;
        ports.store.delete(key).await?;
    }
    Ok(keys.len())
}

/// The sender's name for an event, or one made of what it is where the sender's cannot be read.
pub(super) fn name_of(reading: &Reading) -> String {
    let envelope: Option<&Envelope> = match reading {
        Reading::Read(notice) => Some(&notice.envelope),
        Reading::Ignored { envelope, .. } | Reading::Quarantined { envelope, .. } => envelope.as_ref(),
    };
    match envelope {
        Some(envelope) => envelope.duplicate_key(),
        None => format!("unnamed/{}", says(reading)),
    }
}

/// The digest of what an event says.
pub(super) fn says(reading: &Reading) -> Digest {
    let said = match reading {
        Reading::Read(notice) => serde_json::to_vec(&notice.fact),
        other => serde_json::to_vec(other),
    };
    Digest::of(&said.expect("a reading is plain data"))
}
