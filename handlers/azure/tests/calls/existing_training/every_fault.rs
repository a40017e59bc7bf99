//! Every call in every weather.

use runner::memory::TestClock;
use runner::ports::{JobPlatform as _, Result};

use super::{Bench, JOB, job, left};
use crate::fake::Fake;
use crate::fake::azure_ml::{JobEnd, Step};
use crate::weather::{self, Named, every_call_meets_every_fault};

/// By a published pipeline.
#[derive(Debug)]
struct Published(Bench);

/// By a batch endpoint.
#[derive(Debug)]
struct Batch(Bench);

/// The calls of a bench within another one.
macro_rules! calls {
    ($bench:ty) => {
        [
            ("submit", |it: &$bench| Box::pin(async { it.0.jobs.submit(&job(JOB)).await })),
            ("status", |it: &$bench| Box::pin(status(&it.0, good()))),
            ("status of a run that failed", |it: &$bench| Box::pin(status(&it.0, JobEnd::bad("no data")))),
            ("cancel", |it: &$bench| {
                Box::pin(async {
                    it.0.runs_end(JobEnd::endless());
                    it.0.jobs.submit(&job(JOB)).await?;
                    it.0.jobs.cancel(&job(JOB).name).await
                })
            }),
            ("logs", |it: &$bench| {
                Box::pin(async {
                    it.0.runs_end(good());
                    it.0.jobs.submit(&job(JOB)).await?;
                    it.0.jobs.logs(&job(JOB).name, 0).await.map(|_| ())
                })
            }),
        ]
    };
}

fn good() -> JobEnd {
    let step = Step { name: "train".into(), log: "trained\n".into(), ..Step::default() };
    JobEnd { steps: vec![step], ..left(JOB, &[("model.pkl", "a model")], &[("mse", 2.5)]) }
}

async fn status(bench: &Bench, end: JobEnd) -> Result<()> {
    bench.runs_end(end);
    bench.jobs.submit(&job(JOB)).await?;
    bench.jobs.status(&job(JOB).name).await.map(|_| ())
}

fn seen(bench: &Bench) -> String {
    let world = bench.fake.world();
    let run = |(name, job): (&String, &crate::fake::azure_ml::Job)| {
        format!("{name} {:?} {:#} {}", job.given, job.properties, job.canceled_at.is_some())
    };
    let runs: Vec<String> = world.azure_ml.jobs.iter().map(run).collect();
    drop(world);
    format!("{}\n{:#}", runs.join("\n"), bench.record())
}

impl weather::Bench for Published {
    async fn new() -> Self {
        Self(Bench::published(|training| training.result.step = Some("train".into())).await)
    }

    fn fake(&self) -> &Fake {
        &self.0.fake
    }

    fn clock(&self) -> &TestClock {
        &self.0.clock
    }

    fn seen(&self) -> String {
        seen(&self.0)
    }
}

impl weather::Bench for Batch {
    async fn new() -> Self {
        Self(Bench::batch(|training| training.result.step = Some("train".into())).await)
    }

    fn fake(&self) -> &Fake {
        &self.0.fake
    }

    fn clock(&self) -> &TestClock {
        &self.0.clock
    }

    fn seen(&self) -> String {
        seen(&self.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_to_published_pipelines_meets_every_fault() {
    let calls: [Named<Published>; 5] = calls!(Published);
    let pairs = every_call_meets_every_fault(&calls).await;
    assert!(pairs > 300, "only {pairs} pairs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_to_batch_endpoints_meets_every_fault() {
    let calls: [Named<Batch>; 5] = calls!(Batch);
    let pairs = every_call_meets_every_fault(&calls).await;
    assert!(pairs > 300, "only {pairs} pairs");
}
