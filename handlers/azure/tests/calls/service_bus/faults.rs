//! Every fault meets every kind of send, on a fresh connection and on a warm one, once and for good. Whatever comes of it,
//! nothing is sent twice, and what was not sent comes with an error.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use runner::ports::{Bus as _, Parcel, PortError};

use super::{Bench, in_session, parcel};
use crate::fake::service_bus::Fault;

/// What becomes of a send.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// It is done.
    Done,
    /// It is worth another try, and says why.
    Later(&'static str),
    /// It is not, and says what to do.
    Never(&'static [&'static str]),
}

use Becomes::{Done, Later, Never};

const BUSY: (&str, &str) = ("com.microsoft:server-busy", "Please wait 2 seconds and try again.");
const FORCED: (&str, &str) = ("amqp:link:detach-forced", "The link is force detached.");
const CLOSED: (&str, &str) = ("amqp:connection:forced", "The connection is closed for maintenance.");
const INTERNAL: (&str, &str) = ("amqp:internal-error", "The service was unable to process the request.");
const UNKNOWN: (&str, &str) = ("amqp:unauthorized-access", "Unauthorized access. 'Send' claim(s) are required.");
const GONE: (&str, &str) = ("amqp:not-found", "The messaging entity could not be found.");
const DISABLED: (&str, &str) = ("com.microsoft:entity-disabled", "Messaging entity is currently disabled.");
const LARGE: (&str, &str) = ("amqp:link:message-size-exceeded", "The received message is too large.");
const FULL: (&str, &str) = ("amqp:resource-limit-exceeded", "The maximum entity size has been reached.");
const ROLE: &[&str] =
    &["the managed identity trainyard may not", "the role Azure Service Bus Data Sender on the namespace"];
const QUEUE: &[&str] = &["has no queue", "deploy the infrastructure again"];

/// The fault; what becomes of a send that it hits once; and of one that it hits each time.
const FAULTS: [(Fault, Becomes, Becomes); 31] = [
    (Fault::Hangup, Done, Later("could not connect")),
    (Fault::Mute, Done, Later("no answer in 1s")),
    (Fault::Token(401, "40103: Invalid authorization token signature"), Done, Never(ROLE)),
    (Fault::Token(404, "40400: the namespace is not there"), Never(QUEUE), Never(QUEUE)),
    (Fault::Token(500, "50000"), Done, Later("the token was answered with 500")),
    (Fault::TokenSilence, Done, Later("no answer in 1s")),
    (Fault::TokenDrop, Done, Later("no token could be put")),
    (Fault::Attach(UNKNOWN), Done, Never(ROLE)),
    (Fault::Attach(GONE), Never(QUEUE), Never(QUEUE)),
    (Fault::Attach(DISABLED), Never(&["currently disabled"]), Never(&["currently disabled"])),
    (Fault::Attach(BUSY), Done, Later("server-busy")),
    (Fault::Attach(INTERNAL), Done, Later("internal-error")),
    (Fault::AttachSilence, Done, Later("no answer in 1s")),
    (Fault::AttachDrop, Done, Later("the connection has ended")),
    (Fault::Reject(BUSY), Done, Later("server-busy")),
    (Fault::Reject(INTERNAL), Done, Later("internal-error")),
    (Fault::Reject(FULL), Done, Later("resource-limit-exceeded")),
    (Fault::Reject(LARGE), Never(&["too large"]), Never(&["too large"])),
    (Fault::Reject(UNKNOWN), Done, Never(ROLE)),
    (Fault::Release, Done, Later("given back")),
    (Fault::Detach(FORCED), Done, Later("detach-forced")),
    (Fault::Detach(BUSY), Done, Later("server-busy")),
    (Fault::Detach(UNKNOWN), Done, Never(ROLE)),
    (Fault::DetachSilent, Done, Later("could not send")),
    (Fault::DetachAfter(FORCED), Done, Later("detach-forced")),
    (Fault::End(INTERNAL), Done, Later("internal-error")),
    (Fault::Close(CLOSED), Done, Later("connection:forced")),
    (Fault::Drop, Done, Later("the connection has ended")),
    (Fault::DropAfter, Done, Later("the connection has ended")),
    (Fault::Silence, Done, Later("no answer in 1s")),
    (Fault::SilenceAfter, Done, Later("no answer in 1s")),
];

/// More often than anything is tried.
const ALWAYS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_send_meets_every_fault_and_nothing_is_doubled_or_lost() {
    let mut cases = Vec::new();
    for (fault, once, always) in FAULTS {
        for (kind, parcels) in kinds() {
            for is_warm in [false, true] {
                cases.push((fault, 1, once, kind, parcels.clone(), is_warm));
                cases.push((fault, ALWAYS, always, kind, parcels.clone(), is_warm));
            }
        }
    }
    let count = cases.len();
    // Side by side: some of them wait for an answer that does not come.
    futures::stream::iter(cases)
        .for_each_concurrent(48, async |(fault, times, becomes, kind, parcels, is_warm)| {
            let at = format!("{kind}, warm {is_warm}: {fault:?}, {times} times");
            meet(fault, times, becomes, &parcels, is_warm, &at).await;
        })
        .await;
    assert_eq!(count, 31 * 3 * 2 * 2);
}

fn kinds() -> [(&'static str, Vec<Parcel>); 3] {
    let batch = (0..5).map(|number| parcel("train", &format!("batch-{number}"))).collect();
    let mixed = vec![
        in_session("train", "a1", "run-1"),
        parcel("evaluate", "b1"),
        in_session("train", "a2", "run-1"),
        in_session("train", "c1", "run-2"),
        parcel("evaluate", "b2"),
    ];
    [("one", vec![parcel("train", "one")]), ("batch", batch), ("mixed", mixed)]
}

async fn meet(fault: Fault, times: usize, becomes: Becomes, parcels: &[Parcel], is_warm: bool, at: &str) {
    // A busy machine must not take an answer that is on its way for none, where answers come.
    let is_silent = matches!(
        fault,
        Fault::Mute | Fault::TokenSilence | Fault::AttachSilence | Fault::Silence | Fault::SilenceAfter
    );
    let bench = Bench::with_timeout(if is_silent { 1 } else { 20 }).await;
    if is_warm {
        bench.bus.send(vec![parcel("train", "before"), parcel("evaluate", "before")]).await.unwrap();
    }
    for _ in 0..times {
        bench.namespace.spoil(fault);
    }

    let result = bench.bus.send(parcels.to_vec()).await;

    let hits = times - bench.namespace.faults_left();
    // On a warm link nothing is connected, put or attached any more.
    let becomes = if hits == 0 { Done } else { becomes };
    let at = format!("{at}: {hits} hits: {result:?}");
    assert!(hits < 20, "{at}: tries are bounded");
    assert!(is_warm || hits > 0, "{at}: it must have happened");
    match (becomes, &result) {
        (Done, Ok(())) => assert!(missing(&bench, parcels).is_empty(), "{at}: {:?}", missing(&bench, parcels)),
        (Later(word), Err(PortError::Transient { reason, .. })) => {
            // One of several at once may be the one that finds the connection gone, and does not learn why.
            assert!(reason.contains(word) || reason.contains("the connection has ended"), "{at}: {word}");
        }
        (Never(words), Err(PortError::Permanent { reason, .. })) => {
            assert!(words.iter().all(|word| reason.contains(word)), "{at}: {words:?}");
        }
        _ => panic!("{at}: wanted {becomes:?}"),
    }
    if let Err(error) = &result {
        assert!(!error.to_string().contains("secret"), "{at}");
    }

    bench.namespace.heal();
    bench.bus.send(parcels.to_vec()).await.unwrap_or_else(|error| panic!("{at}, and then {error}"));
    assert!(missing(&bench, parcels).is_empty(), "{at}, and then lost: {:?}", missing(&bench, parcels));
    for queue in ["train", "evaluate"] {
        let received = bench.namespace.received(queue);
        let ids: BTreeSet<_> = received.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len(), received.len(), "{at}: doubled");
        let in_order = |session: &str| {
            let ids = received.iter().filter(|message| message.session.as_deref() == Some(session));
            ids.map(|message| message.id.as_str()).collect::<Vec<_>>().is_sorted()
        };
        assert!(in_order("run-1"), "{at}: a session's order");
    }
}

/// Those that no queue has.
fn missing(bench: &Bench, parcels: &[Parcel]) -> Vec<String> {
    let has = |parcel: &&Parcel| {
        bench
            .namespace
            .received(&parcel.queue)
            .iter()
            .any(|message| message.id == parcel.id && message.body == parcel.body)
    };
    parcels.iter().filter(|parcel| !has(parcel)).map(|parcel| parcel.id.clone()).collect()
}
