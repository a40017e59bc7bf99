//! A durable step: message in, state saved, message out. One after the other, so that each has a commit of its own;
//! beside SQLite's own commits of as many bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use local::home::Home;
use pipeline::event::Message;
use runner::memory::Machine;
use runner::ports::{Bus as _, Expect, Parcel, Ports, Store as _, SystemClock};
use runner::{Handled, Runner, keys};
use tokio::runtime::Runtime;

use crate::decide::{rehearsal, requested};
use crate::floor::{STEPS, Steps};
use crate::product::folder;
use crate::table::{Samples, Table, Wanted};

const ROUNDS: usize = 15;
const RUNS: usize = 20;
/// Steps before the gate.
const ALONE: usize = 10;

pub fn measure(table: &mut Table) {
    let (ours_in, floor_in) = (folder(), folder());
    let runtime = Runtime::new().unwrap();
    let home = Home::open(ours_in.path()).unwrap();
    let runner = Runner::new(ports(&home));
    let mut floor = Steps::open(floor_in.path(), 1);
    let (mut ours, mut raw) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for nth in 0..RUNS * ALONE {
            floor.commit(0..1, nth % ALONE);
        }
        raw.add((RUNS * ALONE) as f64 / begun.elapsed().as_secs_f64());
        let times = (0..RUNS).map(|nth| runtime.block_on(run(&home, &runner, &format!("{round}-{nth}"))));
        ours.add((RUNS * ALONE) as f64 / times.sum::<Duration>().as_secs_f64());
    }
    const { assert!(ALONE < STEPS) };
    table.add("durable steps, one after the other", "1/s", ours, Some(raw), Wanted::AtLeastTimes(0.5));
}

/// Takes a run up to its gate; how long that took.
async fn run(home: &Home, runner: &Runner, name: &str) -> Duration {
    let run = rehearsal(name);
    let document = serde_json::to_vec(&run).unwrap();
    home.store().put(&keys::run(&run.id), document, Expect::Absent).await.unwrap();
    let first = requested(&run, "check");
    let body = serde_json::to_vec(&first).unwrap();
    let parcel = Parcel { queue: "check".into(), id: first.id, session: None, deliver_at: None, body };
    home.broker().send(vec![parcel]).await.unwrap();
    let begun = Instant::now();
    for key in &run.plan[..ALONE] {
        let deliveries = home.broker().receive(key.step.name(), 1).await.unwrap();
        let [delivery] = deliveries.as_slice() else { panic!("one message for {key}") };
        let message: Message = serde_json::from_slice(&delivery.message.body).unwrap();
        assert_eq!(runner.handle(&message).await, Ok(Handled::Done));
        home.broker().complete(delivery.lock).unwrap();
    }
    let took = begun.elapsed();
    let gate = home.broker().receive("approve", 1).await.unwrap();
    home.broker().complete(gate[0].lock).unwrap();
    took
}

/// The embedded store and bus; of the rest a rehearsal asks nothing.
fn ports(home: &Home) -> Ports {
    Ports {
        store: Arc::new(home.store()),
        bus: Arc::new(home.broker().clone()),
        ledger: Arc::new(home.ledger()),
        clock: Arc::new(SystemClock),
        ..Machine::new().ports()
    }
}
