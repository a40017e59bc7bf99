//! Ports in another process keep the promises of ports.

use runner::conformance::{artifacts, bus, ledger, models, store};
use runner::memory::Machine;

use super::Host;

#[tokio::test]
async fn the_store_keeps_its_promises() {
    let host = Host::of(Machine::new().ports()).await;
    store::all(&*host.link().await.store).await;
}

#[tokio::test]
async fn the_bus_keeps_its_promises() {
    let machine = Machine::new();
    let host = Host::of(machine.ports()).await;
    bus::all(&*host.link().await.bus, &machine.queue, "train").await;
}

#[tokio::test]
async fn the_ledgers_keep_their_promises() {
    for machine in [Machine::new(), Machine::save_then_send()] {
        let host = Host::of(machine.ports()).await;
        let ports = host.link().await;
        ledger::all(&*ports.ledger, &*ports.store, &machine.queue, "train").await;
    }
}

#[tokio::test]
async fn artifacts_keep_their_promises() {
    let host = Host::of(Machine::new().ports()).await;
    artifacts::all(&*host.link().await.artifacts).await;
}

macro_rules! models_promise {
    ($($promise:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $promise() {
            let host = Host::of(Machine::new().ports()).await;
            models::$promise(&*host.link().await.models).await;
        }
    )*};
}

models_promise!(
    versions_are_counted_from_one,
    each_name_has_its_own_count,
    a_repeat_answers_the_same_version,
    many_at_once_leave_no_gap,
    the_newest_version_is_listed_first,
    tags_take_the_newer_value,
    an_unknown_version_is_not_there,
);
