//! What is not seen from outside: TLS, and how lots are cut.

use std::sync::Arc;

use fake_azure::service_bus::Namespace;
use runner::ports::{Parcel, SystemClock};

use super::amqp::{Amqp, Tls};
use super::connection_string::ConnectionString;
use super::lots::{cut, lots};
use super::{ServiceBusSettings, timeout_secs};

fn parcel(queue: &str, id: &str, session: Option<&str>) -> Parcel {
    let session = session.map(str::to_owned);
    Parcel { queue: queue.into(), id: id.into(), session, deliver_at: None, body: b"{}".to_vec() }
}

async fn over_tls() -> (Namespace, Amqp) {
    let namespace = Namespace::start_with_tls().await;
    namespace.queues.add("train");
    let string = ConnectionString::parse(&namespace.connection_string()).unwrap();
    let settings = ServiceBusSettings { is_emulator: false, timeout_secs: timeout_secs(), ..string.settings() };
    let clock = Arc::new(SystemClock);
    (namespace, Amqp::new(settings, string.credential(clock.clone()), clock).unwrap())
}

#[tokio::test]
async fn a_message_goes_over_tls() {
    let (namespace, amqp) = over_tls().await;
    let amqp = amqp.trusting(Tls::of(Namespace::authorities()));
    amqp.send(&lots(vec![parcel("train", "m1", None)])).await.unwrap();
    assert_eq!(namespace.received("train").len(), 1);
}

#[tokio::test]
async fn who_is_not_trusted_gets_no_token() {
    let (namespace, amqp) = over_tls().await;
    let error = amqp.send(&lots(vec![parcel("train", "m1", None)])).await.unwrap_err().into_port().to_string();
    assert!(error.contains("could not trust localhost"), "{error}");
    assert!(namespace.tokens().is_empty());
}

#[test]
fn lots_are_a_queue_s_messages_of_one_session_each_id_once() {
    let parcels = vec![
        parcel("train", "1", None),
        parcel("train", "2", Some("a")),
        parcel("deploy", "1", None),
        parcel("train", "1", Some("a")),
        parcel("train", "3", None),
        parcel("train", "4", Some("a")),
    ];
    let lots = lots(parcels);
    let short: Vec<_> = lots
        .iter()
        .map(|lot| (lot.queue.as_str(), lot.parcels.iter().map(|parcel| parcel.id.as_str()).collect::<String>()))
        .collect();
    assert_eq!(short, [("train", "13".into()), ("train", "24".into()), ("deploy", "1".to_owned())]);
}

#[test]
fn a_lot_is_cut_by_bytes_and_by_count() {
    assert_eq!(cut(&[], 10, 3), []);
    assert_eq!(cut(&[4, 6, 1, 1, 1, 1], 10, 3), [0..2, 2..5, 5..6]);
    assert_eq!(cut(&[99, 1, 99], 10, 3), [0..1, 1..2, 2..3], "what is too large for a batch goes alone");
}
