use futures::future::join_all;
use runner::conformance;
use runner::ports::{Expect, PortError, Store};
use tempfile::TempDir;

use crate::bus::tests::TestReceiver;
use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_its_promises() {
    let (home, _dir) = home();
    conformance::store::all(&home.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_keeps_its_promises() {
    let (home, _dir) = home();
    let receiver = TestReceiver(home.broker().clone());
    conformance::ledger::all(&home.ledger(), &home.store(), &receiver, "train").await;
}

#[tokio::test]
async fn documents_and_versions_outlive_the_process() {
    let (home, dir) = home();
    let before = home.store().put("runs/a", b"1".to_vec(), Expect::Absent).await.unwrap();
    drop(home);

    let home = Home::open(dir.path()).unwrap();
    let document = home.store().get("runs/a").await.unwrap().unwrap();
    assert_eq!((document.version, document.body), (before.clone(), b"1".to_vec()));
    home.store().delete("runs/a").await.unwrap();
    let after = home.store().put("runs/a", b"1".to_vec(), Expect::Absent).await.unwrap();
    assert!(after.parse::<i64>().unwrap() > before.parse::<i64>().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_of_one_does_not_hurt_those_in_the_same_commit() {
    let (home, _dir) = home();
    let store = home.store();
    store.put("taken", b"0".to_vec(), Expect::Absent).await.unwrap();

    let outcomes = join_all((0..100).map(|number| {
        let store = store.clone();
        async move {
            let key = if number % 3 == 0 { "taken".into() } else { format!("free/{number:03}") };
            store.put(&key, b"1".to_vec(), Expect::Absent).await
        }
    }))
    .await;

    for (number, outcome) in outcomes.into_iter().enumerate() {
        let conflict = matches!(outcome, Err(PortError::Conflict { .. }));
        assert_eq!(conflict, number % 3 == 0, "{number}: {outcome:?}");
    }
    assert_eq!(store.list("free/", None, 1000).await.unwrap().len(), 66);
}

#[tokio::test]
async fn prefixes_of_odd_characters_are_listed_too() {
    let (home, _dir) = home();
    let store = home.store();
    let keys = ["\u{d7ff}a", "\u{d7ff}\u{10ffff}", "\u{e000}", "\u{10ffff}", "\u{10ffff}z", "ä/1", "ä0", "a\0b"];
    for key in keys {
        store.put(key, Vec::new(), Expect::Absent).await.unwrap();
    }
    let list = async |prefix: &str, after| store.list(prefix, after, 100).await.unwrap();

    assert_eq!(list("\u{d7ff}", None).await, ["\u{d7ff}a", "\u{d7ff}\u{10ffff}"]);
    assert_eq!(list("\u{10ffff}", None).await, ["\u{10ffff}", "\u{10ffff}z"]);
    assert_eq!(list("ä/", None).await, ["ä/1"]);
    assert_eq!(list("a", None).await, ["a\0b"]);
    assert_eq!(list("", None).await.len(), keys.len());
    assert_eq!(list("", Some("\u{e000}")).await, ["\u{10ffff}", "\u{10ffff}z"]);
}

#[tokio::test]
async fn a_version_of_another_store_is_a_conflict() {
    let (home, _dir) = home();
    home.store().put("a", Vec::new(), Expect::Absent).await.unwrap();
    let odd = Expect::Version("\"0x8D\"".into());
    let outcome = home.store().put("a", Vec::new(), odd).await;
    assert!(matches!(outcome, Err(PortError::Conflict { .. })), "{outcome:?}");
}

fn home() -> (Home, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Home::open(dir.path()).unwrap(), dir)
}
