//! The logs of jobs.

use runner::ports::JobPlatform as _;

use super::{Bench, left};
use crate::fake::azure_ml::JobEnd;

#[tokio::test]
async fn a_log_is_read_while_the_job_runs_and_goes_on_where_it_was_left() {
    let bench = Bench::new().await;
    bench.jobs_end(JobEnd { secs: Some(60), log: "one\ntw".into(), ..left(&[], &[]) });
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.aml.submit(&spec).await.unwrap();

    let first = bench.aml.logs(&spec.name, 0).await.unwrap();
    assert_eq!((first.text.as_str(), first.next, first.ended), ("one\n", 4, false));
    let nothing = bench.aml.logs(&spec.name, 6).await.unwrap();
    assert_eq!((nothing.text.as_str(), nothing.next, nothing.ended), ("", 6, false));

    bench.clock.advance_secs(60);
    let rest = bench.aml.logs(&spec.name, first.next).await.unwrap();
    assert_eq!((rest.text.as_str(), rest.next, rest.ended), ("two\n", 8, true));
}

#[tokio::test]
async fn the_log_of_a_job_that_left_nothing_is_the_service_s() {
    let bench = Bench::new().await;
    bench.jobs_end(JobEnd { log: "the image cannot be pulled".into(), ..JobEnd::bad("no image") });
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.aml.submit(&spec).await.unwrap();

    let log = bench.aml.logs(&spec.name, 0).await.unwrap();

    assert_eq!((log.text.as_str(), log.ended), ("the image cannot be pulled", true));
}
