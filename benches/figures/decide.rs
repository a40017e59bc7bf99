//! A decision: one message taken into a run, with its journal.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pipeline::advance;
use pipeline::event::{Event, Message, StepKey};
use pipeline::plan::plan;
use pipeline::run::{Facts, Run, Trigger};

use crate::table::{Samples, Table, Wanted};

const ROUNDS: usize = 50;
const RUNS: u32 = 2_000;

pub fn measure(table: &mut Table) {
    let (run, message) = half_way();
    let mut times = Samples::default();
    for _ in 0..ROUNDS {
        let mut time = Duration::ZERO;
        for _ in 0..RUNS {
            // As when it was loaded just now, or kept since the last step.
            let mut before = run.clone();
            let begun = Instant::now();
            let has_changed = advance(black_box(&mut before), black_box(&message), Timestamp::UNIX_EPOCH);
            time += begun.elapsed();
            assert!(has_changed && before.journal.len() == run.journal.len() + 1, "it decided");
        }
        times.add_micros(time / RUNS);
    }
    table.add("decide: one step with its journal", "µs", times, None, Wanted::Below(2.0));
}

/// A rehearsal that has come to its eighth step.
fn half_way() -> (Run, Message) {
    let mut run = rehearsal("half-way");
    pipeline::start(&mut run, Timestamp::UNIX_EPOCH);
    let mut message = run.outbox.remove(0).message;
    while message.step.to_string() != "profile" {
        advance(&mut run, &message, Timestamp::UNIX_EPOCH);
        message = run.outbox.remove(0).message;
    }
    (run, message)
}

/// A rehearsal that has not begun.
pub fn rehearsal(name: &str) -> Run {
    let manifest = pipeline::manifest::read("trainyard.yml", "version: 1\nproject: bench\n").unwrap();
    Run {
        schema: pipeline::run::SCHEMA,
        id: pipeline::names::RunId::newest(Timestamp::now(), name),
        number: 1,
        project: "bench".parse().unwrap(),
        trigger: Trigger::Rehearsal,
        branch: None,
        commit: None,
        source: None,
        requested_by: "ada".into(),
        created_at: Timestamp::now(),
        plan: plan(&Trigger::Rehearsal, &manifest),
        manifest,
        steps: Default::default(),
        facts: Facts::default(),
        ended: None,
        superseded_by: None,
        pending: Vec::new(),
        outbox: Vec::new(),
        early: Vec::new(),
        journal: Vec::new(),
    }
}

/// The message that asks a step to begin.
pub fn requested(run: &Run, step: &str) -> Message {
    let step: StepKey = step.parse().unwrap();
    Message { id: format!("{}/{step}/1", run.id), run: run.id.clone(), step, attempt: 1, event: Event::Requested }
}
