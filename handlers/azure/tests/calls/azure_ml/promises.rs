//! What all platforms and registries promise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::effect::JobSpec;
use runner::conformance::jobs::Example;
use runner::conformance::{jobs, models};

use super::Bench;
use crate::fake::azure_ml::{JobEnd, run_with_python};

/// No job of the fake runs this; it goes on until it is canceled.
const ENDLESS: &str = "sleep 100000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_ml_keeps_the_promises_of_job_platforms() {
    let bench = Bench::running().await;
    let template = bench.spec("template", &[("say", "sh -c 'echo one; echo two'")], &[("a.txt", "a")]).await;
    let quick = |name| JobSpec { name, ..template.clone() };
    let endless = |name| {
        let mut spec = quick(name);
        spec.commands[0].line = ENDLESS.into();
        spec
    };
    bench.fake.world().azure_ml.on_job = Some(Box::new(|order| {
        let job = BASE64.decode(&order.variables["TRAINYARD_JOB"]).unwrap();
        match String::from_utf8(job).unwrap().contains(ENDLESS) {
            true => JobEnd::endless(),
            false => run_with_python(order),
        }
    }));
    jobs::all(&Example { jobs: &bench.aml, quick: &quick, endless: &endless }).await;
}

#[tokio::test]
async fn azure_ml_keeps_the_promises_of_model_registries() {
    let bench = Bench::running().await;
    for run in (0..12).map(|n| format!("r{n}")) {
        bench.artifacts.put(run.into_bytes()).await.unwrap();
    }
    models::all(&bench.aml).await;
}
