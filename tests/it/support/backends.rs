//! The backends of a machine, as its handler has them: over the host's socket. So a test can put bytes on a queue that
//! only Azure DevOps or Event Grid would put there.

use std::fs;

use pipeline::names::Digest;
use runner::ports::{Parcel, Ports};
use serde_json::Value;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::Machine;

/// A connection to them.
#[derive(Debug)]
pub struct Backends {
    ports: Ports,
    runtime: Runtime,
}

impl Backends {
    /// Connects to those of this machine, whose host is up.
    pub fn of(machine: &Machine) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let link: Value = serde_json::from_slice(&fs::read(machine.home().join("link.json")).unwrap()).unwrap();
        let text = |name: &str| link[name].as_str().unwrap().to_owned();
        let ports = runtime.block_on(local::link::connect(text("place"), text("token"))).unwrap();
        Self { ports, runtime }
    }

    /// Puts bytes on a queue; answers the message's id.
    pub fn send(&self, queue: &str, body: &[u8]) -> String {
        let id = Uuid::new_v4().to_string();
        let (queue, body) = (queue.to_owned(), body.to_vec());
        let parcel = Parcel { queue, id: id.clone(), session: None, deliver_at: None, body };
        self.runtime.block_on(self.ports.bus.send(vec![parcel])).unwrap();
        id
    }

    /// Forgets all events, so that none that comes is a repeat.
    pub fn forget_events(&self) {
        self.runtime.block_on(async {
            let store = &self.ports.store;
            for prefix in ["events/", "event-names/"] {
                for key in store.list(prefix, None, 1000).await.unwrap() {
                    store.delete(&key).await.unwrap();
                }
            }
        });
    }

    /// The bytes of an artifact.
    pub fn artifact(&self, digest: &str) -> Vec<u8> {
        let digest: Digest = digest.parse().unwrap();
        self.runtime.block_on(self.ports.artifacts.get(&digest)).unwrap()
    }
}
