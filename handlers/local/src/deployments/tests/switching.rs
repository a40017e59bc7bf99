//! One release after the other.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_dropped_when_releases_change_under_load() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let endpoint = Arc::new(Endpoint::serve(&deployments).await);
    bench.ready(&deployments, &bench.spec("d0", r#"{"answer": "d0", "delay": 0.01}"#).await).await;
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let endpoint = Arc::clone(&endpoint);
            tokio::spawn(async move {
                let mut answered = vec![String::new()];
                while answered.last().is_some_and(|last| last != "d4") {
                    let (status, headers, body) = endpoint.score().await;
                    assert_eq!(status, StatusCode::OK, "{body}");
                    assert_eq!(headers["x-trainyard-deployment"], *body["answer"].as_str().unwrap());
                    answered.push(body["answer"].as_str().unwrap().to_owned());
                }
                answered
            })
        })
        .collect();

    for n in 1..=4 {
        let model = format!(r#"{{"answer": "d{n}", "delay": 0.01}}"#);
        bench.ready(&deployments, &bench.spec(&format!("d{n}"), &model).await).await;
    }

    for asker in askers {
        let answered = asker.await.unwrap();
        assert!(answered.is_sorted(), "an old release answered after a newer one: {answered:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_by_the_release_that_took_it() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let endpoint = Arc::new(Endpoint::serve(&deployments).await);
    let old = bench.spec("old", r#"{"answer": "old", "delay": 2}"#).await;
    bench.ready(&deployments, &old).await;
    let process = bench.process_of(&deployments, &old).await;
    let place = (old.project.clone(), old.environment.clone());
    let target = Arc::clone(&deployments.shared.board.serving(&place).unwrap()[0].1);

    let slow = tokio::spawn({
        let endpoint = Arc::clone(&endpoint);
        async move { endpoint.score().await }
    });
    while target.drain(Duration::ZERO).await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    bench.ready(&deployments, &bench.spec("new", r#"{"answer": "new"}"#).await).await;

    assert_eq!(endpoint.score().await.2["answer"], "new");
    let (status, _, body) = slow.await.unwrap();
    assert_eq!((status, body["answer"].as_str()), (StatusCode::OK, Some("old")));
    gone(&process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_end_does_not_keep_the_old_release_for_ever() {
    let mut bench = bench_or_skip!();
    bench.settings.drain_within = Duration::from_millis(100);
    let deployments = bench.open().await;
    let endpoint = Endpoint::serve(&deployments).await;
    let old = bench.spec("old", r#"{"delay": 600}"#).await;
    bench.ready(&deployments, &old).await;
    let process = bench.process_of(&deployments, &old).await;
    let slow = tokio::spawn(async move { endpoint.score().await });

    bench.ready(&deployments, &bench.spec("new", GOOD).await).await;

    gone(&process).await;
    slow.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_overtaken_before_it_is_healthy_gives_up() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    let late = bench.spec("late", r#"{"health": "never"}"#).await;
    deployments.apply(&late).await.unwrap();
    let process = bench.process_of(&deployments, &late).await;

    bench.ready(&deployments, &bench.spec("next", GOOD).await).await;

    let DeploymentStatus::Failed { reason } = bench.settled(&deployments, &late).await else { panic!() };
    assert_eq!(reason, "next was deployed before it was healthy");
    gone(&process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_leaves_its_log_and_not_its_image() {
    let bench = bench_or_skip!();
    let deployments = bench.open().await;
    bench.ready(&deployments, &bench.spec("old", GOOD).await).await;
    let old = bench.folder().join("old");
    assert!(old.join("image/app/score.py").is_file());

    bench.ready(&deployments, &bench.spec("new", GOOD).await).await;

    let begun = Instant::now();
    while old.join("image").exists() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(!old.join("image").exists());
    assert!(old.join("server.log").is_file());
}

#[test]
fn only_so_many_ended_deployments_are_remembered() {
    let mut state = State::new(("p".parse().unwrap(), "qa".parse().unwrap()));
    for n in 0..30 {
        state.remember(&format!("d{n}").parse().unwrap());
    }

    let forgotten = state.forget();

    assert_eq!(forgotten.len(), 10);
    assert_eq!(forgotten[0].as_str(), "d0");
    assert_eq!(state.ended[0].as_str(), "d29");
}
