//! What becomes of commits.

use std::sync::Arc;

use azure::{Anybody, BlobSettings, BlobStorage};
use pipeline::event::Answer;
use pipeline::run::{Outcome, Progress, Run};
use runner::conformance::fresh;
use runner::ports::SystemClock;

use crate::cloud::{Cloud, REPOSITORY, project};
use crate::day::Day;
use crate::repository::Fit;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_released_rolled_back_and_turned_down() {
    let mut day = Day::new(Cloud::new().await).await;
    live(&mut day).await;
}

/// Nothing that a process remembers is needed, and nothing that comes again is done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_comes_of_a_new_process_for_each_message_and_of_each_message_twice() {
    let mut day = Day::new(Cloud::new().await).await;
    day.is_rough = true;
    live(&mut day).await;
}

/// Requests fail, answers are lost, break off or say to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_comes_of_bad_weather() {
    let mut day = Day::new(Cloud::new().await).await;
    day.storms = Some(0);
    live(&mut day).await;
    assert!(day.storms > Some(50));
}

/// A team keeps the pipeline that it has published. However often it is asked and whatever is lost, it trains once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_published_pipeline_trains_is_released() {
    let mut day = Day::new(Cloud::with_a_pipeline().await).await;
    day.is_rough = true;
    day.storms = Some(0);
    let commit = day.push(Fit::Mean).await;

    let run = day.deliver(1).await;

    is_done(&day, &run, Outcome::Released, (&commit, "success"));
    serves(&day, "prod", &run, MEAN).await;
    let world = day.cloud.fake.world();
    let jobs: Vec<_> = world.azure_ml.jobs.values().collect();
    assert_eq!(jobs.len(), 1, "one run of the pipeline, and nothing else");
    assert_eq!(jobs[0].given["commit"], commit);
}

/// On the emulator of the service's makers; `tests/azurite.sh` starts one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "tests/azurite.sh runs it"]
async fn the_same_comes_of_documents_on_azurite() {
    let account = std::env::var("TRAINYARD_AZURITE").expect("tests/azurite.sh says where Azurite is");
    let settings = BlobSettings { container: fresh("delivery"), ..BlobSettings::new(account) };
    // It has a clock of its own.
    let storage = BlobStorage::new(&settings, Arc::new(Anybody), Arc::new(SystemClock)).unwrap();
    let mut day = Day::new(Cloud::keeping(|_, _| storage).await).await;
    live(&mut day).await;
}

/// A good commit, one that is better and answers wrongly in PROD, and one that is worse.
async fn live(day: &mut Day) {
    let commit = day.push(Fit::Mean).await;
    let first = day.deliver(1).await;

    is_done(day, &first, Outcome::Released, (&commit, "success"));
    assert_eq!((&first.requested_by, first.commit.as_ref().unwrap().as_str()), (&"ann".to_owned(), commit.as_str()));
    let idle: Vec<_> = first.steps.iter().filter(|(_, record)| record.progress != Progress::Succeeded).collect();
    assert!(idle.is_empty(), "{idle:#?}");
    let gate = first.stage(&"prod".parse().unwrap()).unwrap().approval.as_ref().unwrap();
    assert_eq!(gate.answers.iter().map(|answer| answer.by.as_str()).collect::<Vec<_>>(), ["bob"]);
    serves(day, "qa", &first, MEAN).await;
    serves(day, "prod", &first, MEAN).await;
    assert_eq!(day.environment("prod").await.champion().unwrap().model.metrics["mse"], first.facts.metrics["mse"]);

    day.cloud.containers.trust_in_prod(first.facts.image.as_ref().unwrap().as_str());
    let commit = day.push(Fit::Line).await;
    let second = day.deliver(2).await;

    is_done(day, &second, Outcome::RolledBack, (&commit, "failure"));
    assert!(second.facts.metrics["mse"] < first.facts.metrics["mse"]);
    serves(day, "qa", &second, LINE).await;
    serves(day, "prod", &first, MEAN).await;
    let prod = day.environment("prod").await;
    assert_eq!(prod.champion().unwrap().model, *first.facts.model.as_ref().unwrap());
    assert_eq!(prod.quarantine, [second.facts.image.clone().unwrap()]);

    let commit = day.push(Fit::Zero).await;
    let third = day.deliver(3).await;

    is_done(day, &third, Outcome::NotBetter, (&commit, "success"));
    serves(day, "prod", &first, MEAN).await;
    nothing_was_made_twice(day, &[&first, &second]);
}

/// What the models answer to one row with 1.
const MEAN: f64 = 10.0;
const LINE: f64 = 6.2;

fn is_done(day: &Day, run: &Run, outcome: Outcome, (commit, state): (&str, &str)) {
    let ended = run.ended.as_ref().unwrap();
    assert_eq!(ended.outcome, outcome, "{:#?}", run.journal);
    assert!(run.journal.iter().all(|entry| !entry.event.contains("not told")), "{:#?}", run.journal);
    let world = day.cloud.fake.world();
    let told = world.github.statuses.iter().filter(|(of, status)| of == commit && status["context"] == "trainyard");
    let states: Vec<_> = told.map(|(_, status)| status["state"].as_str().unwrap()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"pending"), Some(&state)), "{states:?}");
}

/// An environment says that this run's release serves, and it is what answers.
async fn serves(day: &Day, environment: &str, run: &Run, answer: f64) {
    let known = day.environment(environment).await;
    let release = known.current.unwrap();
    assert_eq!((&release.run, Some(&release.image)), (&run.id, run.facts.image.as_ref()), "{environment}");
    day.cloud.containers.look(&day.cloud.fake.world());
    let deployments = &day.cloud.ports.deployments;
    let call = async || {
        let payload = br#"{"data": [1.0]}"#.to_vec();
        deployments.call(&project(), &known.name, &release.deployment, payload).await
    };
    let told = day.patiently(call).await;
    let Answer::Answered { status: 200, body } = told else { panic!("{told:?}") };
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let number = body["result"][0].as_f64().unwrap();
    assert!((number - answer).abs() < 1e-9, "{environment} answers {body}");
}

/// Three trainings, two of them worth a version and an image, which are in both registries.
fn nothing_was_made_twice(day: &Day, released: &[&Run]) {
    let mut world = day.cloud.fake.world();
    let jobs: Vec<_> = world.azure_ml.jobs.keys().map(String::as_str).collect();
    assert_eq!(jobs.len(), 6, "{jobs:?}");
    let versions: Vec<_> = world.azure_ml.models["diabetes_model"].versions.keys().cloned().collect();
    assert_eq!(versions, ["1", "2"]);
    let mut images: Vec<_> = released.iter().map(|run| run.facts.image.clone().unwrap().to_string()).collect();
    images.sort();
    for registry in ["mlopsacr", "prodacr"] {
        let there = &world.container_registry.registry(registry).repositories[REPOSITORY];
        assert_eq!(there.manifests.keys().collect::<Vec<_>>(), images.iter().collect::<Vec<_>>(), "{registry}");
    }
    let runs = &world.container_registry.registry("mlopsacr").runs;
    // Three checks; of two images the build, the test and the profile.
    assert_eq!(runs.len(), 9);
    let imports = world.seen.iter().filter(|seen| seen.method == "POST" && seen.path.contains("/importImage")).count();
    // One whose answer is lost is begun again.
    assert!(imports == 2 || day.storms.is_some(), "{imports}");
}
