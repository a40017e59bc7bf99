//! Queues: duplicate detection, scheduled messages, sessions, and what a receiver does with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use runner::conformance::bus::{Received, Receiver};

/// How long an id is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub session: Option<String>,
    pub content_type: Option<String>,
    pub scheduled_for: Option<Timestamp>,
    pub body: Vec<u8>,
}

/// What a queue is like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kind {
    /// Takes only messages with a session.
    pub needs_session: bool,
    /// Keeps its messages in many places, each message by its session or its id.
    pub is_partitioned: bool,
    /// Is switched off for senders.
    pub is_disabled: bool,
    /// Has no room for more.
    pub is_full: bool,
}

/// Why messages were not taken: the word of AMQP, the status of REST, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub condition: &'static str,
    pub status: u16,
    pub description: String,
}

/// Queues by name. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Queues(Arc<Mutex<BTreeMap<String, Queue>>>);

#[derive(Debug, Default)]
struct Queue {
    kind: Kind,
    /// All that were taken, in order.
    taken: Vec<Message>,
    /// Those that are there, with how often they were handed out and whether they are out.
    there: Vec<(usize, u32, bool)>,
    seen: BTreeMap<String, Timestamp>,
    dropped: usize,
}

impl Queues {
    /// A queue as the infrastructure makes them.
    pub fn add(&self, queue: &str) {
        self.add_with(queue, Kind::default());
    }

    /// Another one, or the same one changed.
    pub fn add_with(&self, queue: &str, kind: Kind) {
        self.lock().entry(queue.to_ascii_lowercase()).or_default().kind = kind;
    }

    pub fn remove(&self, queue: &str) {
        self.lock().remove(&queue.to_ascii_lowercase());
    }

    #[must_use]
    pub fn has(&self, queue: &str) -> bool {
        self.lock().contains_key(&queue.to_ascii_lowercase())
    }

    /// All that a queue has taken, in order.
    #[must_use]
    pub fn received(&self, queue: &str) -> Vec<Message> {
        self.lock().get(&queue.to_ascii_lowercase()).map(|queue| queue.taken.clone()).unwrap_or_default()
    }

    /// How many messages a queue has dropped since it knew their ids.
    #[must_use]
    pub fn dropped(&self, queue: &str) -> usize {
        self.lock().get(&queue.to_ascii_lowercase()).map_or(0, |queue| queue.dropped)
    }

    /// Takes all of them or none.
    ///
    /// # Errors
    ///
    /// The queue is not there, or it does not take one of them.
    pub fn take(&self, name: &str, messages: Vec<Message>, now: Timestamp) -> Result<(), Refusal> {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&name.to_ascii_lowercase()) else {
            let description = format!("The messaging entity '{name}' could not be found.");
            return Err(Refusal { condition: "amqp:not-found", status: 410, description });
        };
        queue.check(name, &messages)?;
        for message in messages {
            let is_known = |at: &Timestamp| now.duration_since(*at) < REMEMBERED;
            if queue.seen.get(&message.id).is_some_and(is_known) {
                queue.dropped += 1;
                continue;
            }
            queue.seen.insert(message.id.clone(), now);
            queue.there.push((queue.taken.len(), 0, false));
            queue.taken.push(message);
        }
        Ok(())
    }

    fn hand_out(&self, name: &str) -> Option<Received> {
        let mut queues = self.lock();
        let queue = queues.get_mut(&name.to_ascii_lowercase())?;
        let now = Timestamp::now();
        let is_due = |message: &Message| message.scheduled_for.is_none_or(|at| at <= now);
        let out: Vec<_> = queue.there.iter().filter(|(.., is_out)| *is_out).map(|(at, ..)| *at).collect();
        let busy: Vec<_> = out.iter().filter_map(|at| queue.taken[*at].session.clone()).collect();
        let is_free = |message: &Message| message.session.as_ref().is_none_or(|session| !busy.contains(session));
        let (at, count, is_out) = queue.there.iter_mut().find(|(at, _, is_out)| {
            let message = &queue.taken[*at];
            !is_out && is_due(message) && is_free(message)
        })?;
        (*count, *is_out) = (*count + 1, true);
        let message = &queue.taken[*at];
        Some(Received {
            receipt: format!("{at} {name}"),
            id: message.id.clone(),
            body: message.body.clone(),
            delivery_count: *count,
        })
    }

    fn settle(&self, receipt: &str, is_done: bool) {
        let (number, name) = receipt.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        let mut queues = self.lock();
        let there = &mut queues.get_mut(&name.to_ascii_lowercase()).unwrap().there;
        if is_done {
            there.retain(|(at, ..)| *at != number);
        } else {
            there.iter_mut().filter(|(at, ..)| *at == number).for_each(|(.., is_out)| *is_out = false);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn check(&self, name: &str, messages: &[Message]) -> Result<(), Refusal> {
        let no = |condition, status, text: &str| {
            let description = format!("{text} (entity '{name}')");
            Err(Refusal { condition, status, description })
        };
        if self.kind.is_disabled {
            return no("com.microsoft:entity-disabled", 400, "Messaging entity is currently disabled.");
        }
        if self.kind.is_full {
            return no(
                "amqp:resource-limit-exceeded",
                403,
                "The maximum entity size has been reached: quota exceeded.",
            );
        }
        if self.kind.needs_session && messages.iter().any(|message| message.session.is_none()) {
            return no("amqp:not-allowed", 400, "The SessionId was not set on a message.");
        }
        if messages.iter().any(|message| message.id.is_empty() || message.id.chars().count() > 128) {
            return no("amqp:not-allowed", 400, "The MessageId must have 1 to 128 characters.");
        }
        let is_mixed = messages.windows(2).any(|pair| pair[0].session != pair[1].session);
        let has_places = self.kind.is_partitioned && messages.windows(2).any(|pair| pair[0].id != pair[1].id);
        if is_mixed || has_places {
            let text =
                "Batching brokered messages with distinct SessionId, PartitionKey, or MessageId is not supported";
            return no("amqp:not-allowed", 400, text);
        }
        Ok(())
    }
}

#[async_trait]
impl Receiver for Queues {
    async fn receive(&self, queue: &str, patience: Duration) -> Option<Received> {
        let start = Instant::now();
        loop {
            if let Some(received) = self.hand_out(queue) {
                return Some(received);
            }
            if start.elapsed() >= patience {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn complete(&self, receipt: &str) {
        self.settle(receipt, true);
    }

    async fn abandon(&self, receipt: &str) {
        self.settle(receipt, false);
    }
}
