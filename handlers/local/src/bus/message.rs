//! Messages as receivers see them.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// A message that was handed out. Until it is settled or its lock ends, nobody else gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What settles it.
    pub lock: Uuid,
    /// When the lock ends, unless it is renewed.
    pub locked_until: Timestamp,
    /// How often it was handed out, this time included.
    pub delivery_count: u32,
    /// The message.
    pub message: Letter,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Counts up over all queues; never used twice.
    pub sequence_number: i64,
    /// The queue.
    pub queue: String,
    /// The sender's.
    pub message_id: String,
    /// Messages of one session are handed out one after the other.
    pub session: Option<String>,
    /// When it got to the queue; a scheduled one when it was due.
    pub enqueued_at: Timestamp,
    /// When it was to be delivered, if that was not at once.
    pub scheduled_for: Option<Timestamp>,
    /// Says of a dead letter why it is one: [`DEAD_LETTER_REASON`] and the others.
    pub properties: BTreeMap<String, String>,
    /// JSON.
    pub body: Bytes,
}

impl Letter {
    /// As it is shown: one that was scheduled got to its queue when it was due.
    pub(super) fn in_queue(&self) -> Self {
        let mut letter = self.clone();
        letter.enqueued_at = letter.enqueued_at.max(letter.scheduled_for.unwrap_or(letter.enqueued_at));
        letter
    }
}

/// The property that says in a word why a message is a dead letter.
pub const DEAD_LETTER_REASON: &str = "DeadLetterReason";
/// The property that says it in a sentence.
pub const DEAD_LETTER_ERROR_DESCRIPTION: &str = "DeadLetterErrorDescription";
/// The property that names the queue where it died.
pub const DEAD_LETTER_SOURCE: &str = "DeadLetterSource";

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be handed out now, or after others of their session.
    pub active: usize,
    /// Not yet due.
    pub scheduled: usize,
    /// Handed out.
    pub locked: usize,
    /// Given up in this queue, and still among the dead letters.
    pub dead: usize,
}

/// The lock has ended or the message is settled already: it is another's now, or nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock {0} is gone: it ended before it was renewed, or the message was settled before")]
pub struct LockLost(pub Uuid);
