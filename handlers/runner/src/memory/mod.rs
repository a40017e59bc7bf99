//! Every port in memory: a world that tests can stop at any call, look into and turn the clock of.
//!
//! Nothing here is random and nothing waits, so a test that fails fails again. What a [`Machine`] holds outlives a
//! crash of whoever uses its ports, as a database and a job platform outlive a process.
//!
//! ```text
//! the code under test --> Ports --> Faults: count, crash, lose the reply --> the world: documents, messages, jobs ...
//!        the test ------------------------------------------------------> looks in, ends jobs, turns the clock
//! ```

mod artifacts;
mod clock;
mod deployments;
mod faults;
mod images;
mod infrastructure;
mod jobs;
mod ledger;
mod models;
pub mod promises;
mod queue;
mod receiver;
mod secrets;
mod source;
mod store;
mod tally;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use artifacts::MemoryArtifacts;
pub use clock::TestClock;
pub use deployments::MemoryDeployments;
pub use faults::{Fault, Faults, Passage};
pub use images::MemoryImages;
pub use infrastructure::MemoryInfrastructure;
pub use jobs::{JobPlan, MemoryJobs};
pub use ledger::MemoryLedger;
pub use models::MemoryModels;
pub use queue::{Delivery, MemoryBus, Queue};
pub use secrets::MemorySecrets;
pub use source::MemorySource;
pub use store::MemoryStore;
pub use tally::Tally;

use crate::ports::{Ledger, Ports, SaveThenSend};
use world::World;

/// What errors of these backends call themselves.
const BACKEND: &str = "memory";

/// All ports in memory, and the handles by which a test looks into them.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Stops calls.
    pub faults: Faults,
    /// Counts what was done to the world.
    pub tally: Tally,
    /// Stands still until it is turned.
    pub clock: TestClock,
    /// What was sent and not yet settled.
    pub queue: Queue,
    /// Documents.
    pub store: Arc<MemoryStore>,
    /// The way into the queue.
    pub bus: Arc<MemoryBus>,
    /// Documents and messages in one go.
    pub ledger: Arc<MemoryLedger>,
    /// Large objects.
    pub artifacts: Arc<MemoryArtifacts>,
    /// Commits.
    pub source: Arc<MemorySource>,
    /// Jobs.
    pub jobs: Arc<MemoryJobs>,
    /// Model versions.
    pub models: Arc<MemoryModels>,
    /// Images.
    pub images: Arc<MemoryImages>,
    /// What serves.
    pub deployments: Arc<MemoryDeployments>,
    /// Infrastructure.
    pub infrastructure: Arc<MemoryInfrastructure>,
    atomic: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// An empty machine whose ledger is atomic, as on one machine.
    #[must_use]
    pub fn new() -> Self {
        let world = World::default();
        let artifacts = Arc::new(MemoryArtifacts::new(world.clone()));
        Self {
            faults: world.faults.clone(),
            tally: world.tally.clone(),
            clock: world.clock.clone(),
            queue: Queue::new(world.clone()),
            store: Arc::new(MemoryStore::new(world.clone())),
            bus: Arc::new(MemoryBus::new(world.clone())),
            ledger: Arc::new(MemoryLedger::new(world.clone())),
            source: Arc::new(MemorySource::new(world.clone(), artifacts.clone())),
            artifacts,
            jobs: Arc::new(MemoryJobs::new(world.clone())),
            models: Arc::new(MemoryModels::new(world.clone())),
            images: Arc::new(MemoryImages::new(world.clone())),
            deployments: Arc::new(MemoryDeployments::new(world.clone())),
            infrastructure: Arc::new(MemoryInfrastructure::new(world)),
            atomic: true,
        }
    }

    /// An empty machine that writes first and sends then, as in the cloud: a crash may come between the two.
    #[must_use]
    pub fn save_then_send() -> Self {
        Self { atomic: false, ..Self::new() }
    }

    /// The ports, as the code under test gets them.
    #[must_use]
    pub fn ports(&self) -> Ports {
        let ledger: Arc<dyn Ledger> = if self.atomic {
            self.ledger.clone()
        } else {
            Arc::new(SaveThenSend::new(self.store.clone(), self.bus.clone()))
        };
        Ports {
            store: self.store.clone(),
            bus: self.bus.clone(),
            ledger,
            artifacts: self.artifacts.clone(),
            source: self.source.clone(),
            jobs: self.jobs.clone(),
            models: self.models.clone(),
            images: self.images.clone(),
            deployments: self.deployments.clone(),
            infrastructure: self.infrastructure.clone(),
            clock: Arc::new(self.clock.clone()),
        }
    }

    /// Whether the world keeps the ends of jobs, builds and deployments to itself instead of sending them as events.
    /// Polls find them then.
    pub fn lose_events(&self, lost: bool) {
        self.queue.lose_events(lost);
    }
}

/// Locks. A test that panicked while it held the lock has failed already; the others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names a backend for people.
macro_rules! named {
    ($type:ty, $name:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name)
            }
        }
    };
}
use named;

/// What is not there, as an error.
fn absent(what: impl fmt::Display) -> crate::ports::PortError {
    crate::ports::PortError::permanent(BACKEND, format_args!("there is no {what}"))
}
