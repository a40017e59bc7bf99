//! What [`Bus`] promises, as those see it who receive.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{Timestamp, ToSpan};

use crate::ports::{Bus, Parcel};

use super::fresh;

/// Long enough for whatever will come at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What settles it.
    pub receipt: String,
    /// The sender's.
    pub id: String,
    /// As it was sent.
    pub body: Vec<u8>,
    /// How often it was handed out, this time included.
    pub delivery_count: u32,
}

/// The receiving end of a bus, as a test needs it.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// The next message of a queue; None when none comes in this time.
    async fn receive(&self, queue: &str, patience: Duration) -> Option<Received>;

    /// The message is done with.
    async fn complete(&self, receipt: &str);

    /// The message is given back.
    async fn abandon(&self, receipt: &str);
}

/// All promises of a bus, one after the other. `queue` takes messages with and without session; it is empty.
pub async fn all(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    a_message_arrives_as_it_was_sent(bus, receiver, queue).await;
    all_messages_of_one_sending_arrive(bus, receiver, queue).await;
    sending_nothing_is_fine(bus).await;
    a_second_message_with_the_same_id_is_dropped(bus, receiver, queue).await;
    an_id_is_remembered_when_its_message_is_done(bus, receiver, queue).await;
    a_message_that_is_given_back_comes_again(bus, receiver, queue).await;
    a_scheduled_message_does_not_come_early(bus, receiver, queue).await;
    a_session_is_taken_in_order_one_at_a_time(bus, receiver, queue).await;
}

/// Id and body, once.
pub async fn a_message_arrives_as_it_was_sent(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let sent = parcel(queue, "plain");
    bus.send(vec![sent.clone()]).await.unwrap();

    let received = next(receiver, queue).await;

    assert_eq!((&received.id, &received.body), (&sent.id, &sent.body));
    assert_eq!(received.delivery_count, 1);
    receiver.complete(&received.receipt).await;
}

/// Several parcels are sent as one.
pub async fn all_messages_of_one_sending_arrive(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let sent: Vec<_> = (0..5).map(|_| parcel(queue, "many")).collect();
    bus.send(sent.clone()).await.unwrap();

    let mut ids = Vec::new();
    for _ in &sent {
        let received = next(receiver, queue).await;
        receiver.complete(&received.receipt).await;
        ids.push(received.id);
    }

    ids.sort();
    let mut expected: Vec<_> = sent.into_iter().map(|parcel| parcel.id).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

/// An empty outbox needs no special case.
pub async fn sending_nothing_is_fine(bus: &dyn Bus) {
    bus.send(Vec::new()).await.unwrap();
}

/// Who does not know whether they have sent it may send it again.
pub async fn a_second_message_with_the_same_id_is_dropped(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let (twice, behind) = (parcel(queue, "twice"), parcel(queue, "behind"));
    bus.send(vec![twice.clone(), twice.clone()]).await.unwrap();
    bus.send(vec![twice.clone()]).await.unwrap();
    bus.send(vec![behind.clone()]).await.unwrap();

    only(receiver, queue, &[&twice.id, &behind.id]).await;
}

/// A repeat that comes late is a repeat all the same.
pub async fn an_id_is_remembered_when_its_message_is_done(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let (done, behind) = (parcel(queue, "done"), parcel(queue, "behind"));
    bus.send(vec![done.clone()]).await.unwrap();
    only(receiver, queue, &[&done.id]).await;
    bus.send(vec![done]).await.unwrap();
    bus.send(vec![behind.clone()]).await.unwrap();

    only(receiver, queue, &[&behind.id]).await;
}

/// At once, and it is counted.
pub async fn a_message_that_is_given_back_comes_again(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let sent = parcel(queue, "again");
    bus.send(vec![sent.clone()]).await.unwrap();

    for count in 1..=3 {
        let received = next(receiver, queue).await;
        assert_eq!((&received.id, received.delivery_count), (&sent.id, count));
        if count < 3 {
            receiver.abandon(&received.receipt).await;
        } else {
            receiver.complete(&received.receipt).await;
        }
    }
}

/// It comes when it is due; others that were sent later do not wait for it.
pub async fn a_scheduled_message_does_not_come_early(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let at = Timestamp::now() + 2.seconds();
    let mut scheduled = parcel(queue, "scheduled");
    scheduled.deliver_at = Some(at);
    let past = Parcel { deliver_at: Some(Timestamp::now() - 1.hour()), ..parcel(queue, "past") };
    bus.send(vec![scheduled.clone(), past.clone()]).await.unwrap();

    let mut waiting = vec![scheduled.id.clone(), past.id];
    while !waiting.is_empty() {
        let received = next(receiver, queue).await;
        if received.id == scheduled.id {
            assert!(Timestamp::now() >= at, "it came before its time");
        }
        assert!(waiting.contains(&received.id), "{} came unasked", received.id);
        waiting.retain(|id| *id != received.id);
        receiver.complete(&received.receipt).await;
    }
}

/// One that is given back keeps its place.
pub async fn a_session_is_taken_in_order_one_at_a_time(bus: &dyn Bus, receiver: &dyn Receiver, queue: &str) {
    let session = fresh("session");
    let sent: Vec<_> = (0..4).map(|_| Parcel { session: Some(session.clone()), ..parcel(queue, "session") }).collect();
    for parcel in &sent {
        bus.send(vec![parcel.clone()]).await.unwrap();
    }

    let first = next(receiver, queue).await;
    assert_eq!(first.id, sent[0].id);
    // The second must not come while the first is out. That nothing comes can only be waited for.
    let second = receiver.receive(queue, Duration::from_millis(100)).await;
    assert_eq!(second, None);
    receiver.abandon(&first.receipt).await;

    let in_order: Vec<_> = sent.iter().map(|parcel| parcel.id.as_str()).collect();
    only(receiver, queue, &in_order).await;
}

/// A small message of its own.
#[must_use]
pub fn parcel(queue: &str, name: &str) -> Parcel {
    let id = fresh(name);
    Parcel {
        queue: queue.to_owned(),
        body: format!("{{\"name\":\"{id}\"}}").into_bytes(),
        id,
        session: None,
        deliver_at: None,
    }
}

/// The next message, which must come.
pub async fn next(receiver: &dyn Receiver, queue: &str) -> Received {
    let received = receiver.receive(queue, PATIENCE).await;
    received.unwrap_or_else(|| panic!("no message came to {queue}"))
}

/// Takes exactly these messages, in this order.
pub async fn only(receiver: &dyn Receiver, queue: &str, ids: &[&str]) {
    for id in ids {
        let received = next(receiver, queue).await;
        assert_eq!(received.id, *id);
        receiver.complete(&received.receipt).await;
    }
}
