//! What a commit costs: the floor is what SQLite itself takes for the same writes, one commit after the other.
//!
//! `cargo bench -p trainyard-local --bench ledger`

// A bench that cannot go on has nothing to measure.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::future::join_all;
use local::home::Home;
use runner::ports::{Expect, Ledger, Parcel, Store, Write};
use rusqlite::Connection;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// About what a run's document and a message weigh.
const DOCUMENT: usize = 4000;
const MESSAGE: usize = 400;

fn main() {
    divan::main();
}

/// A document updated and a message added, with nothing around it.
#[divan::bench]
fn floor_raw_sqlite(bencher: Bencher) {
    let dir = dir();
    let connection = Connection::open(dir.path().join("raw.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE documents (number INTEGER PRIMARY KEY, key TEXT UNIQUE, version INTEGER, body BLOB);
             CREATE TABLE messages (number INTEGER PRIMARY KEY, queue TEXT, body BLOB);
             INSERT INTO documents VALUES (1, 'runs/a', 0, x'');",
        )
        .unwrap();
    let run = |sql: &str| connection.prepare_cached(sql).unwrap().execute([]).unwrap();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        run("BEGIN IMMEDIATE");
        let mut update = connection
            .prepare_cached("UPDATE documents SET version = version + 1, body = ?1 WHERE key = 'runs/a'")
            .unwrap();
        update.execute([vec![b'd'; DOCUMENT]]).unwrap();
        let mut insert = connection.prepare_cached("INSERT INTO messages (queue, body) VALUES ('train', ?1)").unwrap();
        insert.execute([vec![b'm'; MESSAGE]]).unwrap();
        run("COMMIT");
    });
}

/// The same through the ledger, one after the other.
#[divan::bench]
fn ledger_alone(bencher: Bencher) {
    let bench = Bench::new();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| bench.runtime.block_on(bench.commit(0)));
}

/// The same, with many askers at once.
#[divan::bench(args = [8, 64, 256])]
fn ledger_in_flight(bencher: Bencher, askers: u32) {
    let bench = Bench::new();
    bencher
        .counter(ItemsCount::new(askers))
        .bench_local(|| bench.runtime.block_on(join_all((0..askers).map(|asker| bench.commit(asker)))));
}

/// A whole step: commit with a message, receive it, complete it; 64 at once.
#[divan::bench(args = [1, 64])]
fn step(bencher: Bencher, at_once: u32) {
    let bench = Bench::new();
    let broker = bench.home.broker();
    bencher.counter(ItemsCount::new(at_once)).bench_local(|| {
        bench.runtime.block_on(async {
            let commits = join_all((0..at_once).map(|asker| bench.commit(asker)));
            let takes = async {
                let mut left = at_once as usize;
                while left > 0 {
                    let deliveries = broker.receive("train", left).await.unwrap();
                    left -= deliveries.len();
                    for delivery in deliveries {
                        broker.complete(delivery.lock).unwrap();
                    }
                }
            };
            futures::future::join(commits, takes).await
        })
    });
}

/// A document read.
#[divan::bench]
fn get(bencher: Bencher) {
    let bench = Bench::new();
    bench.runtime.block_on(bench.commit(0));
    let store = bench.home.store();
    bencher.bench_local(|| bench.runtime.block_on(store.get("runs/0")).unwrap());
}

/// Ten keys out of the middle of very many.
#[divan::bench(args = [1_000, 1_000_000], sample_count = 20)]
fn list(bencher: Bencher, keys: u32) {
    let bench = Bench::new();
    let fill = bench.home.database().write(move |change| {
        for key in 0..keys {
            change.execute(
                "INSERT INTO documents (key, version, body) VALUES (?1, 1, zeroblob(200))",
                [format!("runs/{key:07}")],
            )?;
        }
        Ok(())
    });
    bench.runtime.block_on(fill).unwrap();
    let store = bench.home.store();
    let after = format!("runs/{:07}", keys / 2);
    bencher.bench_local(|| bench.runtime.block_on(store.list("runs/", Some(&after), 10)).unwrap());
}

struct Bench {
    runtime: Runtime,
    home: Home,
    sent: AtomicU64,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = dir();
        Self {
            runtime: Runtime::new().unwrap(),
            home: Home::open(dir.path()).unwrap(),
            sent: AtomicU64::new(0),
            _dir: dir,
        }
    }

    async fn commit(&self, asker: u32) {
        let write = Write { key: format!("runs/{asker}"), body: Some(vec![b'd'; DOCUMENT]), expect: Expect::Anything };
        let parcel = Parcel {
            queue: "train".into(),
            id: format!("message-{}", self.sent.fetch_add(1, Ordering::Relaxed)),
            session: None,
            deliver_at: None,
            body: vec![b'm'; MESSAGE],
        };
        let ledger = self.home.ledger();
        ledger.commit(vec![write], vec![parcel]).await.unwrap();
    }
}

/// A folder on a disk, as `/tmp` often is none.
fn dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
