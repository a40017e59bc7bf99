//! The same promises on Azurite, the emulator of the service's makers. `tests/azurite.sh` starts one.

use std::sync::Arc;

use azure::{BlobSettings, BlobStorage};
use runner::conformance::fresh;
use runner::ports::{Expect, Store, SystemClock};

use super::{both_who_put_one_large_object_have_put_it, keeps_all_promises, part_bytes, token};

/// The variable that names one: `UseDevelopmentStorage=true` or another connection string.
const VARIABLE: &str = "TRAINYARD_AZURITE";

fn storage(container: &str) -> BlobStorage {
    let account = std::env::var(VARIABLE).expect("tests/azurite.sh says where Azurite is");
    let container = container.into();
    let settings = BlobSettings { container, part_bytes: part_bytes(), ..BlobSettings::new(account) };
    BlobStorage::new(&settings, token(), Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
#[ignore = "tests/azurite.sh runs it"]
async fn azurite_keeps_all_promises() {
    let storage = storage("trainyard");
    both_who_put_one_large_object_have_put_it(&storage).await;
    keeps_all_promises(storage).await;
}

/// It does not know `startFrom`, so what it lists too much is left out here.
#[tokio::test]
#[ignore = "tests/azurite.sh runs it"]
async fn azurite_goes_on_where_a_page_ended() {
    let storage = storage(&fresh("paging"));
    for number in 0..30 {
        storage.put(&format!("runs/{number:02}"), b"{}".to_vec(), Expect::Absent).await.unwrap();
    }
    let (mut seen, mut pages) = (Vec::<String>::new(), 0);
    loop {
        let page = storage.list("runs/", seen.last().map(String::as_str), 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
        pages += 1;
    }
    let wanted: Vec<_> = (0..30).map(|number| format!("runs/{number:02}")).collect();
    assert_eq!((seen, pages), (wanted, 5));
}

/// Two who find no container.
#[tokio::test]
#[ignore = "tests/azurite.sh runs it"]
async fn azurite_makes_a_container_once() {
    let name = fresh("race");
    let (one, other) = (storage(&name), storage(&name));
    let both = futures::future::join(
        one.put("runs/a", b"1".to_vec(), Expect::Absent),
        other.put("runs/b", b"2".to_vec(), Expect::Absent),
    );
    let (first, second) = both.await;
    assert_ne!(first.unwrap(), second.unwrap());
}
