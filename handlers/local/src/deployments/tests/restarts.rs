//! Servers that end although nobody wants them to.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_started_again() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;
    let first = bench.process_of(&deployments, &spec).await;

    first.kill_leader();

    gone(&first).await;
    let body = bench.call(&deployments, &spec).await;
    assert!(body.contains("good"), "{body}");
    assert_ne!(bench.process_of(&deployments, &spec).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_again_and_again_has_failed() {
    let mut bench = bench_or_skip!();
    bench.settings.crashes = 3;
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    let spec = bench.spec("d1", r#"{"crash": "{}"}"#).await;
    bench.ready(&deployments, &spec).await;
    assert!(matches!(bench.told("deploy").await.event, Event::DeploymentReady { .. }));

    let begun = Instant::now();
    while bench.settled(&deployments, &spec).await == (DeploymentStatus::Ready { endpoint: ENDPOINT.into() }) {
        assert!(begun.elapsed() < PATIENCE);
        endpoint.score().await;
        sleep(Duration::from_millis(5)).await;
    }

    let DeploymentStatus::Failed { reason } = bench.settled(&deployments, &spec).await else { panic!() };
    assert!(reason.contains("it ended 3 times in a row"), "{reason}");
    assert!(reason.contains("exit code 7"), "{reason}");
    let message = bench.told("deploy").await;
    assert_eq!(message.id, "deployment-d1-failed-1");
    let (status, _, body) = endpoint.score().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["error"], "nothing serves in qa of diabetes_regression now; deploy a release");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_has_failed_can_be_applied_again() {
    let mut bench = bench_or_skip!();
    bench.settings.healthy_within = Duration::from_secs(1);
    let deployments = bench.open().await;
    let spec = bench.spec("d1", r#"{"health": "never"}"#).await;
    bench.failed(&deployments, &spec).await;
    assert_eq!(bench.told("deploy").await.id, "deployment-d1-failed-1");

    bench.failed(&deployments, &spec).await;

    assert_eq!(bench.told("deploy").await.id, "deployment-d1-failed-2");
}

const ENDPOINT: &str = "http://127.0.0.1:7071/endpoints/diabetes_regression/qa/score";
