//! What [`Ledger`] promises, as those see it who read and receive.

use crate::ports::{Expect, Ledger, Store, Write};

use super::bus::{Receiver, only, parcel};
use super::fresh;
use super::store::assert_conflict;

/// All promises of a ledger, one after the other.
pub async fn all(ledger: &dyn Ledger, store: &dyn Store, receiver: &dyn Receiver, queue: &str) {
    a_commit_writes_and_sends(ledger, store, receiver, queue).await;
    a_commit_answers_the_versions_of_its_documents(ledger, store).await;
    a_removed_document_is_gone(ledger, store).await;
    a_conflict_sends_nothing(ledger, store, receiver, queue).await;
    what_a_conflict_did_not_send_can_be_sent(ledger, receiver, queue).await;
    an_atomic_commit_is_all_or_nothing(ledger, store).await;
    later_writes_see_those_before(ledger, store).await;
    an_empty_commit_is_fine(ledger).await;
}

/// Documents and messages of one commit.
pub async fn a_commit_writes_and_sends(ledger: &dyn Ledger, store: &dyn Store, receiver: &dyn Receiver, queue: &str) {
    let keys = [fresh("ledger/one"), fresh("ledger/two")];
    let writes = keys.iter().map(|key| write(key, "1", Expect::Absent)).collect();
    let sent = [parcel(queue, "one"), parcel(queue, "two")];
    ledger.commit(writes, sent.to_vec()).await.unwrap();

    for key in &keys {
        assert_eq!(store.get(key).await.unwrap().unwrap().body, b"1");
    }
    only(receiver, queue, &[&sent[0].id, &sent[1].id]).await;
}

/// In the order of the writes, good for the next write.
pub async fn a_commit_answers_the_versions_of_its_documents(ledger: &dyn Ledger, store: &dyn Store) {
    let keys = [fresh("ledger/one"), fresh("ledger/two")];
    let writes = keys.iter().map(|key| write(key, "1", Expect::Absent)).collect();
    let versions = ledger.commit(writes, Vec::new()).await.unwrap();

    assert_eq!(versions.len(), keys.len());
    for (key, version) in keys.iter().zip(versions) {
        assert_eq!(store.get(key).await.unwrap().unwrap().version, version);
        let next = write(key, "2", Expect::Version(version));
        ledger.commit(vec![next], Vec::new()).await.unwrap();
    }
}

/// Its version is empty; one that is not there is removed already.
pub async fn a_removed_document_is_gone(ledger: &dyn Ledger, store: &dyn Store) {
    let key = fresh("ledger/removed");
    store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    for _ in 0..2 {
        let remove = Write { key: key.clone(), body: None, expect: Expect::Anything };
        let versions = ledger.commit(vec![remove], Vec::new()).await.unwrap();
        assert_eq!(versions, [""]);
        assert_eq!(store.get(&key).await.unwrap(), None);
    }
}

/// News of something that was not written does not get out.
pub async fn a_conflict_sends_nothing(ledger: &dyn Ledger, store: &dyn Store, receiver: &dyn Receiver, queue: &str) {
    let key = fresh("ledger/conflict");
    store.put(&key, b"1".to_vec(), Expect::Absent).await.unwrap();
    let behind = parcel(queue, "behind");

    let stale = vec![write(&key, "2", Expect::Absent)];
    let outcome = ledger.commit(stale, vec![parcel(queue, "never")]).await;

    assert_conflict(outcome, &key);
    assert_eq!(store.get(&key).await.unwrap().unwrap().body, b"1");
    ledger.commit(Vec::new(), vec![behind.clone()]).await.unwrap();
    only(receiver, queue, &[&behind.id]).await;
}

/// The id of a message that was not sent is not taken for a duplicate.
pub async fn what_a_conflict_did_not_send_can_be_sent(ledger: &dyn Ledger, receiver: &dyn Receiver, queue: &str) {
    let key = fresh("ledger/retried");
    let made = vec![write(&key, "1", Expect::Absent)];
    let version = ledger.commit(made, Vec::new()).await.unwrap().remove(0);
    let sent = parcel(queue, "retried");

    let stale = vec![write(&key, "2", Expect::Absent)];
    assert_conflict(ledger.commit(stale, vec![sent.clone()]).await, &key);
    let again = vec![write(&key, "2", Expect::Version(version))];
    ledger.commit(again, vec![sent.clone()]).await.unwrap();

    only(receiver, queue, &[&sent.id]).await;
}

/// Where the ledger says that it is atomic, a conflict of the last write undoes the first.
pub async fn an_atomic_commit_is_all_or_nothing(ledger: &dyn Ledger, store: &dyn Store) {
    if !ledger.is_atomic() {
        return;
    }
    let (first, last) = (fresh("ledger/first"), fresh("ledger/last"));
    store.put(&last, b"1".to_vec(), Expect::Absent).await.unwrap();

    let writes = vec![write(&first, "1", Expect::Absent), write(&last, "2", Expect::Absent)];
    assert_conflict(ledger.commit(writes, Vec::new()).await, &last);

    assert_eq!(store.get(&first).await.unwrap(), None);
    assert_eq!(store.get(&last).await.unwrap().unwrap().body, b"1");
}

/// Writes are performed in their order: a document that the first made is there for the second.
pub async fn later_writes_see_those_before(ledger: &dyn Ledger, store: &dyn Store) {
    let key = fresh("ledger/order");
    let writes = vec![write(&key, "1", Expect::Absent), write(&key, "2", Expect::Anything)];
    let versions = ledger.commit(writes, Vec::new()).await.unwrap();

    let document = store.get(&key).await.unwrap().unwrap();
    assert_eq!((document.body, &document.version), (b"2".to_vec(), &versions[1]));
}

/// It needs no special case.
pub async fn an_empty_commit_is_fine(ledger: &dyn Ledger) {
    let versions = ledger.commit(Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(versions, Vec::<String>::new());
}

fn write(key: &str, body: &str, expect: Expect) -> Write {
    Write { key: key.to_owned(), body: Some(body.as_bytes().to_vec()), expect }
}
