//! What [`Artifacts`] promises.

use pipeline::names::Digest;

use crate::ports::{Artifacts, PortError};

use super::fresh;

/// All promises of artifacts, one after the other.
pub async fn all(artifacts: &dyn Artifacts) {
    what_was_put_is_got_by_its_digest(artifacts).await;
    putting_twice_is_putting_once(artifacts).await;
    empty_and_large_objects_are_kept(artifacts).await;
    what_is_not_there_is_an_error_that_names_it(artifacts).await;
}

/// The digest is that of the content, and nothing else.
pub async fn what_was_put_is_got_by_its_digest(artifacts: &dyn Artifacts) {
    let content = fresh("content").into_bytes();
    let digest = artifacts.put(content.clone()).await.unwrap();

    assert_eq!(digest, Digest::of(&content));
    assert_eq!(artifacts.get(&digest).await.unwrap(), content);
}

/// Also when both are at it at the same time.
pub async fn putting_twice_is_putting_once(artifacts: &dyn Artifacts) {
    let content = fresh("twice").into_bytes();
    let both = futures::future::join(artifacts.put(content.clone()), artifacts.put(content.clone()));
    let (first, second) = both.await;
    let third = artifacts.put(content.clone()).await;

    assert_eq!(first.clone().unwrap(), second.unwrap());
    assert_eq!(first.clone().unwrap(), third.unwrap());
    assert_eq!(artifacts.get(&first.unwrap()).await.unwrap(), content);
}

/// Nothing and a few megabytes are objects as well.
pub async fn empty_and_large_objects_are_kept(artifacts: &dyn Artifacts) {
    for size in [0_u32, 5 << 20] {
        let content: Vec<u8> = (0..size).map(|byte| (byte % 253) as u8).collect();
        let digest = artifacts.put(content.clone()).await.unwrap();
        assert!(artifacts.get(&digest).await.unwrap() == content, "{size} bytes");
    }
}

/// Trying again does not help, and people need to know what is missing.
pub async fn what_is_not_there_is_an_error_that_names_it(artifacts: &dyn Artifacts) {
    let absent = Digest::of(fresh("absent").as_bytes());

    let error = artifacts.get(&absent).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains(absent.as_str()), "{error}");
}
