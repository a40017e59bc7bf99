//! What a queue takes, and what it does not.

use runner::ports::{Bus as _, Parcel, PortError};

use super::{Bench, in_session, parcel};
use crate::fake::service_bus::Kind;

fn large(id: &str, bytes: usize) -> Parcel {
    Parcel { body: vec![b'7'; bytes], ..parcel("train", id) }
}

#[tokio::test]
async fn batches_are_cut_by_what_the_link_takes() {
    let bench = Bench::new().await;
    bench.bus.send(vec![parcel("train", "warm")]).await.unwrap();
    bench.namespace.forget_wire();
    let parcels: Vec<_> = (0..10).map(|number| large(&format!("m{number}"), 100 << 10)).collect();

    bench.bus.send(parcels.clone()).await.unwrap();

    let wire = bench.namespace.take_wire();
    assert_eq!(
        wire.iter().filter(|frame| **frame == "-> disposition").count(),
        5,
        "two of them in each batch: {wire:?}"
    );
    let received = bench.namespace.received("train");
    let pairs = received[1..].iter().zip(&parcels);
    assert!(pairs.clone().all(|(message, parcel)| message.id == parcel.id && message.body == parcel.body));
    assert_eq!(pairs.count(), 10);
}

#[tokio::test]
async fn batches_of_a_premium_namespace_are_smaller_than_its_largest_message() {
    let bench = Bench::new().await;
    bench.namespace.limit(100 << 20, Some(300 << 10));
    bench.bus.send(vec![large("alone", 3 << 20)]).await.unwrap();
    bench.namespace.forget_wire();

    bench.bus.send((0..6).map(|number| large(&format!("m{number}"), 100 << 10)).collect()).await.unwrap();

    let dispositions = bench.namespace.take_wire().iter().filter(|frame| **frame == "-> disposition").count();
    assert_eq!(dispositions, 3, "by what the link says of batches");
    assert_eq!(bench.namespace.received("train").len(), 7);
}

#[tokio::test]
async fn one_message_that_is_too_large_keeps_all_of_them_from_being_sent() {
    let bench = Bench::new().await;

    let parcels = vec![parcel("train", "small"), parcel("evaluate", "other"), large("large", 256 << 10)];
    let error = bench.bus.send(parcels).await.unwrap_err();

    let PortError::Permanent { reason, .. } = &error else { panic!("{error:?}") };
    for word in ["message large for queue train has 2621", "takes 262144", "256 KB in the Standard tier"] {
        assert!(reason.contains(word), "{reason}");
    }
    assert!(bench.namespace.received("train").is_empty() && bench.namespace.received("evaluate").is_empty());
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named_and_nothing_is_sent() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        let error = bench.bus.send(vec![parcel("train", "m"), parcel("deploy", "m")]).await.unwrap_err();
        let PortError::Permanent { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains("has no queue deploy (amqp:not-found)"), "{reason}");
    }
    assert_eq!((bench.namespace.connections(), bench.namespace.received("train").len()), (1, 0));

    bench.namespace.queues.add("deploy");
    bench.bus.send(vec![parcel("train", "m"), parcel("deploy", "m")]).await.unwrap();
    assert_eq!(bench.namespace.received("deploy").len(), 1);
}

#[tokio::test]
async fn a_partitioned_queue_takes_no_batch_and_gets_its_messages_one_by_one() {
    let bench = Bench::new().await;
    bench.namespace.queues.add_with("train", Kind { is_partitioned: true, ..Kind::default() });
    let parcels: Vec<_> = (0..4).map(|number| parcel("train", &format!("m{number}"))).collect();

    bench.bus.send(parcels).await.unwrap();

    let ids: Vec<_> = bench.namespace.received("train").into_iter().map(|message| message.id).collect();
    assert_eq!(ids, ["m0", "m1", "m2", "m3"]);
}

#[tokio::test]
async fn sessions_are_not_mixed_in_a_batch_and_each_keeps_its_order() {
    let bench = Bench::new().await;
    bench.namespace.queues.add_with("train", Kind { needs_session: true, ..Kind::default() });
    let parcels = (0..12).map(|number| in_session("train", &format!("m{number:02}"), &format!("run-{}", number % 3)));

    bench.bus.send(parcels.collect()).await.unwrap();

    let received = bench.namespace.received("train");
    for session in ["run-0", "run-1", "run-2"] {
        let ids = received.iter().filter(|message| message.session.as_deref() == Some(session));
        let ids: Vec<_> = ids.map(|message| &message.id).collect();
        assert!(ids.len() == 4 && ids.is_sorted(), "{session}: {ids:?}");
    }
    let error = bench.bus.send(vec![parcel("train", "without")]).await.unwrap_err();
    assert!(
        matches!(&error, PortError::Permanent { reason, .. } if reason.contains("SessionId was not set")),
        "{error}"
    );
}

#[tokio::test]
async fn a_message_twice_in_one_send_is_one() {
    let bench = Bench::new().await;
    let (twice, same_elsewhere) = (parcel("train", "twice"), parcel("evaluate", "twice"));
    bench.bus.send(vec![twice.clone(), twice.clone(), same_elsewhere]).await.unwrap();
    assert_eq!((bench.namespace.received("train").len(), bench.namespace.queues.dropped("train")), (1, 0));
    assert_eq!(bench.namespace.received("evaluate").len(), 1);
}
