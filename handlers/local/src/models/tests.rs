use pipeline::names::Digest;
use pipeline::release::Lineage;
use runner::conformance;
use tempfile::TempDir;

use super::*;
use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_keeps_its_promises() {
    let (models, _dir) = models();
    conformance::models::all(&models).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_crashed_after_its_claim_gets_the_version_that_it_claimed() {
    let (models, _dir) = models();
    let crashed = registration("r1");
    models.write("models/m/runs/r1", &Claim { version: 1 }, Expect::Absent).await.unwrap();

    let registered = models.register(&crashed).await.unwrap();

    assert_eq!(registered.version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_another_run_has_filled_moves_on_and_leaves_no_gap() {
    let (models, _dir) = models();
    models.write("models/m/runs/r1", &Claim { version: 1 }, Expect::Absent).await.unwrap();
    models.register(&registration("r2")).await.unwrap();

    let first = models.register(&registration("r1")).await.unwrap();
    let next = models.register(&registration("r3")).await.unwrap();

    assert_eq!((first.version, next.version), (2, 3));
    let versions = models.versions(&"m".parse().unwrap(), 10).await.unwrap();
    let runs: Vec<&str> = versions.iter().map(|held| held.lineage.run.as_str()).collect();
    assert_eq!(runs, ["r3", "r1", "r2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_no_version_is_an_error_that_names_it() {
    let (models, _dir) = models();
    let name: ModelName = "m".parse().unwrap();
    models.store.put(&version_key(&name, 1), b"{}".to_vec(), Expect::Absent).await.unwrap();

    let error = models.get(&name, 1).await.unwrap_err();

    assert!(matches!(error, PortError::Permanent { .. }), "{error}");
    assert!(error.to_string().contains("models/m/versions/9999999998"), "{error}");
}

fn models() -> (LocalModels, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    (LocalModels::new(Arc::new(home.store())), dir)
}

fn registration(run: &str) -> Registration {
    Registration {
        name: "m".parse().unwrap(),
        digest: Digest::of(run.as_bytes()),
        lineage: Lineage {
            run: run.parse().unwrap(),
            number: 1,
            commit: None,
            job: None,
            data: None,
            by: "somebody".into(),
        },
        metrics: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}
