//! What [`Store`] promises.

use crate::ports::{Expect, PortError, Store};

use super::fresh;

/// All promises of a store, one after the other.
pub async fn all(store: &dyn Store) {
    a_document_is_read_as_it_was_written(store).await;
    what_is_not_there_is_none(store).await;
    empty_and_large_documents_are_kept(store).await;
    each_write_changes_the_version(store).await;
    a_version_never_comes_back(store).await;
    a_stale_write_is_a_conflict_and_changes_nothing(store).await;
    a_document_is_made_once(store).await;
    what_is_not_there_has_no_version(store).await;
    a_write_that_expects_anything_always_happens(store).await;
    deleting_twice_is_deleting_once(store).await;
    of_many_who_write_one_version_one_wins(store).await;
    keys_are_listed_by_prefix_in_byte_order(store).await;
    a_listing_goes_on_where_it_stopped(store).await;
}

/// What was put is what is got, with the version that was answered.
pub async fn a_document_is_read_as_it_was_written(store: &dyn Store) {
    let key = fresh("documents/read");
    let version = store.put(&key, b"{\"a\":1}".to_vec(), Expect::Absent).await.unwrap();

    let document = store.get(&key).await.unwrap().unwrap();

    assert_eq!(document.body, b"{\"a\":1}");
    assert_eq!(document.version, version);
}

/// A key without a document is no error.
pub async fn what_is_not_there_is_none(store: &dyn Store) {
    assert_eq!(store.get(&fresh("documents/absent")).await.unwrap(), None);
}

/// Nothing and a megabyte are documents as well.
pub async fn empty_and_large_documents_are_kept(store: &dyn Store) {
    for body in [Vec::new(), (0..1 << 20).map(|byte| (byte % 251) as u8).collect()] {
        let key = fresh("documents/size");
        store.put(&key, body.clone(), Expect::Absent).await.unwrap();
        assert!(store.get(&key).await.unwrap().unwrap().body == body, "{} bytes", body.len());
    }
}

/// Also when the body stays the same.
pub async fn each_write_changes_the_version(store: &dyn Store) {
    let key = fresh("documents/version");
    let first = store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    let second = store.put(&key, b"1".to_vec(), Expect::Version(first.clone())).await.unwrap();
    assert_ne!(first, second);
}

/// A document that was removed and made again is another one: who read the first must not overwrite the second.
pub async fn a_version_never_comes_back(store: &dyn Store) {
    let key = fresh("documents/again");
    let first = store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    store.delete(&key).await.unwrap();
    let second = store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();

    assert_ne!(first, second);
    let stale = store.put(&key, b"2".to_vec(), Expect::Version(first)).await;
    assert_conflict(stale, &key);
}

/// Who writes on what they read before somebody else wrote is told so.
pub async fn a_stale_write_is_a_conflict_and_changes_nothing(store: &dyn Store) {
    let key = fresh("documents/stale");
    let first = store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    let second = store.put(&key, b"2".to_vec(), Expect::Version(first.clone())).await.unwrap();

    let stale = store.put(&key, b"3".to_vec(), Expect::Version(first)).await;

    assert_conflict(stale, &key);
    let document = store.get(&key).await.unwrap().unwrap();
    assert_eq!((document.body, document.version), (b"2".to_vec(), second));
}

/// The second who makes it is told that it is there.
pub async fn a_document_is_made_once(store: &dyn Store) {
    let key = fresh("documents/once");
    store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();

    let second = store.put(&key, b"2".to_vec(), Expect::Absent).await;

    assert_conflict(second, &key);
    assert_eq!(store.get(&key).await.unwrap().unwrap().body, b"1");
}

/// A write that expects a version does not make a document.
pub async fn what_is_not_there_has_no_version(store: &dyn Store) {
    let key = fresh("documents/gone");
    let version = store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    store.delete(&key).await.unwrap();

    let late = store.put(&key, b"2".to_vec(), Expect::Version(version)).await;

    assert_conflict(late, &key);
    assert_eq!(store.get(&key).await.unwrap(), None);
}

/// Whether the document is there or not.
pub async fn a_write_that_expects_anything_always_happens(store: &dyn Store) {
    let key = fresh("documents/anything");
    for body in [b"1", b"2"] {
        store.put(&key, body.to_vec(), Expect::Anything).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().unwrap().body, body);
    }
}

/// What is not there is removed already.
pub async fn deleting_twice_is_deleting_once(store: &dyn Store) {
    let key = fresh("documents/deleted");
    store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    for _ in 0..2 {
        store.delete(&key).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None);
    }
}

/// The others get a conflict, however close they are.
pub async fn of_many_who_write_one_version_one_wins(store: &dyn Store) {
    let key = fresh("documents/race");
    let version = store.put(&key, b"start".to_vec(), Expect::Absent).await.unwrap();
    let writes = (0..16).map(|writer: u8| {
        let expect = Expect::Version(version.clone());
        let key = &key;
        async move { store.put(key, vec![b'a' + writer], expect).await }
    });

    let outcomes = futures::future::join_all(writes).await;

    let mut won = None;
    for (writer, outcome) in (b'a'..).zip(outcomes) {
        match outcome {
            Ok(version) => assert!(won.replace((writer, version)).is_none(), "two have won"),
            lost => assert_conflict(lost, &key),
        }
    }
    let (writer, version) = won.unwrap();
    let document = store.get(&key).await.unwrap().unwrap();
    assert_eq!((document.body, document.version), (vec![writer], version));
}

/// Keys that only begin alike are not below a prefix that ends in `/`, and `B` comes before `a`.
pub async fn keys_are_listed_by_prefix_in_byte_order(store: &dyn Store) {
    let root = fresh("listing");
    for name in ["a/2", "a/10", "a/B", "a/1", "ab/1", "b/1", "a"] {
        let key = format!("{root}/{name}");
        store.put(&key, b"{}".to_vec(), Expect::Absent).await.unwrap();
    }

    let below_a = store.list(&format!("{root}/a/"), None, 100).await.unwrap();

    assert_eq!(below_a, ["1", "10", "2", "B"].map(|name| format!("{root}/a/{name}")));
    let nothing = store.list(&format!("{root}/c/"), None, 100).await.unwrap();
    assert_eq!(nothing, Vec::<String>::new());
    store.delete(&format!("{root}/a/10")).await.unwrap();
    let fewer = store.list(&format!("{root}/a/"), None, 100).await.unwrap();
    assert_eq!(fewer, ["1", "2", "B"].map(|name| format!("{root}/a/{name}")));
}

/// `after` need not be there any more, and may be before or behind all keys.
pub async fn a_listing_goes_on_where_it_stopped(store: &dyn Store) {
    let root = fresh("paging");
    let keys: Vec<_> = (0..7).map(|number| format!("{root}/{number}")).collect();
    for key in &keys {
        store.put(key, b"{}".to_vec(), Expect::Absent).await.unwrap();
    }
    let prefix = format!("{root}/");

    let mut seen = Vec::new();
    loop {
        let page = store.list(&prefix, seen.last().map(String::as_str), 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }

    assert_eq!(seen, keys);
    let after_none = store.list(&prefix, Some(&format!("{root}/3x")), 2).await.unwrap();
    assert_eq!(after_none, keys[4..6]);
    let from_before = store.list(&prefix, Some("a"), 1).await.unwrap();
    assert_eq!(from_before, keys[..1]);
    let from_behind = store.list(&prefix, Some(&format!("{root}/9")), 1).await.unwrap();
    assert_eq!(from_behind, Vec::<String>::new());
}

pub(super) fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, PortError>, about: &str) {
    match outcome {
        Err(PortError::Conflict { key, .. }) => assert_eq!(key, about),
        other => panic!("this should be a conflict about {about}: {other:?}"),
    }
}
