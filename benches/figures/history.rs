//! History: with 100,000 finished runs an event costs what it cost with none, and the first page is there at once.

use std::path::Path;
use std::time::Instant;

use local::home::Home;
use pipeline::event::{Event, Message, Verdict};
use pipeline::names::RunId;
use pipeline::run::Run;
use runner::keys;

use crate::decide::rehearsal;
use crate::http::Http;
use crate::product::{Product, folder};
use crate::rehearsals::{alone, in_flight};
use crate::table::{Samples, Table, Wanted};

const FINISHED: u64 = 100_000;
const ROUNDS: usize = 11;
const PAGES: usize = 50;

pub fn measure(table: &mut Table) {
    let (old_home, new_home) = (folder(), folder());
    fill(old_home.path());
    let (old, new) = (Product::up(old_home.path()), Product::up(new_home.path()));
    for product in [&old, &new] {
        in_flight(product, 0..64, 4);
    }
    let (mut alone_old, mut alone_new) = (Samples::default(), Samples::default());
    let (mut many_old, mut many_new) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        alone_new.add(alone(&new, "alone", 20).median());
        alone_old.add(alone(&old, "alone", 20).median());
        many_new.add(1e6 / in_flight(&new, 0..64, 6));
        many_old.add(1e6 / in_flight(&old, 0..64, 6));
    }
    let wanted = Wanted::AtMostTimes(1.1);
    table.add("a rehearsal alone after 100,000 runs (floor: after none)", "ms", alone_old, Some(alone_new), wanted);
    table.add("a rehearsal of 64 after 100,000 runs (floor: after none)", "µs", many_old, Some(many_new), wanted);

    let mut pages = Samples::default();
    let mut http = Http::connect(old.port).unwrap();
    for _ in 0..PAGES {
        let begun = Instant::now();
        let (status, _) = http.ask("GET", "/api/runs", "").unwrap();
        assert_eq!(status, 200);
        pages.add(begun.elapsed().as_secs_f64() * 1e3);
    }
    table.add("GET /api/runs of 100,000", "ms", pages, None, Wanted::Below(50.0));
}

/// Writes finished runs as the product would have, one for each minute that has passed.
fn fill(home: &Path) {
    let home = Home::open(home).unwrap();
    let finished = finished();
    let filled = home.database().write(move |change| {
        let insert = "INSERT INTO documents (key, version, body) VALUES (?1, ?2, ?3)";
        for number in 1..=FINISHED {
            let at = finished.created_at - jiff::SignedDuration::from_mins((FINISHED - number) as i64 + 1);
            let run = Run { id: RunId::newest(at, &number.to_string()), number, created_at: at, ..finished.clone() };
            let body = serde_json::to_vec(&run).unwrap();
            change.execute(insert, (keys::run(&run.id), change.next_number(), body))?;
            let claim = format!(r#"{{"run":"{}","number":{number}}}"#, run.id).into_bytes();
            change.execute(insert, (keys::number(&run.project, number), change.next_number(), &claim))?;
            change.execute(insert, (keys::cause(&run.project, run.id.as_str()), change.next_number(), &claim))?;
        }
        let project = format!(r#"{{"last_number":{FINISHED},"branches":{{}}}}"#).into_bytes();
        change.execute(insert, (keys::project(&finished.project), change.next_number(), project))?;
        Ok(())
    });
    tokio::runtime::Runtime::new().unwrap().block_on(filled).unwrap();
}

/// A rehearsal that has come to its end.
fn finished() -> Run {
    let mut run = rehearsal("finished");
    let now = run.created_at;
    pipeline::start(&mut run, now);
    while let Some(letter) = run.outbox.pop() {
        pipeline::advance(&mut run, &letter.message, now);
        if let Some((key, record, _)) = run.waiting() {
            let (step, attempt) = (key.clone(), record.attempt);
            let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "berta".into(), reason: None };
            let message = Message { id: "approved".into(), run: run.id.clone(), step, attempt, event };
            pipeline::advance(&mut run, &message, now);
        }
    }
    assert!(run.ended.is_some(), "it came to its end");
    run
}
