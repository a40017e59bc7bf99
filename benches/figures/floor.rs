//! The floors: programs that do nothing but what cannot be left out.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;

use axum::routing::{any, get};
use rusqlite::Connection;

/// Steps of a rehearsal.
pub const STEPS: usize = 13;
/// Bytes of a rehearsal's document before its first step, and after its last.
const DOCUMENT: (usize, usize) = (2_200, 7_650);
/// Bytes of a message.
const MESSAGE: usize = 160;

/// The word that makes this program the bare axum program.
pub const AXUM: &str = "floor-axum";

/// A bare axum program: answers `/`, and echoes everything else.
pub fn axum(port: u16) {
    let echo = async |body: axum::body::Bytes| body;
    let router = axum::Router::new().route("/", get(async || "{}")).fallback(any(echo));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

/// A step, and nothing around it: the run's document saved and the next step's message sent, in one durable commit.
pub struct Steps {
    connection: Connection,
    document: Vec<u8>,
    message: Vec<u8>,
    written: u64,
}

impl Steps {
    /// For so many runs.
    pub fn open(folder: &Path, runs: usize) -> Self {
        let connection = Connection::open(folder.join("floor.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE documents (key INTEGER PRIMARY KEY, body BLOB);
                 CREATE TABLE messages (number INTEGER PRIMARY KEY, body BLOB);",
            )
            .unwrap();
        for run in 0..runs {
            connection.execute("INSERT INTO documents VALUES (?1, x'')", [run as i64]).unwrap();
        }
        Self { connection, document: vec![b'd'; DOCUMENT.1], message: vec![b'm'; MESSAGE], written: 0 }
    }

    /// Commits one step of each of these runs, the `nth` of 13: documents grow with their journal.
    pub fn commit(&mut self, runs: Range<usize>, nth: usize) {
        let execute = |sql: &str| self.connection.prepare_cached(sql).unwrap().execute([]).unwrap();
        execute("BEGIN IMMEDIATE");
        for run in runs {
            self.written += 1;
            // Otherwise SQLite would see that nothing has changed, and write nothing.
            self.document[..8].copy_from_slice(&self.written.to_be_bytes());
            let size = DOCUMENT.0 + (DOCUMENT.1 - DOCUMENT.0) * (nth + 1) / STEPS;
            let mut update = self.connection.prepare_cached("UPDATE documents SET body = ?1 WHERE key = ?2").unwrap();
            update.execute((&self.document[..size], run as i64)).unwrap();
            let mut insert = self.connection.prepare_cached("INSERT INTO messages (body) VALUES (?1)").unwrap();
            insert.execute([&self.message]).unwrap();
        }
        execute("COMMIT");
    }
}
