//! Documents and large objects on Azure Blob Storage.

use std::num::NonZero;
use std::sync::Arc;

use azure::{BlobSettings, BlobStorage, Credential, PersonalAccessToken};
use pipeline::names::Digest;
use runner::conformance::{self, fresh};
use runner::memory::{Machine, TestClock};
use runner::ports::{Artifacts, Expect, PortError, SaveThenSend, Store};

use crate::fake::{Fake, Fault};

mod azurite;
mod weather;

const HOST: &str = "contoso.blob.core.windows.net";
/// As much as one request carries, in these tests.
const PART: usize = 64 << 10;
/// More than that.
const LARGE: usize = PART + 1;

/// A storage account, and our way to it.
#[derive(Debug)]
pub struct Bench {
    fake: Fake,
    clock: TestClock,
    storage: BlobStorage,
}

impl Bench {
    async fn start() -> Self {
        let fake = Fake::start().await;
        let account = fake.host(HOST);
        Self::opened_by(fake, account)
    }

    fn opened_by(fake: Fake, account: String) -> Self {
        let clock = TestClock::default();
        let settings = BlobSettings { timeout_secs: 3, part_bytes: part_bytes(), ..BlobSettings::new(account) };
        let storage = BlobStorage::new(&settings, token(), Arc::new(clock.clone())).unwrap();
        Self { fake, clock, storage }
    }

    /// With the container there, so that only the calls themselves are counted.
    async fn with_container() -> Self {
        let bench = Self::start().await;
        bench.fake.world().blob.sas("contoso", "trainyard");
        bench
    }

    fn store(&self) -> &dyn Store {
        &self.storage
    }

    fn artifacts(&self) -> &dyn Artifacts {
        &self.storage
    }

    /// How many requests that takes.
    async fn requests<T>(&self, work: impl Future<Output = T>) -> usize {
        let before = self.fake.count();
        work.await;
        self.fake.count() - before
    }
}

fn part_bytes() -> NonZero<usize> {
    NonZero::new(PART).unwrap()
}

fn token() -> Arc<dyn Credential> {
    Arc::new(PersonalAccessToken::of_github("ann", "blob-secret").unwrap())
}

/// What a newcomer's and an old hand's settings look like; all of them open the same account.
fn ways(fake: &Fake) -> [String; 3] {
    let (endpoint, signature) = (fake.host(HOST), fake.world().blob.sas("contoso", "trainyard"));
    [
        endpoint.clone(),
        format!("DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0;BlobEndpoint={endpoint}"),
        format!("BlobEndpoint={endpoint}/;SharedAccessSignature={signature}"),
    ]
}

async fn keeps_all_promises(storage: BlobStorage) {
    conformance::store::all(&storage).await;
    conformance::artifacts::all(&storage).await;
    let (machine, store) = (Machine::new(), Arc::new(storage));
    let ledger = SaveThenSend::new(store.clone(), machine.ports().bus);
    conformance::ledger::all(&ledger, &*store, &machine.queue, "train").await;
}

#[tokio::test]
async fn it_is_a_store_and_keeps_artifacts_however_it_is_opened() {
    let fake = Fake::start().await;
    for account in ways(&fake) {
        let bench = Bench::opened_by(fake.clone(), account);
        keeps_all_promises(bench.storage).await;
    }
    let schemes: Vec<_> = fake.world().seen.iter().map(|seen| seen.authorization.clone()).collect();
    for scheme in ["Bearer ", "SharedKey contoso:", ""] {
        let used = schemes.iter().filter(|used| used.starts_with(scheme) && used.is_empty() == scheme.is_empty());
        assert!(used.count() > 50, "{scheme:?}");
    }
}

#[tokio::test]
async fn nothing_is_asked_before_the_first_call() {
    let bench = Bench::start().await;
    assert_eq!(bench.fake.count(), 0);
    assert!(bench.storage.to_string().starts_with("Azure Blob Storage http://"), "{}", bench.storage);
    assert!(bench.storage.to_string().ends_with("/trainyard"), "{}", bench.storage);
}

#[tokio::test]
async fn a_document_is_one_request_each_way() {
    let bench = Bench::with_container().await;
    let version = bench.store().put("runs/a", b"{}".to_vec(), Expect::Absent).await.unwrap();

    let next = bench.store().put("runs/a", b"[]".to_vec(), Expect::Version(version));
    assert_eq!(bench.requests(next).await, 1);
    assert_eq!(bench.requests(bench.store().put("runs/b", vec![b' '; PART], Expect::Absent)).await, 1);
    assert_eq!(bench.requests(bench.store().get("runs/b")).await, 1);
    assert_eq!(bench.requests(bench.store().get("runs/none")).await, 1);
    assert_eq!(bench.requests(bench.store().list("runs/", None, 100)).await, 1);
    assert_eq!(bench.requests(bench.store().delete("runs/b")).await, 1);
    assert_eq!(bench.requests(bench.artifacts().put(b"model".to_vec())).await, 1);
}

#[tokio::test]
async fn a_container_is_made_when_a_first_write_finds_none() {
    let bench = Bench::start().await;
    assert_eq!(bench.store().get("runs/a").await.unwrap(), None);
    assert_eq!(bench.store().list("runs/", None, 9).await.unwrap(), Vec::<String>::new());
    bench.store().delete("runs/a").await.unwrap();
    let before = bench.fake.count();

    bench.store().put("runs/a", b"{}".to_vec(), Expect::Absent).await.unwrap();

    let asked = bench.fake.asked().split_off(before);
    let document = format!("PUT /{HOST}/trainyard/documents%2Fruns%2Fa");
    assert_eq!(asked, [document.clone(), format!("PUT /{HOST}/trainyard"), document]);
    assert_eq!(bench.requests(bench.store().put("runs/b", b"{}".to_vec(), Expect::Absent)).await, 1);
}

#[tokio::test]
async fn a_page_costs_the_same_at_any_age() {
    let bench = Bench::with_container().await;
    for number in 0..12_000 {
        let name = format!("documents/runs/{number:05}");
        bench.fake.world().blob.put("contoso", "trainyard", &name, "{}");
    }

    let mut after = None;
    for page in 0..3 {
        let before = bench.fake.count();
        let keys = bench.store().list("runs/", after.as_deref(), 50).await.unwrap();
        assert_eq!(bench.fake.count() - before, 1, "page {page}");
        assert_eq!((keys.len(), &*keys[0]), (50, &*format!("runs/{:05}", page * 50)));
        after = keys.last().cloned();
    }
    let before = bench.fake.count();
    let last = bench.store().list("runs/", Some("runs/11990x"), 50).await.unwrap();
    assert_eq!((last.len(), bench.fake.count() - before), (9, 1));
    let all = bench.store().list("runs/", None, 20_000).await.unwrap();
    assert_eq!((all.len(), bench.fake.count() - before), (12_000, 4));
}

#[tokio::test]
async fn a_large_object_goes_in_blocks_and_only_once() {
    let bench = Bench::with_container().await;
    let content: Vec<u8> = (0..LARGE).map(|byte| (byte % 251) as u8).collect();
    let digest = bench.artifacts().put(content.clone()).await.unwrap();
    let kinds = bench.fake.world().seen.iter().map(|seen| seen.path.contains("comp=block")).collect::<Vec<_>>();
    assert_eq!(kinds, [false, true, true, true], "a look, two blocks and their list");

    assert_eq!(bench.requests(bench.artifacts().put(content.clone())).await, 1, "a look");
    assert!(bench.artifacts().get(&digest).await.unwrap() == content);
}

/// Who commits first takes away the blocks that the other has sent.
async fn both_who_put_one_large_object_have_put_it(artifacts: &dyn Artifacts) {
    for nth in 0..5 {
        let content: Vec<u8> = fresh(&nth.to_string()).into_bytes().into_iter().cycle().take(5 * PART).collect();
        let both = futures::future::join(artifacts.put(content.clone()), artifacts.put(content.clone()));
        let (first, second) = both.await;
        assert_eq!(first.clone().unwrap(), second.unwrap());
        assert!(artifacts.get(&first.unwrap()).await.unwrap() == content);
    }
}

#[tokio::test]
async fn two_may_put_the_same_large_object() {
    both_who_put_one_large_object_have_put_it(Bench::start().await.artifacts()).await;
}

#[tokio::test]
async fn an_artifact_that_somebody_changed_is_not_handed_out() {
    let bench = Bench::with_container().await;
    let digest = bench.artifacts().put(b"model".to_vec()).await.unwrap();
    let name = format!("artifacts/sha256/{}", digest.hex());
    bench.fake.world().blob.put("contoso", "trainyard", &name, "another model");

    let error = bench.artifacts().get(&digest).await.unwrap_err();

    let said = error.to_string();
    assert!(matches!(error, PortError::Permanent { .. }), "{said}");
    assert!(said.contains(digest.as_str()) && said.contains(Digest::of(b"another model").as_str()), "{said}");
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again() {
    let bench = Bench::with_container().await;
    bench.fake.spoil(1, Fault::LostReply);
    let version = bench.store().put("runs/a", b"1".to_vec(), Expect::Absent).await.unwrap();
    bench.fake.spoil(1, Fault::LostReply);
    let version = bench.store().put("runs/a", b"2".to_vec(), Expect::Version(version)).await.unwrap();
    assert_eq!(bench.store().get("runs/a").await.unwrap().unwrap().version, version);

    // The same bytes from somebody else are somebody else's.
    let lost = bench.store().put("runs/a", b"2".to_vec(), Expect::Absent).await.unwrap_err();
    assert!(matches!(lost, PortError::Conflict { .. }), "{lost}");
}

#[tokio::test]
async fn who_may_not_is_told_who_what_and_where() {
    let bench = Bench::with_container().await;
    bench.fake.spoil(1, Fault::Status(403));
    let said = bench.store().put("runs/a", b"{}".to_vec(), Expect::Absent).await.unwrap_err().to_string();
    for word in [
        "the personal access token of ann may not write a blob",
        "the role Storage Blob Data Contributor on the container",
        "contoso.blob.core.windows.net/trainyard",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }

    let strange = format!("BlobEndpoint={};SharedAccessSignature=sv=2025-11-05&sig=s3cr3t", bench.fake.host(HOST));
    let strange = Bench::opened_by(bench.fake.clone(), strange);
    let said = strange.store().get("runs/a").await.unwrap_err().to_string();
    assert!(said.contains("the shared access signature of the address may not read a blob"), "{said}");
    assert!(!said.contains("s3cr3t") && !format!("{:?}", strange.storage).contains("s3cr3t"), "{said}");
}

#[test]
fn settings_that_cannot_be_meant_are_refused_without_being_shown() {
    let clock = Arc::new(TestClock::default());
    let open = |account: &str, container: &str| {
        let settings = BlobSettings { container: container.into(), ..BlobSettings::new(account) };
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        BlobStorage::new(&settings, token(), clock.clone())
    };
    for account in [
        "UseDevelopmentStorage=true",
        "https://contoso.blob.core.windows.net",
        "AccountName=contoso;AccountKey=c2VjcmV0;EndpointSuffix=core.chinacloudapi.cn",
    ] {
        open(account, "trainyard").unwrap();
    }
    for (account, container, word) in [
        ("", "trainyard", "neither BlobEndpoint nor AccountName"),
        ("AccountName=contoso;AccountKey=s3cr3t!", "trainyard", "not Base64"),
        ("AccountName=contoso", "trainyard", "neither AccountKey"),
        ("BlobEndpoint=nowhere?sig=s3cr3t", "trainyard", "the address of the storage account"),
        ("http://contoso.blob.core.windows.net", "trainyard", "not https"),
        ("https://contoso.blob.core.windows.net", "Trainyard", "no name of a container"),
        ("https://contoso.blob.core.windows.net", "a/../b", "no name of a container"),
    ] {
        let said = open(account, container).unwrap_err().to_string();
        assert!(said.contains(word) && !said.contains("s3cr3t"), "{said}");
    }
}
