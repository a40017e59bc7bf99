//! Service Bus triggers: one dispatcher for each function, from the embedded bus to the handler.
//!
//! A message is completed when the function succeeds and given back at once when it fails, as the real host does; ten
//! failures make it a dead letter. Its lock is renewed for as long as the function runs. While the handler is down no
//! message is taken: each would only use up its chances.

use std::sync::Arc;
use std::time::Duration;

use azure_functions::host::{Call, QueueMessage};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};
use uuid::Uuid;

use super::app::Entry;
use super::handler::{Handler, InvokeError, report};
use super::stop::Stop;
use crate::bus::{Broker, DEAD_LETTER_SOURCE, Delivery};

/// What the embedded bus calls itself in metadata.
const NAMESPACE: &str = "localhost";
const CLIENT: &str = "localhost-trainyard";

/// A message whose handler hung up is held back this long.
const HANG_UP: Duration = Duration::from_millis(100);
/// After the bus could not read a message.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes messages of one queue to one function.
pub(super) struct Dispatcher {
    pub entry: Arc<Entry>,
    pub queue: String,
    pub broker: Broker,
    pub handler: Arc<Handler>,
    /// How many messages at once.
    pub calls: usize,
    pub stop: Stop,
}

impl Dispatcher {
    /// Dispatches until it is told to stop, and then waits for what is under way.
    pub async fn run(self) {
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(this.calls));
        let stopped = this.stop.requested();
        tokio::pin!(stopped);
        loop {
            let deliveries = tokio::select! {
                biased;
                () = &mut stopped => break,
                deliveries = this.next(&slots) => deliveries,
            };
            for (delivery, slot) in deliveries {
                let this = Arc::clone(&this);
                tokio::spawn(async move {
                    this.deliver(delivery).await;
                    drop(slot);
                });
            }
        }
        // Closed by nobody, so it cannot fail; it ends when the last slot is back.
        drop(slots.acquire_many(u32::try_from(this.calls).unwrap_or(u32::MAX)).await);
    }

    /// Waits for a free slot, a handler and messages.
    async fn next(&self, slots: &Arc<Semaphore>) -> Vec<(Delivery, OwnedSemaphorePermit)> {
        self.handler.until_ready().await;
        let Ok(first) = Arc::clone(slots).acquire_owned().await else {
            return Vec::new();
        };
        let mut taken = vec![first];
        while let Ok(more) = Arc::clone(slots).try_acquire_owned() {
            taken.push(more);
        }
        match self.broker.receive(&self.queue, taken.len()).await {
            Ok(deliveries) => deliveries.into_iter().zip(taken).collect(),
            Err(error) => {
                error!("Queue `{}` cannot be read, and will be tried again: {error}", self.queue);
                tokio::time::sleep(PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let held = Held { broker: &self.broker, lock: Some(delivery.lock) };
        let body = envelope(&self.entry, &delivery);
        match self.call(&delivery, body).await {
            Ok(()) => held.complete(&self.queue, delivery.message.sequence_number),
            Err(error) => {
                let count = delivery.delivery_count;
                let id = &delivery.message.message_id;
                report(&self.entry, &error, format_args!("message `{id}` is given back after delivery {count}"));
                if matches!(error, InvokeError::Connection(_)) {
                    // The host learns a moment later that its handler has died. Given back at once, the message would
                    // have used up its deliveries by then.
                    tokio::time::sleep(HANG_UP).await;
                }
                drop(held);
            }
        }
    }

    /// Calls the function and keeps the message's lock meanwhile.
    async fn call(&self, delivery: &Delivery, body: String) -> Result<(), InvokeError> {
        let call = self.handler.invoke(&self.entry, body);
        tokio::pin!(call);
        let mut renewal = half_until(delivery.locked_until);
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer.map(drop),
                () = tokio::time::sleep(renewal) => match self.broker.renew(delivery.lock) {
                    Ok(until) => renewal = half_until(until),
                    Err(lost) => {
                        warn!("Function `{}` runs on without its message: {lost}", self.entry.name);
                        return call.await.map(drop);
                    }
                },
            }
        }
    }
}

/// A message on its way. Unless it is completed it is given back, also when the host stops in the middle.
struct Held<'a> {
    broker: &'a Broker,
    lock: Option<Uuid>,
}

impl Held<'_> {
    fn complete(mut self, queue: &str, number: i64) {
        if let Some(lock) = self.lock.take()
            && let Err(lost) = self.broker.complete(lock)
        {
            warn!("Message {number} of queue `{queue}` is done, and will come again: {lost}");
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            // A lock that is gone means that the message is available already.
            let _ = self.broker.abandon(lock);
        }
    }
}

/// Half of the time that is left, and never nothing.
fn half_until(until: Timestamp) -> Duration {
    let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
    (left / 2).max(Duration::from_millis(1))
}

fn envelope(entry: &Entry, delivery: &Delivery) -> String {
    let letter = &delivery.message;
    let source = letter.properties.get(DEAD_LETTER_SOURCE);
    let properties = letter.properties.iter().filter(|(name, _)| *name != DEAD_LETTER_SOURCE);
    let properties: Vec<_> = properties.map(|(name, value)| (&**name, &**value)).collect();
    call(entry).message(&QueueMessage {
        body: &letter.body,
        namespace: NAMESPACE,
        client: CLIENT,
        delivery_count: delivery.delivery_count,
        dead_letter_source: source.map(|source| &**source),
        lock_token: delivery.lock.as_u128(),
        expires_at: None,
        enqueued_at: letter.enqueued_at,
        message_id: &letter.message_id,
        content_type: Some("application/json"),
        sequence_number: letter.sequence_number,
        properties: &properties,
        session_id: letter.session.as_deref(),
    })
}

/// A message that no queue had: somebody runs the function by hand.
pub(super) fn by_hand(entry: &Entry, body: &str) -> String {
    let id = Uuid::new_v4();
    call(entry).message(&QueueMessage {
        body: body.as_bytes(),
        namespace: NAMESPACE,
        client: CLIENT,
        delivery_count: 1,
        dead_letter_source: None,
        lock_token: id.as_u128(),
        expires_at: None,
        enqueued_at: Timestamp::now(),
        message_id: &format!("by-hand-{id}"),
        content_type: None,
        sequence_number: 0,
        properties: &[],
        session_id: None,
    })
}

/// What every invocation has.
pub(super) fn call(entry: &Entry) -> Call<'_> {
    Call { function: &entry.name, binding: &entry.binding, now: Timestamp::now(), guid: Uuid::new_v4().as_u128() }
}
