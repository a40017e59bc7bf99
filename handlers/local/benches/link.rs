//! Calls over the link: round trips alone, and many in flight.
//!
//! Host and handler are two runtimes of two threads each, as they are two processes; the backends are in memory, so
//! that the link is what is measured.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::future::join_all;
use runner::memory::Machine;
use runner::ports::{Expect, Parcel, Ports, Write};
use tokio::runtime::{Builder, Runtime};

/// Calls between two looks at the watch.
const CALLS: usize = 256;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 64])]
fn store_get(bencher: Bencher, in_flight: usize) {
    let both = Both::start();
    let ports = both.ports.clone();
    let put = ports.store.put("runs/r1", vec![b'x'; 4096], Expect::Anything);
    both.handler.block_on(put).expect("memory takes it");
    both.measure(bencher, in_flight, move |_| {
        let ports = ports.clone();
        async move { drop(ports.store.get("runs/r1").await.expect("it is there")) }
    });
}

#[divan::bench(args = [1, 64])]
fn ledger_commit(bencher: Bencher, in_flight: usize) {
    let both = Both::start();
    let ports = both.ports.clone();
    both.measure(bencher, in_flight, move |caller| {
        let ports = ports.clone();
        async move {
            let write =
                Write { key: format!("runs/r{caller}"), body: Some(vec![b'x'; 4096]), expect: Expect::Anything };
            // The same message each time: the queue does not grow.
            let parcel = Parcel {
                queue: "train".into(),
                id: format!("r{caller}/requested"),
                session: Some(format!("r{caller}")),
                deliver_at: None,
                body: vec![b'x'; 256],
            };
            let versions = ports.ledger.commit(vec![write], vec![parcel]).await;
            drop(versions.expect("memory takes it"));
        }
    });
}

/// A host and a handler.
struct Both {
    handler: Runtime,
    ports: Arc<Ports>,
    _host: Runtime,
}

impl Both {
    fn start() -> Self {
        let runtime = || {
            let mut builder = Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).enable_all().build();
            runtime.expect("a runtime starts")
        };
        let (host, handler) = (runtime(), runtime());
        let machine = Machine::new();
        machine.faults.keep_no_trace();
        let home = tempfile::tempdir().expect("a folder for the socket");
        let place = local::link::place(home.path());
        let listener = host.block_on(async { local::link::listen(&place) }).expect("the folder is ours");
        host.spawn(local::link::serve(listener, "token".into(), machine.ports()));
        let ports = handler.block_on(local::link::connect(place, "token")).expect("the host is there");
        Self { handler, ports: Arc::new(ports), _host: host }
    }

    /// Calls from so many tasks at once, each with its next call after the answer to the last.
    fn measure<F: Future<Output = ()> + Send>(
        &self,
        bencher: Bencher,
        in_flight: usize,
        call: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
    ) {
        bencher.counter(ItemsCount::new(CALLS)).bench(|| {
            let callers = (0..in_flight).map(|caller| {
                let call = call.clone();
                self.handler.spawn(async move {
                    for _ in 0..CALLS / in_flight {
                        call(caller).await;
                    }
                })
            });
            for ended in self.handler.block_on(join_all(callers)) {
                ended.expect("no call panics");
            }
        });
    }
}
