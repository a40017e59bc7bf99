//! What callers of the endpoints see.

use super::board::{Board, Target};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_says_who_serves_there() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    let spec = bench.spec("d1", GOOD).await;
    bench.ready(&deployments, &spec).await;

    let (status, _, body) = endpoint.ask(Method::GET, "/endpoints/diabetes_regression/qa", "").await;

    assert_eq!(status, StatusCode::OK);
    let serving = &body["serving"][0];
    assert_eq!(serving["deployment"], "d1");
    assert_eq!(serving["health"], "healthy");
    assert_eq!(serving["image"], spec.release.image.as_str());
    assert_eq!(serving["model"]["version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_on_and_the_servers_own_marks_do_not() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    bench.ready(&deployments, &bench.spec("d1", GOOD).await).await;

    let (status, headers, body) =
        endpoint.ask(Method::POST, "/endpoints/diabetes_regression/qa/score?verbose=true", "{}").await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["path"], "/score?verbose=true");
    assert_eq!(headers["x-trainyard-deployment"], "d1");
    assert!(!headers.contains_key("x-ms-server-version"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_a_release_says_so_in_a_sentence() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;

    for path in ["/endpoints/diabetes_regression/qa/score", "/endpoints/.../QA/score"] {
        let (status, _, body) = endpoint.ask(Method::POST, path, "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body["error"].as_str().unwrap().contains("nothing was ever deployed"), "{body}");
    }

    let spec = bench.spec("d1", r#"{"health": "never"}"#).await;
    deployments.apply(&spec).await.unwrap();
    let (status, headers, body) = endpoint.score().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "1");
    assert!(body["error"].as_str().unwrap().contains("nothing serves in qa"), "{body}");
    let (status, _, body) = endpoint.ask(Method::GET, "/endpoints/diabetes_regression/qa", "").await;
    assert_eq!((status, body["serving"].as_array().unwrap().len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let mut bench = bench_or_skip!();
    bench.settings.largest_request = 1;
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    bench.ready(&deployments, &bench.spec("d1", GOOD).await).await;

    let (status, _, body) = endpoint.score().await;

    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_given_up() {
    let mut bench = bench_or_skip!();
    bench.settings.answer_within = Duration::from_millis(300);
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    let spec = bench.spec("d1", r#"{"delay": 600}"#).await;
    bench.ready(&deployments, &spec).await;

    let (status, _, body) = endpoint.score().await;
    let DeploymentSpec { project, environment, release, .. } = &spec;
    let answer = deployments.call(project, environment, &release.deployment, b"{}".to_vec()).await.unwrap();

    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{body}");
    assert!(matches!(answer, Answer::Unreachable { .. }), "{answer:?}");
}

#[tokio::test]
async fn requests_are_split_by_weight() {
    let board = Board::default();
    let place = ("p".parse().unwrap(), "qa".parse().unwrap());
    let (champion, challenger) = (target("champion"), target("challenger"));
    board.serve(&place, vec![(90, champion), (10, challenger)]);

    let mut answers = Vec::new();
    for _ in 0..100 {
        let ticket = board.enter(&place).unwrap().unwrap();
        answers.push(ticket.target.release.deployment.to_string());
    }

    assert_eq!(answers.iter().filter(|name| *name == "challenger").count(), 10);
    assert!(answers.windows(4).all(|few| few.iter().any(|name| name == "champion")), "{answers:?}");
}

fn target(name: &str) -> Arc<Target> {
    Target::new(Release {
        deployment: name.parse().unwrap(),
        run: "r1".parse().unwrap(),
        number: 1,
        model: Model { name: "m".parse().unwrap(), version: 1, digest: Digest::of(b"model"), metrics: BTreeMap::new() },
        image: Digest::of(b"image"),
        config: Digest::of(b"config"),
        limits: Limits { cpu_cores: 1.0, memory_mib: 512 },
        deployed_at: None,
        endpoint: None,
    })
}
