//! A child process writes, says what was answered, and is killed. Nothing that was answered may be missing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use runner::ports::{Bus, Expect, Ledger, Parcel, Store, Write as Change};

use crate::home::Home;

const CHILD: &str = "TRAINYARD_TEST_CRASH_HOME";
const WRITERS: usize = 8;

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    // Each round kills a little later, and goes on with what the one before left.
    for (round, lines_before_kill) in [1, 7, 40, 150].into_iter().enumerate() {
        let answered = kill_after(dir.path(), round, lines_before_kill);
        verify(dir.path(), &answered);
    }
}

/// The child's part; without the variable there is nothing to do.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = Home::open(dir).unwrap();
    let round = std::env::var("TRAINYARD_TEST_CRASH_ROUND").unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (ledger, name) = (home.ledger(), format!("{round}-{writer}"));
            runtime.spawn(async move {
                for number in 0.. {
                    let id = format!("{name}-{number:06}");
                    let write = Change {
                        key: format!("documents/{id}"),
                        body: Some(id.repeat(20).into_bytes()),
                        expect: Expect::Absent,
                    };
                    let parcel = Parcel {
                        queue: "crash".into(),
                        id: id.clone(),
                        session: None,
                        deliver_at: None,
                        body: id.clone().into_bytes(),
                    };
                    ledger.commit(vec![write], vec![parcel]).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "answered {id}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

fn kill_after(dir: &std::path::Path, round: usize, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("database::crash_tests::child_writes_until_it_is_killed")
        .env(CHILD, dir)
        .env("TRAINYARD_TEST_CRASH_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut answered = Vec::new();
    let mut line = String::new();
    let mut killed = false;
    // What it said before it died is read to the end, since that was answered too.
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(id) = line.trim_end().split_once("answered ").filter(|_| line.ends_with('\n')) {
            answered.push(id.1.to_owned());
        }
        line.clear();
        if answered.len() >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself after {answered:?}");
    answered
}

fn verify(dir: &std::path::Path, answered: &[String]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = Home::open(dir).unwrap();
    runtime.block_on(async {
        let store = home.store();
        let mut messages = std::collections::BTreeSet::new();
        for letter in home.broker().peek("crash", 0, usize::MAX).await.unwrap() {
            assert_eq!(letter.body, letter.message_id.as_bytes());
            messages.insert(letter.message_id);
        }
        for id in answered {
            let document = store.get(&format!("documents/{id}")).await.unwrap();
            let document = document.unwrap_or_else(|| panic!("{id} was answered and is lost"));
            assert!(document.body == id.repeat(20).into_bytes());
            assert!(messages.contains(id), "the message {id} was answered and is lost");
        }
        // A commit is there as a whole or not at all.
        let documents = store.list("documents/", None, usize::MAX).await.unwrap();
        let documents: std::collections::BTreeSet<_> =
            documents.into_iter().map(|key| key.trim_start_matches("documents/").to_owned()).collect();
        assert_eq!(documents, messages);
        // And what was sent is still known as sent.
        let again = Parcel {
            queue: "crash".into(),
            id: answered[0].clone(),
            session: None,
            deliver_at: None,
            body: Vec::new(),
        };
        let before = home.broker().counts("crash");
        home.broker().send(vec![again]).await.unwrap();
        assert_eq!(home.broker().counts("crash"), before);
    });
}
