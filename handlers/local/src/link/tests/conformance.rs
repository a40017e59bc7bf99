//! Ports in another process keep the promises of ports.

use runner::memory::{Machine, promises};

use super::Host;

macro_rules! promises {
    ($($test:ident: $port:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $test() {
            for machine in [Machine::new(), Machine::save_then_send()] {
                let host = Host::of(machine.ports()).await;
                promises::$port(&machine, &host.link().await).await;
            }
        }
    )*};
}

promises!(
    the_store_keeps_its_promises: store,
    the_bus_keeps_its_promises: bus,
    the_ledger_keeps_its_promises: ledger,
    artifacts_keep_their_promises: artifacts,
    the_source_keeps_its_promises: source,
    the_job_platform_keeps_its_promises: jobs,
    the_model_registry_keeps_its_promises: models,
    images_keep_their_promises: images,
    deployments_keep_their_promises: deployments,
);
