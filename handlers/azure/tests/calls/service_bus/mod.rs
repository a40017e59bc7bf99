//! Messages on their way to Service Bus, over AMQP and over REST.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure::{ConnectionString, Credential, ServiceBus, ServiceBusSettings, ServiceBusTransport, Token};
use jiff::{SignedDuration, Timestamp};
use runner::memory::TestClock;
use runner::ports::{Clock, Parcel, Result, SystemClock};

use crate::fake::service_bus::Namespace;

mod amqp;
mod faults;
mod limits;
mod measure;
mod rest;
mod settings;

/// Gives tokens for an hour.
#[derive(Debug, Clone, Default)]
struct Entra {
    clock: TestClock,
    given: Arc<AtomicUsize>,
}

#[async_trait]
impl Credential for Entra {
    async fn token(&self) -> Result<Token> {
        let number = self.given.fetch_add(1, Ordering::SeqCst);
        Token::bearer(&format!("secret-{number}"), Some(self.clock.now() + SignedDuration::from_hours(1)))
    }

    fn identity(&self) -> String {
        "the managed identity trainyard".into()
    }
}

/// A namespace in this process with the queues `train` and `evaluate`, and our way to it.
struct Bench {
    namespace: Namespace,
    entra: Entra,
    bus: ServiceBus,
}

impl Bench {
    async fn new() -> Self {
        Self::with_timeout(20).await
    }

    async fn with_timeout(timeout_secs: u64) -> Self {
        let namespace = Namespace::start().await;
        namespace.queues.add("train");
        namespace.queues.add("evaluate");
        let entra = Entra::default();
        let settings = ServiceBusSettings { timeout_secs, ..settings(&namespace) };
        let bus = ServiceBus::new(settings, Arc::new(entra.clone()), Arc::new(entra.clock.clone())).unwrap();
        Self { namespace, entra, bus }
    }
}

fn settings(namespace: &Namespace) -> ServiceBusSettings {
    ServiceBusSettings {
        namespace: namespace.host(),
        transport: ServiceBusTransport::Amqp,
        is_emulator: true,
        base: None,
        message_bytes_max: 256 << 10,
        timeout_secs: 20,
    }
}

/// By the connection string, as on a developer's machine.
fn by_key(namespace: &Namespace) -> ServiceBus {
    let string = ConnectionString::parse(&namespace.connection_string()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    ServiceBus::new(string.settings(), string.credential(clock.clone()), clock).unwrap()
}

fn parcel(queue: &str, id: &str) -> Parcel {
    let body = format!("{{\"name\":\"{id}\"}}").into_bytes();
    Parcel { queue: queue.into(), id: id.into(), session: None, deliver_at: None, body }
}

fn in_session(queue: &str, id: &str, session: &str) -> Parcel {
    Parcel { session: Some(session.into()), ..parcel(queue, id) }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}
