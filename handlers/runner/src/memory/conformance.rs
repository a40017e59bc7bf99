//! The memory backends keep the promises of their ports.

use super::Machine;
use crate::conformance::{artifacts, bus, ledger, models, store};

#[tokio::test]
async fn the_store_keeps_its_promises() {
    store::all(&*Machine::new().store).await;
}

#[tokio::test]
async fn the_bus_keeps_its_promises() {
    let machine = Machine::new();
    bus::all(&*machine.bus, &machine.queue, "train").await;
}

#[tokio::test]
async fn the_ledgers_keep_their_promises() {
    for machine in [Machine::new(), Machine::save_then_send()] {
        let ports = machine.ports();
        ledger::all(&*ports.ledger, &*ports.store, &machine.queue, "train").await;
    }
}

#[tokio::test]
async fn artifacts_keep_their_promises() {
    artifacts::all(&*Machine::new().artifacts).await;
}

macro_rules! models_promise {
    ($($promise:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $promise() {
            models::$promise(&*Machine::new().models).await;
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
