use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{Timestamp, ToSpan};
use runner::conformance;
use runner::conformance::bus::{Received, Receiver, parcel};
use runner::ports::{Bus, Parcel};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::home::Home;

/// Long enough for whatever will come at all.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_keeps_its_promises() {
    let (home, _dir) = home(BrokerOptions::default());
    let receiver = TestReceiver(home.broker().clone());
    conformance::bus::all(home.broker(), &receiver, "train").await;
}

#[tokio::test]
async fn a_message_comes_again_when_its_lock_ends() {
    let (home, _dir) = home(short_locks());
    let broker = home.broker();
    broker.send(vec![parcel("train", "slow")]).await.unwrap();

    let first = one(broker, "train").await;
    let second = one(broker, "train").await;

    assert_eq!(first.message, second.message);
    assert_eq!((first.delivery_count, second.delivery_count), (1, 2));
    assert_eq!(broker.complete(first.lock), Err(LockLost(first.lock)));
    assert_eq!(broker.abandon(first.lock), Err(LockLost(first.lock)));
    assert!(broker.renew(first.lock).is_err());
    broker.complete(second.lock).unwrap();
    assert_eq!(broker.complete(second.lock), Err(LockLost(second.lock)));
    assert_eq!(broker.counts("train"), Counts::default());
}

#[tokio::test]
async fn a_lock_that_is_renewed_holds() {
    let lock_duration = Duration::from_secs(2);
    let (home, _dir) = home(BrokerOptions { lock_duration, ..BrokerOptions::default() });
    let broker = home.broker();
    broker.send(vec![parcel("train", "long")]).await.unwrap();
    let begun = Instant::now();
    let delivery = one(broker, "train").await;

    while begun.elapsed() < lock_duration * 2 {
        tokio::time::sleep(lock_duration / 20).await;
        if let Err(lost) = broker.renew(delivery.lock) {
            eprintln!("skipped: this machine slept through a lock ({lost})");
            return;
        }
    }

    assert_eq!(broker.counts("train").locked, 1);
    broker.complete(delivery.lock).unwrap();
}

#[tokio::test]
async fn a_message_that_nobody_can_settle_is_a_dead_letter() {
    let (home, _dir) = home(BrokerOptions::default());
    let broker = home.broker();
    let sent = parcel("train", "poison");
    broker.send(vec![sent.clone()]).await.unwrap();
    for count in 1..=10 {
        let delivery = one(broker, "train").await;
        assert_eq!(delivery.delivery_count, count);
        broker.abandon(delivery.lock).unwrap();
    }

    let dead = one(broker, DEAD_LETTERS).await;

    assert_eq!(dead.message.message_id, sent.id);
    assert_eq!(dead.message.body, sent.body);
    assert_eq!(dead.delivery_count, 1);
    assert_eq!(dead.message.properties[DEAD_LETTER_REASON], "MaxDeliveryCountExceeded");
    assert_eq!(dead.message.properties[DEAD_LETTER_SOURCE], "train");
    assert!(dead.message.properties[DEAD_LETTER_ERROR_DESCRIPTION].contains("10 times"));
    assert_eq!(broker.counts("train"), Counts { dead: 1, ..Counts::default() });
    broker.complete(dead.lock).unwrap();
    assert_eq!(broker.counts("train"), Counts::default());
}

#[tokio::test]
async fn a_message_can_be_given_up_with_a_reason_that_is_kept() {
    let (home, dir) = home(BrokerOptions::default());
    let sent = parcel("train", "odd");
    home.broker().send(vec![sent.clone()]).await.unwrap();
    let delivery = one(home.broker(), "train").await;
    home.broker().dead_letter(delivery.lock, "Unreadable", "it is not JSON").unwrap();
    assert!(home.broker().complete(delivery.lock).is_err());
    drop(home);

    let home = Home::open(dir.path()).unwrap();
    let dead = one(home.broker(), DEAD_LETTERS).await.message;

    assert_eq!((&dead.message_id, &dead.body[..]), (&sent.id, &sent.body[..]));
    assert_eq!(dead.properties[DEAD_LETTER_REASON], "Unreadable");
    assert_eq!(dead.properties[DEAD_LETTER_ERROR_DESCRIPTION], "it is not JSON");
    assert_eq!(home.broker().counts("train").dead, 1);
}

#[tokio::test]
async fn a_dead_letter_that_nobody_can_settle_is_put_away() {
    let (home, _dir) = home(BrokerOptions { max_deliveries: 1, ..BrokerOptions::default() });
    let broker = home.broker();
    broker.send(vec![parcel("train", "poison")]).await.unwrap();
    for queue in ["train", DEAD_LETTERS] {
        let delivery = one(broker, queue).await;
        broker.abandon(delivery.lock).unwrap();
    }
    let buried = one(broker, BURIED).await;
    assert_eq!(buried.message.properties[DEAD_LETTER_SOURCE], DEAD_LETTERS);
}

#[tokio::test]
async fn what_was_handed_out_is_available_after_a_restart_and_what_was_done_is_not() {
    let (home, dir) = home(BrokerOptions::default());
    let (done, open, poison) = (parcel("q", "done"), parcel("q", "open"), parcel("q", "poison"));
    let sent = vec![done.clone(), open.clone(), poison.clone()];
    home.broker().send(sent).await.unwrap();
    let first = receive(home.broker(), "q", 3).await;
    home.broker().complete(first[0].lock).unwrap();
    home.broker().abandon(first[2].lock).unwrap();
    let again = one(home.broker(), "q").await;
    assert_eq!((&again.message.message_id, again.delivery_count), (&poison.id, 2));
    drop(home);

    let home = Home::open(dir.path()).unwrap();
    let after = receive(home.broker(), "q", 10).await;

    let seen: Vec<_> =
        after.iter().map(|delivery| (delivery.message.message_id.clone(), delivery.delivery_count)).collect();
    assert_eq!(seen, [(open.id, 2), (poison.id, 3)]);
    assert_eq!(after[0].message.body, open.body);
    // The one that was done is still known, so that a repeat is none.
    home.broker().send(vec![done]).await.unwrap();
    assert_eq!(home.broker().counts("q").active, 0);
}

#[tokio::test]
async fn a_message_that_crashes_everybody_does_not_do_so_for_ever() {
    let (home, dir) = home(BrokerOptions::default());
    home.broker().send(vec![parcel("q", "poison")]).await.unwrap();
    drop(home);
    for count in 1..=10 {
        let home = Home::open(dir.path()).unwrap();
        assert_eq!(one(home.broker(), "q").await.delivery_count, count);
    }
    let home = Home::open(dir.path()).unwrap();
    let dead = one(home.broker(), DEAD_LETTERS).await;
    assert_eq!(dead.message.properties[DEAD_LETTER_SOURCE], "q");
}

#[tokio::test]
async fn an_id_is_free_again_after_the_window() {
    let duplicate_window = Duration::from_millis(1);
    let (home, dir) = home(BrokerOptions { duplicate_window, ..BrokerOptions::default() });
    let sent = parcel("q", "again");
    for _ in 0..3 {
        home.broker().send(vec![sent.clone()]).await.unwrap();
        tokio::time::sleep(duplicate_window * 20).await;
    }
    for delivery in receive(home.broker(), "q", 3).await {
        home.broker().complete(delivery.lock).unwrap();
    }
    drop(home);
    let home = Home::open(dir.path()).unwrap();
    assert_eq!(home.broker().counts("q"), Counts::default());
}

#[tokio::test]
async fn the_same_id_in_another_queue_is_another_message() {
    let (home, _dir) = home(BrokerOptions::default());
    let sent = parcel("a", "same");
    let other = Parcel { queue: "b".into(), ..sent.clone() };
    home.broker().send(vec![sent, other]).await.unwrap();
    assert_eq!(home.broker().counts("a").active, 1);
    assert_eq!(home.broker().counts("b").active, 1);
    assert_eq!(home.broker().queues(), ["a", "b"]);
}

#[tokio::test]
async fn a_scheduled_message_waits_through_a_restart() {
    let (home, dir) = home(BrokerOptions::default());
    let soon = Timestamp::now() + 1.second();
    let at = |name, deliver_at| Parcel { deliver_at: Some(deliver_at), ..parcel("q", name) };
    let sent = vec![at("soon", soon), at("late", soon + 24.hours())];
    home.broker().send(sent.clone()).await.unwrap();
    drop(home);

    let home = Home::open(dir.path()).unwrap();
    let delivery = one(home.broker(), "q").await;

    assert!(Timestamp::now() >= soon);
    assert_eq!(delivery.message.message_id, sent[0].id);
    assert_eq!(delivery.message.scheduled_for.unwrap().as_microsecond(), soon.as_microsecond());
    assert!(delivery.message.enqueued_at >= delivery.message.scheduled_for.unwrap());
    assert_eq!(home.broker().counts("q"), Counts { scheduled: 1, locked: 1, ..Counts::default() });
    let peeked = home.broker().peek("q", 0, 10).await.unwrap();
    assert_eq!(peeked.len(), 2);
    assert_eq!(peeked[1].body, sent[1].body);
}

#[tokio::test]
async fn sessions_do_not_wait_for_each_other() {
    let (home, _dir) = home(BrokerOptions::default());
    let broker = home.broker();
    let of = |session: &str, name| Parcel { session: Some(session.into()), ..parcel("q", name) };
    let sent = vec![of("a", "1"), of("a", "2"), of("b", "1"), of("b", "2"), parcel("q", "free")];
    broker.send(sent.clone()).await.unwrap();

    let first = receive(broker, "q", 10).await;
    assert_eq!(ids(&first), [&sent[0].id, &sent[2].id, &sent[4].id]);
    broker.complete(first[1].lock).unwrap();
    let second = receive(broker, "q", 10).await;
    assert_eq!(ids(&second), [&sent[3].id]);
    broker.dead_letter(first[0].lock, "Odd", "odd").unwrap();
    let third = receive(broker, "q", 10).await;
    assert_eq!(ids(&third), [&sent[1].id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_receivers_gets_its_message() {
    let (home, _dir) = home(BrokerOptions::default());
    let receivers: Vec<_> = (0..20)
        .map(|_| {
            let broker = home.broker().clone();
            tokio::spawn(async move { one(&broker, "q").await.message.message_id })
        })
        .collect();
    let sent: Vec<_> = (0..20).map(|_| parcel("q", "many")).collect();
    home.broker().send(sent.clone()).await.unwrap();

    let mut got = Vec::new();
    for receiver in receivers {
        got.push(receiver.await.unwrap());
    }
    got.sort();
    let mut expected: Vec<_> = sent.into_iter().map(|parcel| parcel.id).collect();
    expected.sort();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_receiver_that_goes_away_takes_nothing_along() {
    let (home, _dir) = home(BrokerOptions::default());
    let broker = home.broker();
    for _ in 0..3 {
        let none = timeout(Duration::from_millis(5), broker.receive("q", 1)).await;
        assert!(none.is_err());
    }
    broker.send(vec![parcel("q", "here")]).await.unwrap();
    assert_eq!(one(broker, "q").await.delivery_count, 1);
}

#[tokio::test]
async fn more_than_memory_keeps_is_delivered_from_the_file() {
    let (home, _dir) = home(BrokerOptions::default());
    for number in 0..5_u8 {
        let large = Parcel { body: vec![number; 20 << 20], ..parcel("q", "large") };
        home.broker().send(vec![large]).await.unwrap();
    }
    for number in 0..5_u8 {
        let delivery = one(home.broker(), "q").await;
        assert!(delivery.message.body == vec![number; 20 << 20]);
        home.broker().complete(delivery.lock).unwrap();
    }
}

#[tokio::test]
async fn a_message_without_an_id_or_a_queue_is_refused() {
    let (home, _dir) = home(BrokerOptions::default());
    for (queue, id) in [("", "id"), ("q", "")] {
        let bad = Parcel { queue: queue.into(), id: id.into(), ..parcel("q", "bad") };
        let error = home.broker().send(vec![parcel("q", "good"), bad]).await.unwrap_err();
        assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    }
    assert_eq!(home.broker().counts("q"), Counts::default());
}

/// The broker, as the promises are looked at.
pub(crate) struct TestReceiver(pub Broker);

#[async_trait]
impl Receiver for TestReceiver {
    async fn receive(&self, queue: &str, patience: Duration) -> Option<Received> {
        let received = timeout(patience, self.0.receive(queue, 1)).await.ok()?;
        let delivery = received.unwrap().remove(0);
        Some(Received {
            receipt: delivery.lock.to_string(),
            id: delivery.message.message_id,
            body: delivery.message.body.to_vec(),
            delivery_count: delivery.delivery_count,
        })
    }

    async fn complete(&self, receipt: &str) {
        self.0.complete(receipt.parse().unwrap()).unwrap();
    }

    async fn abandon(&self, receipt: &str) {
        self.0.abandon(receipt.parse().unwrap()).unwrap();
    }
}

async fn one(broker: &Broker, queue: &str) -> Delivery {
    receive(broker, queue, 1).await.remove(0)
}

async fn receive(broker: &Broker, queue: &str, max: usize) -> Vec<Delivery> {
    let received = timeout(PATIENCE, broker.receive(queue, max)).await;
    received.expect("a message should have come").unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<&String> {
    deliveries.iter().map(|delivery| &delivery.message.message_id).collect()
}

fn short_locks() -> BrokerOptions {
    BrokerOptions { lock_duration: Duration::from_secs(2), ..BrokerOptions::default() }
}

fn home(options: BrokerOptions) -> (Home, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Home::open_with(dir.path(), options).unwrap(), dir)
}
