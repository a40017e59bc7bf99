//! Messages through the host: sent, committed to the file, handed out, asked of a handler, completed.
//!
//! Host and handler are two runtimes of two threads each, as they are two processes. Plain figures, not divan's: what
//! matters is many at once, and one alone from its sending to the handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use azure_functions::{Function, HostJson, Invocation, Outcome, Router, Trigger, bind};
use local::bus::{Broker, BrokerOptions};
use local::database::Database;
use local::host::{HandlerOptions, Host, HostOptions};
use runner::ports::{Bus as _, Parcel};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::unbounded_channel;

const MANY: usize = 40_000;
const ALONE: usize = 2_000;

fn main() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let trigger = Trigger::ServiceBusQueue { queue: "train".into(), connection: "SERVICEBUS".into() };
    let function = Function::new("train", trigger).expect("it is a name");
    std::fs::create_dir(folder.path().join("train")).expect("the folder is ours");
    std::fs::write(folder.path().join("train/function.json"), function.to_json()).expect("the folder is ours");
    std::fs::write(folder.path().join("host.json"), HostJson::new("none").to_json()).expect("the folder is ours");

    let (host, handler) = (runtime(), runtime());
    let (asked, mut times) = unbounded_channel();
    let (count, total) = (Arc::new(AtomicUsize::new(0)), MANY + ALONE);
    let router = Router::new().function("train", move |_: Invocation| {
        let now = Instant::now();
        let is_counted = count.fetch_add(1, Ordering::Relaxed);
        // While there are many, only the last is news.
        if is_counted + 1 >= MANY && is_counted < total {
            let _ = asked.send(now);
        }
        std::future::ready(Outcome::success())
    });
    let listener = handler.block_on(bind(0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    handler.spawn(router.serve(listener));

    let database = Database::open(&folder.path().join("state.db")).expect("a new file opens");
    let broker = Broker::open(database, BrokerOptions::default()).expect("an empty bus opens");
    let options = HostOptions {
        script_root: folder.path().to_owned(),
        port: 0,
        handler: HandlerOptions::Attached { port },
        ..HostOptions::default()
    };
    host.block_on(async {
        let mut running = Host::new(options, broker.clone(), axum::Router::new()).start().await.expect("it starts");
        running.ready().await.expect("the handler is there");

        let begun = Instant::now();
        for batch in 0..MANY / 500 {
            let parcels = (0..500).map(|n| parcel(batch * 500 + n)).collect();
            broker.send(parcels).await.expect("the disk takes it");
        }
        let sent = begun.elapsed();
        let last = times.recv().await.expect("the handler lives");
        let took = last.duration_since(begun);
        println!("many:  {MANY} messages of 256 bytes, {:.0}/s (sending alone took {sent:.2?})", rate(MANY, took));

        let (mut commits, mut whole, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..ALONE {
            let begun = Instant::now();
            broker.send(vec![parcel(MANY + n)]).await.expect("the disk takes it");
            let answered = Instant::now();
            let asked = times.recv().await.expect("the handler lives");
            commits.push(answered.duration_since(begun));
            whole.push(asked.duration_since(begun));
            after.push(asked.saturating_duration_since(answered));
        }
        show("alone: send answered (committed)", commits);
        show("alone: send to handler asked", whole);
        show("alone: committed to handler asked", after);
        running.stop().await.expect("nothing broke");
        assert_eq!(broker.counts("train").active + broker.counts("train").locked, 0, "all are done");
    });
}

fn parcel(n: usize) -> Parcel {
    Parcel { queue: "train".into(), id: format!("m{n}"), session: None, deliver_at: None, body: vec![b'x'; 256] }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}

fn rate(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[times.len() * part / 100];
    println!("{what}: median {:.1?}, 95% {:.1?}, 99% {:.1?}", at(50), at(95), at(99));
}
