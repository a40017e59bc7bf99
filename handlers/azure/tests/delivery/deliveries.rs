//! What becomes of commits.

use pipeline::event::Answer;
use pipeline::run::{Outcome, Run};

use crate::cloud::{Cloud, project};
use crate::day::Day;
use crate::repository::Fit;

fn outcome(run: &Run) -> Outcome {
    run.ended.as_ref().unwrap().outcome
}

/// The last status that a commit was given at GitHub.
fn status(day: &Day, commit: &str) -> String {
    let world = day.cloud.fake.world();
    let told = world.github.statuses.iter().rev().find(|(of, status)| of == commit && status["context"] == "trainyard");
    told.expect("it was told").1["state"].as_str().unwrap().to_owned()
}

/// What PROD answers by the release that is said to be there.
async fn ask_prod(day: &Day, payload: &str) -> String {
    let environment = day.environment("prod").await;
    let release = environment.current.unwrap();
    day.cloud.containers.look(&day.cloud.fake.world());
    let deployments = &day.cloud.ports.deployments;
    let answer = deployments.call(&project(), &environment.name, &release.deployment, payload.into()).await.unwrap();
    let Answer::Answered { status: 200, body } = answer else { panic!("{answer:?}") };
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_released_rolled_back_and_turned_down() {
    let mut day = Day::new(Cloud::new().await).await;
    let commit = day.push(Fit::Mean).await;
    let first = day.deliver(1).await;
    assert_eq!(outcome(&first), Outcome::Released, "{:#?}", first.journal);
    assert_eq!(status(&day, &commit), "success");
    assert_eq!(ask_prod(&day, r#"{"data": [1.0]}"#).await, r#"{"result": [10.0]}"#);
}
