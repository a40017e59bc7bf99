//! The calls of storage in all weathers.

use runner::memory::TestClock;
use runner::ports::Expect;

use super::{Bench, LARGE};
use crate::fake::Fake;
use crate::weather::{self, Named, every_call_meets_every_fault};

const CALLS: [Named<Bench>; 6] = [
    ("a document is written", |bench| {
        Box::pin(async {
            for body in ["1", "2"] {
                let found = bench.store().get("runs/a").await?;
                let expect = found.map_or(Expect::Absent, |document| Expect::Version(document.version));
                bench.store().put("runs/a", body.into(), expect).await?;
            }
            Ok(())
        })
    }),
    ("a document is written over", |bench| {
        Box::pin(async { bench.store().put("runs/a", b"3".to_vec(), Expect::Anything).await.map(|_| ()) })
    }),
    ("a document is removed", |bench| {
        Box::pin(async {
            bench.store().put("runs/a", b"4".to_vec(), Expect::Anything).await?;
            bench.store().delete("runs/a").await
        })
    }),
    ("documents are listed", |bench| {
        Box::pin(async {
            bench.store().put("runs/a", b"5".to_vec(), Expect::Anything).await?;
            assert_eq!(bench.store().list("runs/", Some("runs/"), 5).await?, ["runs/a"]);
            Ok(())
        })
    }),
    ("an artifact is kept", |bench| {
        Box::pin(async {
            let digest = bench.artifacts().put(b"model".to_vec()).await?;
            assert_eq!(bench.artifacts().get(&digest).await?, b"model");
            Ok(())
        })
    }),
    ("a large artifact is kept", |bench| {
        Box::pin(async {
            // It makes the container: of blocks that are sent side by side several may find none.
            bench.store().put("runs/a", b"6".to_vec(), Expect::Anything).await?;
            let digest = bench.artifacts().put(vec![7; LARGE]).await?;
            assert!(bench.artifacts().get(&digest).await? == vec![7; LARGE]);
            Ok(())
        })
    }),
];

impl weather::Bench for Bench {
    async fn new() -> Self {
        Self::start().await
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let names = world.blob.list("contoso", "trainyard", "");
        let content = |name: &String| {
            let body = world.blob.get("contoso", "trainyard", name).unwrap();
            format!("{name}: {} bytes, {:?}", body.len(), &body[..body.len().min(9)])
        };
        names.iter().map(content).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_storage_meets_every_fault_and_ends_well_after_it() {
    let pairs = every_call_meets_every_fault(&CALLS).await;
    assert!(pairs > 300, "only {pairs} pairs");
}
