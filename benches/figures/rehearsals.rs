//! Whole runs through host, bus and handler: 13 steps, each durable before the next, with one approval by a person.
//! Beside them the floor: the same 13 commits and nothing else.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::floor::{STEPS, Steps};
use crate::http::Http;
use crate::product::{Product, folder};
use crate::table::{Samples, Table, Wanted};

const ALONE_ROUNDS: usize = 15;
const ALONE_RUNS: usize = 10;
const MANY: usize = 64;
const MANY_ROUNDS: usize = 7;
/// Runs, one after the other, of each of the many.
const MANY_RUNS: usize = 12;

pub fn measure(table: &mut Table) {
    let home = folder();
    let product = Product::up(home.path());
    let floor_in = folder();
    let mut floor = Steps::open(floor_in.path(), MANY);
    alone(&product, "warm-up", 20);

    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..ALONE_ROUNDS {
        theirs.add(in_turn(&mut floor, ALONE_RUNS).as_secs_f64() * 1e3 / ALONE_RUNS as f64);
        ours.add(alone(&product, "alone", ALONE_RUNS).median());
    }
    table.add("a rehearsal alone", "ms", ours, Some(theirs), Wanted::AtMostTimes(4.0));

    let (mut ours, mut once, mut group) = (Samples::default(), Samples::default(), Samples::default());
    in_flight(&product, 0..MANY, 2);
    for _ in 0..MANY_ROUNDS {
        let runs = MANY * MANY_RUNS;
        once.add(runs as f64 / in_turn(&mut floor, runs).as_secs_f64());
        group.add(runs as f64 / in_groups(&mut floor, runs).as_secs_f64());
        ours.add(in_flight(&product, 0..MANY, MANY_RUNS));
    }
    table.add("rehearsals, 64 in flight", "runs/s", ours.clone(), Some(once), Wanted::AtLeastTimes(1.0));
    table.add("the same, floor with group commit", "runs/s", ours, Some(group), Wanted::Nothing);
}

/// The floor, a commit for each step.
fn in_turn(floor: &mut Steps, runs: usize) -> Duration {
    let begun = Instant::now();
    for run in 0..runs {
        let run = run % MANY;
        (0..STEPS).for_each(|nth| floor.commit(run..run + 1, nth));
    }
    begun.elapsed()
}

/// The floor, a commit for the same step of all that are in flight.
fn in_groups(floor: &mut Steps, runs: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..runs / MANY {
        (0..STEPS).for_each(|nth| floor.commit(0..MANY, nth));
    }
    begun.elapsed()
}

/// Runs one after the other; the milliseconds of each.
pub fn alone(product: &Product, project: &str, runs: usize) -> Samples {
    let watcher = Watcher::start(product.database(), Duration::from_micros(100));
    let mut http = Http::connect(product.port).unwrap();
    let mut times = Samples::default();
    for _ in 0..runs {
        let begun = Instant::now();
        rehearse(&mut http, &watcher.board, project);
        times.add(begun.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// Runs of as many projects at once; how many end in a second.
pub fn in_flight(product: &Product, projects: Range<usize>, runs_each: usize) -> f64 {
    let watcher = Watcher::start(product.database(), Duration::from_millis(10));
    let runs = projects.len() * runs_each;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for project in projects {
            let board = &watcher.board;
            scope.spawn(move || {
                let mut http = Http::connect(product.port).unwrap();
                (0..runs_each).for_each(|_| rehearse(&mut http, board, &format!("project-{project}")));
            });
        }
    });
    runs as f64 / begun.elapsed().as_secs_f64()
}

/// One run from its start to its end, with the approval as soon as the gate is open.
fn rehearse(http: &mut Http, board: &Board, project: &str) {
    let start = format!(r#"{{"project":"{project}","by":"ada","rehearsal":{{}}}}"#);
    let (status, answer) = http.ask("POST", "/api/runs", &start).unwrap();
    assert_eq!(status, 201, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    let id = answer["id"].as_str().unwrap();
    let sights = board.watch(id);
    assert_eq!(sights.recv(), Ok(Sight::Gate), "{id} ended before its gate");
    let path = format!("/api/runs/{id}/approvals/prod");
    let (status, answer) = http.ask("POST", &path, r#"{"decision":"approve","by":"berta"}"#).unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(sights.recv(), Ok(Sight::End), "{id} was not watched to its end");
}

#[derive(Debug, PartialEq, Eq)]
enum Sight {
    Gate,
    End,
}

/// Who watches what.
#[derive(Default)]
struct Board {
    watched: Mutex<HashMap<String, Watched>>,
    has_news: AtomicBool,
}

struct Watched {
    tell: Sender<Sight>,
    is_at_gate: bool,
}

impl Board {
    /// A run that was started just now.
    fn watch(&self, id: &str) -> Receiver<Sight> {
        let (tell, sights) = channel();
        self.watched.lock().unwrap().insert(id.to_owned(), Watched { tell, is_at_gate: false });
        self.has_news.store(true, Ordering::Release);
        sights
    }

    fn look(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut watched = self.watched.lock().unwrap();
        let active = "SELECT substr(key, 8) FROM documents WHERE key >= 'active/' AND key < 'active0'";
        let mut active = connection.prepare_cached(active)?;
        let active: Vec<String> = active.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        watched.retain(|id, watched| {
            let is_active = active.contains(id);
            if !is_active {
                watched.tell.send(Sight::End).unwrap();
            }
            is_active
        });
        let gate = r#"SELECT instr(body, CAST('"on":"approval"' AS BLOB)) FROM documents WHERE key = 'runs/' || ?1"#;
        let mut gate = connection.prepare_cached(gate)?;
        for (id, watched) in watched.iter_mut().filter(|(_, watched)| !watched.is_at_gate) {
            watched.is_at_gate = gate.query_row([id], |row| row.get(0)).optional()?.unwrap_or(false);
            if watched.is_at_gate {
                watched.tell.send(Sight::Gate).unwrap();
            }
        }
        Ok(())
    }
}

/// Looks into the product's file for gates that opened and runs that ended, since asking the product would cost it more
/// than the runs do.
struct Watcher {
    board: Arc<Board>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn start(database: PathBuf, pause: Duration) -> Self {
        let (board, stop) = (Arc::<Board>::default(), Arc::<AtomicBool>::default());
        let (ours, stopped) = (Arc::clone(&board), Arc::clone(&stop));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let thread = std::thread::spawn(move || {
            let mut seen: i64 = 0;
            while !stopped.load(Ordering::Relaxed) {
                let changes = connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap();
                if ours.has_news.swap(false, Ordering::Acquire) || changes != seen {
                    seen = changes;
                    ours.look(&connection).unwrap();
                }
                std::thread::sleep(pause);
            }
        });
        Self { board, stop, thread: Some(thread) }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
