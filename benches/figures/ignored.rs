//! An event that leads to nothing: a message that the run has taken already, as every bus delivers now and then. The
//! handler finds it in the run's journal and saves nothing.

use std::process::Stdio;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use azure_functions::host::{Call, QueueMessage};
use jiff::Timestamp;
use pipeline::run::Run;
use runner::ports::{Expect, Store as _};

use crate::cold_start::{Link, axum};
use crate::decide::{rehearsal, requested};
use crate::http::Http;
use crate::product::{Kill, folder, free_port};
use crate::table::{Samples, Table, Wanted};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(700);
const CALLERS: usize = 8;

pub fn measure(table: &mut Table) {
    let host = Link::serve();
    let home = folder();
    let run = half_way();
    let document = serde_json::to_vec(&run).unwrap();
    let key = runner::keys::run(&run.id);
    host.block_on(host.machine.store.put(&key, document, Expect::Absent)).unwrap();
    let envelope = envelope(&run, "train");

    let (ours_at, bare_at) = (free_port(), free_port());
    let mut handler = host.handler(home.path(), ours_at);
    let _handler = Kill(handler.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    let _bare = Kill(axum(bare_at).stdin(Stdio::null()).spawn().unwrap());
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        bare.add(per_second(bare_at, &envelope));
        ours.add(per_second(ours_at, &envelope));
    }
    let version = host.block_on(host.machine.store.get(&key)).unwrap().unwrap().body;
    assert_eq!(serde_json::from_slice::<Run>(&version).unwrap(), run, "nothing was saved");
    table.add("ignored events (duplicates)", "1/s", ours, Some(bare), Wanted::AtLeastTimes(0.8));
}

/// Requests a second, with so many callers that never pause.
fn per_second(port: u16, body: &str) -> f64 {
    while Http::connect(port).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (asked, ended, all) = (AtomicUsize::new(0), AtomicBool::new(false), Barrier::new(CALLERS + 1));
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let mut http = Http::connect(port).unwrap();
                assert_eq!(http.ask("POST", "/train", body).unwrap().0, 200);
                all.wait();
                while !ended.load(Ordering::Relaxed) {
                    http.ask("POST", "/train", body).unwrap();
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        all.wait();
        let begun = Instant::now();
        std::thread::sleep(ROUND);
        ended.store(true, Ordering::Relaxed);
        asked.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
    })
}

/// A run that has taken the messages of its first steps.
fn half_way() -> Run {
    let mut run = rehearsal("ignored");
    pipeline::start(&mut run, Timestamp::now());
    while !run.plan[6..].contains(&run.outbox[0].message.step) {
        let message = run.outbox.remove(0).message;
        pipeline::advance(&mut run, &message, Timestamp::now());
    }
    run.outbox.clear();
    run
}

/// What the host posts.
fn envelope(run: &Run, step: &str) -> String {
    let message = requested(run, step);
    let call = Call { function: step, binding: "message", now: Timestamp::now(), guid: 1 };
    call.message(&QueueMessage {
        body: &serde_json::to_vec(&message).unwrap(),
        namespace: "localhost",
        client: "localhost-trainyard",
        delivery_count: 2,
        dead_letter_source: None,
        lock_token: 2,
        expires_at: None,
        enqueued_at: Timestamp::now(),
        message_id: &message.id,
        content_type: Some("application/json"),
        sequence_number: 1,
        properties: &[],
        session_id: None,
    })
}
