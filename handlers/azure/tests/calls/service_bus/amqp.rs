//! What goes over the wire when all is well, and how connections are kept.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use runner::conformance;
use runner::ports::{Bus as _, Parcel};

use super::{Bench, by_key, in_session, parcel, second};
use crate::fake::service_bus::Namespace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_a_bus() {
    let bench = Bench::new().await;
    conformance::bus::all(&bench.bus, &bench.namespace.queues, "train").await;
    let namespace = Namespace::start().await;
    namespace.queues.add("train");
    conformance::bus::all(&by_key(&namespace), &namespace.queues, "train").await;
}

#[tokio::test]
async fn one_parcel_on_a_warm_link_is_one_transfer_and_one_disposition() {
    let bench = Bench::new().await;
    bench.bus.send(vec![parcel("train", "first")]).await.unwrap();
    let cold = bench.namespace.take_wire();
    let asked = |name: &str| cold.iter().filter(|frame| **frame == name).count();
    assert_eq!(
        (asked("<- open"), asked("<- begin"), asked("<- attach"), asked("<- transfer")),
        (1, 2, 3, 2),
        "{cold:?}"
    );

    bench.bus.send(vec![parcel("train", "second")]).await.unwrap();
    assert_eq!(bench.namespace.take_wire(), ["<- transfer", "-> disposition"]);

    let several = (0..5).map(|number| parcel("train", &format!("batch-{number}"))).collect();
    bench.bus.send(several).await.unwrap();
    assert_eq!(bench.namespace.take_wire(), ["<- transfer", "-> disposition"], "a batch is one transfer");
    assert_eq!(bench.namespace.received("train").len(), 7);
}

#[tokio::test]
async fn a_message_travels_with_all_that_is_known_of_it() {
    let bench = Bench::new().await;
    let at = second(1_800_000_000) + SignedDuration::from_nanos(1);
    let sent = Parcel { deliver_at: Some(at), ..in_session("train", "m1", "run-7") };

    bench.bus.send(vec![sent.clone(), in_session("train", "m2", "run-7")]).await.unwrap();

    let [first, second_one] = &bench.namespace.received("train")[..] else { panic!("two messages") };
    assert_eq!((&first.id, first.session.as_deref(), &first.body), (&sent.id, Some("run-7"), &sent.body));
    assert_eq!(first.content_type.as_deref(), Some("application/json"));
    assert_eq!(first.scheduled_for, Some(second(1_800_000_000) + SignedDuration::from_millis(1)), "never early");
    assert_eq!(second_one.scheduled_for, None);
    let [put] = &bench.namespace.tokens()[..] else { panic!("{:?}", bench.namespace.tokens()) };
    assert_eq!((put.kind.as_str(), put.token.as_str()), ("jwt", "secret-0"));
    assert_eq!(put.audience, format!("sb://{}/train", bench.namespace.host()));
}

#[tokio::test]
async fn many_sends_at_once_share_one_connection_and_one_link() {
    let bench = Bench::new().await;
    let sends = (0..3000).map(|number| {
        let queue = if number % 3 == 0 { "evaluate" } else { "train" };
        bench.bus.send(vec![parcel(queue, &format!("m{number}"))])
    });

    let results = futures::future::join_all(sends).await;

    assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
    assert_eq!((bench.namespace.connections(), bench.namespace.tokens().len()), (1, 2));
    let count = bench.namespace.received("train").len() + bench.namespace.received("evaluate").len();
    assert_eq!(count, 3000);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_the_link_stays() {
    let bench = Bench::new().await;
    bench.bus.send(vec![parcel("train", "m0")]).await.unwrap();
    bench.entra.clock.advance_secs(54 * 60);
    bench.bus.send(vec![parcel("train", "m1")]).await.unwrap();
    assert_eq!(bench.entra.given.load(Ordering::SeqCst), 1, "it is good for more than five minutes");

    bench.entra.clock.advance_secs(2 * 60);
    bench.namespace.forget_wire();
    bench.bus.send(vec![parcel("train", "m2")]).await.unwrap();

    let put: Vec<_> = bench.namespace.tokens().into_iter().map(|put| put.token).collect();
    assert_eq!(put, ["secret-0", "secret-1"]);
    assert!(!bench.namespace.take_wire().contains(&"<- attach"));
    assert_eq!((bench.namespace.connections(), bench.namespace.received("train").len()), (1, 3));
}

#[tokio::test]
async fn what_has_ended_while_nobody_looked_is_made_anew() {
    let bench = Bench::new().await;
    let send = async |id: &str| bench.bus.send(vec![parcel("train", id)]).await.unwrap();
    send("m0").await;

    bench.namespace.detach_all(("amqp:link:detach-forced", "The link is force detached: idle for 00:10:00."));
    tokio::task::yield_now().await;
    send("m1").await;
    assert_eq!(bench.namespace.connections(), 1, "the connection was good");

    bench.namespace.detach_all(("amqp:unauthorized-access", "The token is expired."));
    send("m2").await;

    bench.namespace.close_all(("amqp:connection:forced", "The connection was inactive for 300000 milliseconds."));
    send("m3").await;
    bench.namespace.drop_all();
    send("m4").await;

    let ids: Vec<_> = bench.namespace.received("train").into_iter().map(|message| message.id).collect();
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(bench.namespace.connections(), 3);
}

#[tokio::test]
async fn a_send_that_is_given_up_halfway_leaves_nothing_broken() {
    let bench = Bench::new().await;
    for micros in (0..6000).step_by(150) {
        bench.namespace.drop_all();
        let pause = std::time::Duration::from_micros(micros);
        let _ = tokio::time::timeout(pause, bench.bus.send(vec![parcel("train", &format!("given-up-{micros}"))])).await;
        bench.bus.send(vec![parcel("train", &format!("after-{micros}"))]).await.unwrap();
    }
    let received = bench.namespace.received("train");
    let after = received.iter().filter(|message| message.id.starts_with("after-")).count();
    assert_eq!(after, 40);
}
