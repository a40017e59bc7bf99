//! Every call in every weather.

use runner::memory::TestClock;
use runner::ports::{JobPlatform as _, ModelRegistry as _, PortError, Result};
use serde_json::json;

use super::{Bench, cluster, left, registration};
use crate::fake::Fake;
use crate::fake::azure_ml::JobEnd;
use crate::weather::{self, Named, every_call_meets_every_fault};

const JOB: &str = "r1-train-1";

const CALLS: [Named<Bench>; 10] = [
    ("submit", |bench| {
        Box::pin(async {
            let mut spec = bench.spec(JOB, &[("train", "true")], &[("requirements.txt", "numpy\n")]).await;
            spec.environments = vec!["requirements.txt".into()];
            match bench.aml.submit(&spec).await {
                // The first time the cluster is made.
                Err(PortError::Transient { reason, .. }) if reason.contains("is being made") => {
                    bench.aml.submit(&spec).await
                }
                other => other,
            }
        })
    }),
    ("status", |bench| {
        Box::pin(async {
            known(bench, left(&[("model.pkl", "a model")], &[("mse", 2.5)]));
            bench.aml.status(&JOB.parse().unwrap()).await.map(drop)
        })
    }),
    ("status of a job that failed", |bench| {
        Box::pin(async {
            known(bench, JobEnd::bad("no image"));
            bench.aml.status(&JOB.parse().unwrap()).await.map(drop)
        })
    }),
    ("status of a job that logged its metrics", |bench| {
        Box::pin(async {
            let mut end = left(&[], &[]);
            let result = json!({"outcome": "completed", "files": {}, "said": [], "metrics": {}, "lacks_metrics": true});
            end.files.insert("result.json".into(), result.to_string().into_bytes());
            known(bench, end);
            bench.aml.status(&JOB.parse().unwrap()).await.map(drop)
        })
    }),
    ("cancel", |bench| {
        Box::pin(async {
            known(bench, JobEnd::endless());
            bench.aml.cancel(&JOB.parse().unwrap()).await
        })
    }),
    ("logs", |bench| {
        Box::pin(async {
            known(bench, JobEnd { secs: None, ..left(&[], &[]) });
            bench.aml.logs(&JOB.parse().unwrap(), 0).await.map(drop)
        })
    }),
    ("register", |bench| {
        Box::pin(async {
            known(bench, left(&[("model.pkl", "a model")], &[]));
            let digest = pipeline::names::Digest::of(b"a model");
            bench.aml.register(&registration(Some(JOB), &digest)).await.map(drop)
        })
    }),
    ("register a copy", |bench| Box::pin(register_copy(bench))),
    ("tag", |bench| {
        Box::pin(async {
            register_copy(bench).await?;
            let name = "diabetes_model".parse().unwrap();
            bench.aml.tag(&name, 7, &[("a".to_owned(), "b".to_owned())].into()).await
        })
    }),
    ("versions", |bench| {
        Box::pin(async {
            register_copy(bench).await?;
            bench.aml.versions(&"diabetes_model".parse().unwrap(), 10).await.map(drop)
        })
    }),
];

async fn register_copy(bench: &Bench) -> Result<()> {
    let digest = bench.artifacts.put(b"a model".to_vec()).await.unwrap();
    bench.aml.register(&registration(None, &digest)).await.map(drop)
}

/// The workspace has the job.
fn known(bench: &Bench, end: JobEnd) {
    bench.fake.world().azure_ml.add_job(JOB, runner::ports::Clock::now(&bench.clock), end);
}

impl weather::Bench for Bench {
    async fn new() -> Self {
        let bench = Self::with(|settings| settings.compute.create = Some(cluster())).await;
        bench.fake.world().azure_ml.computes.clear();
        bench
    }

    fn fake(&self) -> &Fake {
        &self.fake
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn seen(&self) -> String {
        let world = self.fake.world();
        let aml = &world.azure_ml;
        let jobs: Vec<_> = aml.jobs.iter().map(|(name, job)| (name, &job.properties)).collect();
        let models: Vec<_> =
            aml.models.iter().map(|(name, model)| (name, &model.properties, &model.versions)).collect();
        let computes: Vec<_> = aml.computes.iter().map(|(name, compute)| (name, &compute.properties)).collect();
        let text = format!("{:#?}", (jobs, models, computes, &aml.assets));
        // Ports differ from one fake to the next.
        text.replace(&self.fake.host(""), "")
    }
}

#[tokio::test]
async fn every_call_to_azure_ml_meets_every_fault() {
    let pairs = every_call_meets_every_fault(&CALLS).await;
    assert!(pairs > 400, "only {pairs} pairs");
}
