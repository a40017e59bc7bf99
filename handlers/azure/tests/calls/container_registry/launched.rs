//! The real launcher, run by the Python of this machine as the registry's task would run it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use fake_azure::container_registry::{RunEnd, RunOrder};
use pipeline::event::JobResult;
use runner::conformance::jobs::end_of;
use runner::ports::JobPlatform as _;

use super::Registries;
use super::jobs::Turning;

/// Does what the Dockerfile says at its end, in a folder instead of a container. The Python is the machine's own.
fn launch(order: &RunOrder) -> RunEnd {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in &order.files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(folder.path().join("app")).unwrap();
    let text = String::from_utf8_lossy(&order.files["Dockerfile"]).into_owned();
    let words = text.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    let words: Vec<String> = serde_json::from_str(words).unwrap();
    let environment = words.iter().position(|word| word == "--environment");
    let left_out = |at: usize| environment.is_some_and(|of| at == of || at == of + 1);
    let words: Vec<_> = words.iter().enumerate().filter(|(at, _)| !left_out(*at)).map(|(_, word)| word).collect();
    let here = |word: &str| {
        let inside = |at: &str| folder.path().join(at).display().to_string();
        let known = [("/trainyard/", "job"), ("/tmp/trainyard/", "out"), ("/app", "app")];
        let found = known.iter().find_map(|(head, at)| Some((word.strip_prefix(head)?, *at)));
        found.map_or_else(|| word.to_owned(), |(rest, at)| Path::new(&inside(at)).join(rest).display().to_string())
    };
    let ran = Command::new("python3").args(words[1..].iter().map(|word| here(word))).output().unwrap();
    let log = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    RunEnd { is_good: ran.status.success(), log, secs: 1 }
}

async fn launched(line: &str, image: bool) -> (Registries, JobResult) {
    let registries = Registries::new().await;
    registries.fake.world().container_registry.on_run = Some(Arc::new(launch));
    let mut job = registries.job("check-diabetes-1".parse().unwrap(), line);
    if image {
        let mut world = registries.fake.world();
        let digest = world.container_registry.registry("mlopsacr").keep(super::REPOSITORY, "package-1", "image");
        job.image = Some(digest.parse().unwrap());
    }
    registries.jobs.submit(&job).await.unwrap();
    let result = end_of(&Turning(&registries), &job.name).await;
    (registries, result)
}

#[tokio::test]
async fn a_check_runs_and_its_report_comes_back() {
    let write = "sh -c \"python3 training/train.py && echo '<testsuite tests=\\\"1\\\"><testcase name=\\\"a\\\"/></testsuite>' > unit-testresults.xml\"";
    let (registries, result) = launched(write, false).await;

    let JobResult::Completed(outputs) = result else { panic!("{result:?}") };
    let report = registries.artifacts.get(&outputs.files["unit-testresults.xml"]).await.unwrap();
    assert!(String::from_utf8_lossy(&report).starts_with("<testsuite"), "{outputs:?}");
    let log = registries.jobs.logs(&"check-diabetes-1".parse().unwrap(), 0).await.unwrap();
    assert!(log.ended && log.text.contains("\ntrain\n"), "{}", log.text);
}

#[tokio::test]
async fn a_command_that_fails_in_an_image_fails_the_job_with_its_last_line() {
    let (_, result) = launched("sh -c 'echo the image is wrong; exit 3'", true).await;

    let JobResult::Failed { reason, .. } = result else { panic!("{result:?}") };
    assert!(reason.contains("the image is wrong") && reason.contains('3'), "{reason}");
}
