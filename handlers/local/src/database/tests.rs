use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures::future::join_all;
use runner::ports::{Bus, Expect, PortError, Store};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::writer::Closure;
use super::{Change, Database, DatabaseError};
use crate::bus::{Broker, BrokerOptions};
use crate::store::LocalStore;

#[tokio::test(flavor = "multi_thread")]
async fn an_error_undoes_its_own_request_and_no_other() {
    let (database, _dir) = database();
    let outcomes = join_all((0..50).map(|number| {
        let database = database.clone();
        async move {
            database
                .write(move |change| {
                    insert(change, &format!("k{number:02}"))?;
                    match number % 5 {
                        0 => Err(DatabaseError::Refused("no".into())),
                        _ => Ok(number),
                    }
                })
                .await
        }
    }))
    .await;

    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(kept, 40);
    assert_eq!(count(&database).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_written_one_after_the_other() {
    let (database, _dir) = database();
    let (go, gate) = mpsc::channel::<()>();
    let open = database.clone();
    let first = tokio::spawn(async move { open.write(move |_| Ok(gate.recv().is_ok())).await });
    let writes: Vec<_> = (0..200)
        .map(|number| {
            let database = database.clone();
            // Each sees, inside of its transaction, what those before it in the same one wrote.
            tokio::spawn(async move {
                database
                    .write(move |change| {
                        insert(change, &format!("k{number}"))?;
                        let mut select = change.prepare("SELECT count(*) FROM documents")?;
                        Ok(select.query_row([], |row| row.get::<_, i64>(0))?)
                    })
                    .await
            })
        })
        .collect();
    go.send(()).unwrap();
    first.await.unwrap().unwrap();

    let mut seen = Vec::new();
    for write in writes {
        seen.push(write.await.unwrap().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_a_commit() {
    let (database, _dir) = database();
    let (go, gate) = mpsc::channel::<()>();
    let open = database.clone();
    let (begun, has_begun) = oneshot::channel();
    let writing = tokio::spawn(async move {
        open.write(move |change| {
            insert(change, "unseen")?;
            begun.send(()).unwrap();
            Ok(gate.recv().is_ok())
        })
        .await
    });
    has_begun.await.unwrap();

    assert_eq!(count(&database).await, 0);

    go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_request_and_damages_nothing() {
    let (database, dir) = database();
    let store = LocalStore::new(database.clone());
    let broker = Broker::open(database.clone(), BrokerOptions::default()).unwrap();
    store.put("before", b"1".to_vec(), Expect::Absent).await.unwrap();
    limit(&database, "PRAGMA max_page_count = 30").await;

    let large = store.put("large", vec![7; 1 << 20], Expect::Absent).await.unwrap_err();
    assert!(matches!(large, PortError::Transient { .. }), "{large}");
    assert!(large.to_string().contains("the disk is full"), "{large}");
    let parcel = runner::conformance::bus::parcel("train", "large");
    let heavy = runner::ports::Parcel { body: vec![7; 1 << 20], ..parcel.clone() };
    let sent = broker.send(vec![heavy]).await.unwrap_err();
    assert!(matches!(sent, PortError::Transient { .. }), "{sent}");

    // What fits is written meanwhile, and with space again all is.
    store.put("small", b"2".to_vec(), Expect::Absent).await.unwrap();
    limit(&database, "PRAGMA max_page_count = 100000").await;
    store.put("large", vec![7; 1 << 20], Expect::Absent).await.unwrap();
    broker.send(vec![parcel.clone()]).await.unwrap();
    let deliveries = broker.receive("train", 10).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].message.message_id, parcel.id);
    drop((store, broker, database));
    let reopened = LocalStore::new(Database::open(&dir.path().join("state.db")).unwrap());
    assert_eq!(reopened.list("", None, 10).await.unwrap(), ["before", "large", "small"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_request_ends_only_its_own_commit() {
    let (database, _dir) = database();
    let panicked = database.write(|_| -> Result<(), _> { panic!("a mistake of ours") }).await;
    assert_eq!(panicked, Err(DatabaseError::Closed));
    let panicked = database.read(|_| -> Result<(), _> { panic!("a mistake of ours") }).await;
    assert_eq!(panicked, Err(DatabaseError::Closed));

    database.write(|change| insert(change, "after")).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

/// What a request says that is to be written at once, and who wrote it.
async fn now(database: &Database, work: fn() -> u32) -> oneshot::Receiver<Result<(u32, ThreadId), DatabaseError>> {
    let (answer, answered) = oneshot::channel();
    let work = move |_: &Change<'_>| Ok((work(), thread::current().id()));
    database.submit_now(Box::new(Closure::new(work, answer))).await;
    answered
}

#[tokio::test]
async fn who_is_alone_writes_himself_as_long_as_commits_are_quick() {
    let (database, _dir) = database();
    let (_, by) = now(&database, || 1).await.try_recv().expect("it is written already").unwrap();
    assert_eq!(by, thread::current().id());

    let (database, _dir) = self::database();
    // Longer than is quick.
    let slow = || {
        thread::sleep(Duration::from_millis(20));
        2
    };
    let (_, by) = now(&database, slow).await.await.unwrap().unwrap();
    assert_eq!(by, thread::current().id());
    let (_, by) = now(&database, || 3).await.await.unwrap().unwrap();
    assert_ne!(by, thread::current().id(), "the disk is slow, and who asks has more to do than to wait for it");
}

#[tokio::test]
async fn those_who_ask_at_once_share_a_commit_of_the_thread() {
    let (database, _dir) = database();
    let answers = join_all((0..20).map(|_| now(&database, || 1))).await;
    for answer in answers {
        let (_, by) = answer.await.unwrap().unwrap();
        assert_ne!(by, thread::current().id());
    }
}

#[tokio::test]
async fn what_was_asked_is_written_although_nobody_waits_for_it() {
    let (database, _dir) = database();
    let (answer, answered) = oneshot::channel();
    let work = Closure::new(|change: &Change<'_>| insert(change, "asked"), answer);
    let mut asked = Box::pin(database.submit_now(Box::new(work)));
    assert!(futures::poll!(asked.as_mut()).is_pending());
    drop(asked);
    answered.await.unwrap().unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn who_comes_during_a_commit_waits_for_the_next_one() {
    let (database, _dir) = database();
    let (go, gate) = mpsc::channel::<()>();
    let open = database.clone();
    let (begun, has_begun) = oneshot::channel();
    let first = tokio::spawn(async move {
        open.write(move |_| {
            begun.send(()).unwrap();
            Ok(gate.recv().is_ok())
        })
        .await
    });
    has_begun.await.unwrap();
    let mut second = now(&database, || 2).await;
    assert!(second.try_recv().is_err(), "the writer is at work");
    go.send(()).unwrap();
    assert!(first.await.unwrap().unwrap());
    assert_eq!(second.await.unwrap().unwrap().0, 2);
}

#[tokio::test]
async fn who_writes_himself_takes_along_what_waits() {
    let (database, _dir) = database();
    let (answer, mut answered) = oneshot::channel();
    let patient = Closure::new(|change: &Change<'_>| insert(change, "patient"), answer);
    database.submit(Box::new(patient), Some(Duration::from_secs(3600)));
    now(&database, || 1).await.await.unwrap().unwrap();
    answered.try_recv().expect("an hour has not passed").unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn a_panic_of_who_is_alone_ends_only_its_own_commit() {
    let (database, _dir) = database();
    let panicked = now(&database, || panic!("a mistake of ours")).await;
    assert!(panicked.await.is_err());
    assert_eq!(now(&database, || 2).await.await.unwrap().unwrap().0, 2);
    database.write(|change| insert(change, "after")).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_the_end_is_written() {
    let (database, dir) = database();
    let done = Arc::new(AtomicUsize::new(0));
    for number in 0..100 {
        let (answered, theirs) = (Arc::clone(&done), database.clone());
        let write = async move {
            theirs.write(move |change| insert(change, &format!("k{number}"))).await.unwrap();
            answered.fetch_add(1, Ordering::SeqCst);
        };
        // Asked, and not waited for.
        let mut write = Box::pin(write);
        assert!(futures::poll!(write.as_mut()).is_pending());
    }
    drop(database);

    let reopened = Database::open(&dir.path().join("state.db")).unwrap();
    assert_eq!(count(&reopened).await, 100);
}

#[tokio::test]
async fn numbers_never_come_again() {
    let (database, dir) = database();
    let mut last = 0;
    for round in 0..3 {
        let database = match round {
            0 => database.clone(),
            _ => Database::open(&dir.path().join("state.db")).unwrap(),
        };
        for _ in 0..1500 {
            let number = database.write(|change| Ok(change.next_number())).await.unwrap();
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
}

fn insert(change: &Change<'_>, key: &str) -> Result<(), DatabaseError> {
    change.execute("INSERT INTO documents (key, version, body) VALUES (?1, 1, x'')", [key]).map(drop)
}

async fn count(database: &Database) -> i64 {
    database
        .read(|reading| {
            let mut select = reading.prepare("SELECT count(*) FROM documents")?;
            Ok(select.query_row([], |row| row.get(0))?)
        })
        .await
        .unwrap()
}

async fn limit(database: &Database, pragma: &'static str) {
    database
        .write(move |change| {
            let mut limit = change.prepare(pragma)?;
            Ok(limit.query_row([], |row| row.get::<_, i64>(0))?)
        })
        .await
        .unwrap();
}

fn database() -> (Database, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(&dir.path().join("state.db")).unwrap();
    (database, dir)
}
