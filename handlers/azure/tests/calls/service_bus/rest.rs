//! Messages over REST.

use std::sync::Arc;

use azure::{ConnectionString, Credential, ServiceBus, ServiceBusSettings, ServiceBusTransport};
use jiff::SignedDuration;
use runner::conformance;
use runner::memory::TestClock;
use runner::ports::{Bus as _, Clock, Parcel, PortError, SystemClock};
use serde_json::Value;

use super::{Entra, in_session, parcel, second};
use crate::fake::service_bus::{Kind, Message, Queues};
use crate::fake::{Fake, Fault};
use crate::weather::{self, FAULTS, Named, every_call_meets_every_fault};

const HOST: &str = "contoso.servicebus.windows.net";

#[derive(Debug)]
struct Bench {
    fake: Fake,
    entra: Entra,
    bus: ServiceBus,
}

fn settings(fake: &Fake) -> ServiceBusSettings {
    ServiceBusSettings {
        namespace: HOST.into(),
        transport: ServiceBusTransport::Https,
        is_emulator: false,
        base: Some(fake.host(HOST)),
        message_bytes_max: 256 << 10,
        timeout_secs: 3,
    }
}

impl Bench {
    fn queues(&self) -> Queues {
        self.fake.world().service_bus.queues.clone()
    }
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let (fake, entra) = (Fake::start().await, Entra::default());
        let bus = ServiceBus::new(settings(&fake), Arc::new(entra.clone()), Arc::new(entra.clock.clone())).unwrap();
        let bench = Self { fake, entra, bus };
        bench.queues().add("train");
        bench.queues().add("evaluate");
        bench
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.entra.clock
    }

    fn seen(&self) -> String {
        // Queues are told at once, so that which one is first is chance.
        let sorted = |queue: &str| {
            let mut messages: Vec<Message> = self.queues().received(queue);
            messages.sort_by(|one, other| one.id.cmp(&other.id));
            messages
        };
        format!("{:?} {:?}", sorted("train"), sorted("evaluate"))
    }
}

const CALLS: [Named<Bench>; 3] = [
    ("one", |bench| Box::pin(async { bench.bus.send(vec![parcel("train", "one")]).await })),
    ("batch", |bench| {
        let parcels = (0..5).map(|number| in_session("train", &format!("m{number}"), "run")).collect();
        Box::pin(async { bench.bus.send(parcels).await })
    }),
    ("two queues", |bench| {
        let parcels = vec![parcel("train", "a"), parcel("evaluate", "b"), parcel("train", "c")];
        Box::pin(async { bench.bus.send(parcels).await })
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_send_meets_every_fault_and_nothing_is_doubled_or_lost() {
    let count = every_call_meets_every_fault::<Bench>(&CALLS).await;
    assert_eq!(count, (1 + 1 + 2) * FAULTS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_a_bus() {
    let fake = Fake::start().await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let string = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;\
                  SharedAccessKey=SAS_KEY_VALUE";
    let string = ConnectionString::parse(string).unwrap();
    let credential = string.credential(clock.clone());
    let bus = ServiceBus::new(settings(&fake), credential, clock).unwrap();
    let queues = fake.world().service_bus.queues.clone();
    queues.add("train");
    conformance::bus::all(&bus, &queues, "train").await;
}

#[tokio::test]
async fn a_message_travels_with_all_that_is_known_of_it() {
    let bench = <Bench as weather::Bench>::new().await;
    let at = second(1_800_000_000) + SignedDuration::from_nanos(1);
    let odd = Parcel { deliver_at: Some(at), ..in_session("train", "übung \"7\" 🚂", "run-7") };

    bench.bus.send(vec![odd.clone()]).await.unwrap();
    bench.bus.send(vec![parcel("evaluate", "m1"), parcel("evaluate", "m2")]).await.unwrap();

    let [message] = &bench.queues().received("train")[..] else { panic!("one message") };
    assert_eq!((&message.id, message.session.as_deref(), &message.body), (&odd.id, Some("run-7"), &odd.body));
    assert_eq!(message.scheduled_for, Some(second(1_800_000_001)), "never early");
    let batch = bench.queues().received("evaluate");
    assert_eq!(batch.len(), 2);
    assert!(batch.iter().all(|message| message.content_type.as_deref() == Some("application/json")));
    let world = bench.fake.world();
    let seen: Vec<_> = world.seen.iter().map(|seen| (seen.method.as_str(), seen.path.as_str())).collect();
    let address = |queue: &str| format!("/{HOST}/{queue}/messages");
    assert_eq!(seen, [("POST", address("train").as_str()), ("POST", address("evaluate").as_str())]);
    assert_eq!(world.seen[1].headers["content-type"], "application/vnd.microsoft.servicebus.json");
    assert_eq!(world.seen[1].body[0]["BrokerProperties"]["MessageId"], Value::from("m1"));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let bench = <Bench as weather::Bench>::new().await;
    let queues = bench.queues();
    queues.add_with("full", Kind { is_full: true, ..Kind::default() });
    queues.add_with("partitioned", Kind { is_partitioned: true, ..Kind::default() });
    queues.add_with("sessions", Kind { needs_session: true, ..Kind::default() });
    let send = async |parcels: Vec<Parcel>| bench.bus.send(parcels).await;

    let gone = send(vec![parcel("deploy", "m")]).await.unwrap_err();
    assert!(
        matches!(&gone, PortError::Permanent { reason, .. } if reason.contains("has no queue deploy (410)")),
        "{gone}"
    );
    let full = send(vec![parcel("full", "m")]).await.unwrap_err();
    assert!(matches!(&full, PortError::Transient { reason, .. } if reason.contains("queue full is full")), "{full}");
    let wrong = send(vec![parcel("sessions", "m"), parcel("sessions", "n")]).await.unwrap_err();
    assert!(
        matches!(&wrong, PortError::Permanent { reason, .. } if reason.contains("SessionId was not set")),
        "{wrong}"
    );
    let large = send(vec![parcel("train", "m"), Parcel { body: vec![b'7'; 256 << 10], ..parcel("train", "n") }]).await;
    let large = large.unwrap_err();
    assert!(matches!(&large, PortError::Permanent { reason, .. } if reason.contains("takes 262144")), "{large}");
    assert!(queues.received("train").is_empty());
    send((0..4).map(|number| parcel("partitioned", &format!("m{number}"))).collect()).await.unwrap();
    assert_eq!(queues.received("partitioned").len(), 4);

    bench.fake.spoil(1, Fault::Status(403));
    let closed = send(vec![parcel("train", "m")]).await.unwrap_err().to_string();
    let words = "the managed identity trainyard may not send a message";
    assert!(closed.contains(words) && closed.contains("Azure Service Bus Data Sender on the namespace"), "{closed}");
}

#[tokio::test]
async fn another_key_is_not_let_in() {
    let fake = Fake::start().await;
    fake.world().service_bus.queues.add("train");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let string = "Endpoint=sb://contoso.servicebus.windows.net;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=other";
    let credential: Arc<dyn Credential> = ConnectionString::parse(string).unwrap().credential(clock.clone());
    let bus = ServiceBus::new(settings(&fake), credential, clock).unwrap();
    let error = bus.send(vec![parcel("train", "m")]).await.unwrap_err();
    let PortError::Permanent { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("the shared access key RootManageSharedAccessKey (it needs the claim Send)"), "{reason}");
    assert!(reason.contains("the signature is not ours"), "{reason}");
    assert!(reason.contains("the role Azure Service Bus Data Sender on the namespace"), "{reason}");
}
