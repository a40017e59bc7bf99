//! Every call meets every fault at every request that it makes.

use runner::memory::TestClock;
use runner::ports::{BuildStatus, Images as _, JobPlatform as _, JobStatus, Result};

use super::{REPOSITORY, Registries};
use crate::fake::Fake;
use crate::support::project;
use crate::weather::{Bench, Named, every_call_meets_every_fault};

impl Bench for Registries {
    async fn new() -> Self {
        Self::new().await
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Task runs with what they ask for and how often they ran, and what is in the registries. Where a context is, and
    /// what the registry calls a run, is the registry's own choice.
    fn seen(&self) -> String {
        let mut text = String::new();
        for (name, mut request) in self.requests() {
            request["sourceLocation"] = "somewhere".into();
            text += &format!("{name} {request}\n");
        }
        let mut world = self.fake.world();
        for name in ["mlopsacr", "prodacr"] {
            let registry = world.container_registry.registry(name);
            let ends: Vec<_> = registry.runs.values().map(|run| run.ended.map(|(status, _)| status)).collect();
            text += &format!("{name} {ends:?}\n");
            for (repository, it) in &registry.repositories {
                let tags: Vec<_> = it.tags.keys().collect();
                let locks: Vec<_> = it.manifests.values().map(|manifest| manifest.delete_enabled).collect();
                text += &format!("{repository} {tags:?} {locks:?}\n");
            }
        }
        text
    }
}

/// A build, to its end.
async fn build(bench: &Registries, name: &str) -> Result<()> {
    let spec = bench.build(name);
    bench.images.build(&spec).await?;
    bench.clock.advance_secs(120);
    let status = bench.images.status(&spec.name).await?;
    assert!(matches!(status, BuildStatus::Built { .. }), "{status:?}");
    Ok(())
}

/// A job, to its end.
async fn job(bench: &Registries, line: &str) -> Result<()> {
    let spec = bench.job("check-diabetes-1".parse().unwrap(), line);
    bench.jobs.submit(&spec).await?;
    if line == "sleep" {
        bench.jobs.cancel(&spec.name).await?;
    }
    bench.clock.advance_secs(120);
    let status = bench.jobs.status(&spec.name).await?;
    assert!(matches!(status, JobStatus::Finished { .. }), "{status:?}");
    assert!(bench.jobs.logs(&spec.name, 0).await?.ended);
    Ok(())
}

const CALLS: [Named<Registries>; 6] = [
    ("build", |bench| Box::pin(build(bench, "package-diabetes-1"))),
    ("build of what was built", |bench| {
        Box::pin(async {
            build(bench, "package-diabetes-1").await?;
            build(bench, "package-diabetes-2").await
        })
    }),
    ("job", |bench| Box::pin(job(bench, "pytest"))),
    ("job that fails", |bench| Box::pin(job(bench, "fail"))),
    ("job that is canceled", |bench| Box::pin(job(bench, "sleep"))),
    ("promotion", |bench| {
        Box::pin(async {
            let image =
                bench.fake.world().container_registry.registry("mlopsacr").keep(REPOSITORY, "package-1", "image");
            let image = image.parse().unwrap();
            bench.promotion.promote(&project(), &image, "prod-r8-1").await?;
            bench.clock.advance_secs(120);
            assert!(bench.promotion.promote(&project(), &image, "prod-r8-1").await?);
            assert!(bench.images.has(&image).await?);
            Ok(())
        })
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_to_a_registry_meets_every_fault() {
    let pairs = every_call_meets_every_fault(&CALLS).await;
    assert!(pairs > 900, "only {pairs} pairs");
}
