//! What jobs run in.

use pipeline::manifest::Load;
use pipeline::names::Digest;
use runner::ports::{JobPlatform as _, PortError};

use super::Bench;

#[tokio::test]
async fn each_dependency_file_is_an_environment_and_the_first_is_the_job_s() {
    let bench = Bench::new().await;
    let files = [("requirements.txt", "numpy\n"), ("scoring/requirements.txt", "joblib\n")];
    let mut spec = bench.spec("r1-provision-1", &[], &files).await;
    spec.environments = files.iter().map(|(name, _)| (*name).to_owned()).collect();

    bench.aml.submit(&spec).await.unwrap();

    let world = bench.fake.world();
    let environments: Vec<_> = world.azure_ml.assets.iter().filter(|(name, _)| name.starts_with("env")).collect();
    assert_eq!(environments.len(), 2);
    let job = &world.azure_ml.jobs["r1-provision-1"].properties;
    let first = environments.iter().find(|(name, _)| job["environmentId"].as_str().unwrap().ends_with(name.as_str()));
    assert!(first.unwrap().1["condaFile"].as_str().unwrap().contains("numpy"));
}

#[tokio::test]
async fn a_dependency_file_that_is_missing_is_named() {
    let bench = Bench::new().await;
    let mut spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    spec.environments = vec!["conda.yml".into()];
    let error = bench.aml.submit(&spec).await.unwrap_err();
    let is_it =
        matches!(&error, PortError::Permanent { reason, .. } if reason.contains("no dependency file conda.yml"));
    assert!(is_it, "{error}");
}

#[tokio::test]
async fn a_load_test_runs_in_the_image() {
    let image = Digest::of(b"an image");
    let bench = Bench::new().await;
    let mut spec = bench.spec("r1-profile-1", &[], &[("smoke.json", "{}")]).await;
    spec.image = Some(image.clone());
    spec.environments = vec!["scoring/requirements.txt".into()];
    spec.load = Some(Load { payload: "smoke.json".into(), seconds: 3, concurrency: 2 });
    spec.entry = Some("scoring/score.py".into());

    bench.aml.submit(&spec).await.unwrap();

    let properties = bench.sent("PUT", "/jobs/r1-profile-1")["properties"].clone();
    assert!(properties["command"].as_str().unwrap().ends_with(" --mlflow --app /app"), "{properties}");
    {
        let world = bench.fake.world();
        let environment = world.azure_ml.assets.iter().find(|(name, _)| name.starts_with("environments/")).unwrap().1;
        assert_eq!(environment["image"], format!("contoso.azurecr.io/diabetes@{image}"));
        assert!(environment["condaFile"].is_null());
    }
    let bench = Bench::with(|settings| settings.images = None).await;
    let mut elsewhere = bench.spec("r1-profile-1", &[], &[("smoke.json", "{}")]).await;
    elsewhere.image = Some(image);
    let error = bench.aml.submit(&elsewhere).await.unwrap_err();
    assert!(error.to_string().contains("setting `images`"), "{error}");
}
