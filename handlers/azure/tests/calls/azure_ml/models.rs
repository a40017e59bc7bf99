//! Registered models.

use std::collections::BTreeMap;

use pipeline::names::Digest;
use runner::ports::{ModelRegistry as _, PortError};
use serde_json::{Value, json};

use super::{Bench, left, registration};
use crate::fake::azure_ml::{ACCOUNT, ARTIFACTS_CONTAINER, CONTAINER, Model};

fn tags(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("latency_ms_p95".to_owned(), value.to_owned())])
}

#[tokio::test]
async fn a_model_that_a_job_left_is_registered_where_it_is() {
    let bench = Bench::new().await;
    bench.jobs_end(left(&[("model.pkl", "a model"), ("metrics.json", "{}")], &[("mse", 0.3)]));
    let spec = bench.spec("r1-train-1", &[("train", "true")], &[("a", "a")]).await;
    bench.run(&spec).await;
    let registration = registration(Some("r1-train-1"), &Digest::of(b"a model"));

    let model = bench.aml.register(&registration).await.unwrap();
    let again = bench.aml.register(&registration).await.unwrap();

    assert_eq!((model.version, &again), (7, &model), "the run's number");
    let sent = &bench.sent("PUT", "/models/diabetes_model/versions/7")["properties"];
    assert_eq!(sent["modelUri"], "azureml://datastores/workspaceblobstore/paths/trainyard/r1-train-1/files/model.pkl");
    assert_eq!((&sent["modelType"], &sent["jobName"]), (&json!("custom_model"), &json!("r1-train-1")));
    assert_eq!(
        (&sent["properties"]["trainyard.commit"], &sent["tags"]["mse"]),
        (&json!("a".repeat(40)), &json!("0.3"))
    );
    let held = bench.aml.get(&registration.name, 7).await.unwrap().unwrap();
    assert_eq!((held.model, held.lineage), (model, registration.lineage));
    assert_eq!(bench.count("PUT", "/versions/7"), 1);
}

#[tokio::test]
async fn a_model_from_elsewhere_in_the_run_is_copied_to_the_workspace() {
    let bench = Bench::new().await;
    let digest = bench.artifacts.put(b"a model".to_vec()).await.unwrap();

    let model = bench.aml.register(&registration(Some("databricks-1"), &digest)).await.unwrap();

    assert_eq!(model.metrics["mse"], 0.1 + 0.2, "not as its tag rounds it");
    let path = format!("trainyard/models/{}", digest.hex());
    assert_eq!(bench.fake.world().blob.get(ACCOUNT, CONTAINER, &path).unwrap(), b"a model");
    let sent = &bench.sent("PUT", "/versions/7")["properties"];
    assert!(sent["modelUri"].as_str().unwrap().ends_with(&path) && sent["jobName"].is_null(), "{sent}");
}

#[tokio::test]
async fn a_number_that_somebody_else_has_taken_is_passed_over() {
    let bench = Bench::new().await;
    let digest = bench.artifacts.put(b"a model".to_vec()).await.unwrap();
    let theirs = json!({"modelUri": "azureml://datastores/workspaceblobstore/paths/x", "modelType": "custom_model"});
    let model = Model { versions: BTreeMap::from([("7".to_owned(), (0, theirs.clone()))]), ..Model::default() };
    bench.fake.world().azure_ml.models.insert("diabetes_model".into(), model);

    let first = bench.aml.register(&registration(None, &digest)).await.unwrap();
    let again = bench.aml.register(&registration(None, &digest)).await.unwrap();

    assert_eq!((first.version, again.version), (8, 8));
    assert_eq!(bench.fake.world().azure_ml.models["diabetes_model"].versions["7"].1, theirs, "theirs is as it was");
}

#[tokio::test]
async fn tags_are_added_to_what_is_there_and_nothing_is_written_twice() {
    let bench = Bench::new().await;
    let digest = bench.artifacts.put(b"a model".to_vec()).await.unwrap();
    let registration = registration(None, &digest);
    bench.aml.register(&registration).await.unwrap();
    let before = bench.aml.get(&registration.name, 7).await.unwrap().unwrap();

    bench.aml.tag(&registration.name, 7, &tags("8")).await.unwrap();
    bench.aml.tag(&registration.name, 7, &tags("8")).await.unwrap();

    let held = bench.aml.get(&registration.name, 7).await.unwrap().unwrap();
    assert_eq!((held.tags["latency_ms_p95"].as_str(), held.tags["mse"].as_str()), ("8", "0.3"));
    assert_eq!((held.model, held.lineage), (before.model, before.lineage));
    assert_eq!(bench.count("PUT", "/versions/7"), 2);
    let sent = &bench.sent("PUT", "/versions/7")["properties"];
    assert!(
        sent.get("provisioningState").is_none() && !sent.as_object().unwrap().values().any(Value::is_null),
        "{sent}"
    );
    assert!(matches!(bench.aml.tag(&registration.name, 9, &tags("8")).await, Err(PortError::Permanent { .. })));
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_as_far_as_is_wanted() {
    let bench = Bench::new().await;
    let digest = bench.artifacts.put(b"a model".to_vec()).await.unwrap();
    for number in 1..=7 {
        let mut registration = registration(None, &digest);
        registration.lineage.number = number;
        registration.lineage.run = format!("r{number}").parse().unwrap();
        bench.aml.register(&registration).await.unwrap();
    }
    bench.fake.world().azure_ml.page = 2;
    let name = "diabetes_model".parse().unwrap();
    let versions = async |limit| -> Vec<u64> {
        bench.aml.versions(&name, limit).await.unwrap().iter().map(|held| held.model.version).collect()
    };

    let before = bench.fake.count();
    assert_eq!(versions(3).await, [7, 6, 5]);
    assert_eq!(bench.fake.count() - before, 2);
    assert_eq!(versions(100).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(versions(0).await, [0; 0]);
}

#[tokio::test]
async fn what_somebody_else_registered_can_be_released() {
    let bench = Bench::new().await;
    let name = "diabetes_model".parse().unwrap();
    let commit = "c".repeat(40);
    let version = |uri: &str| {
        json!({
            "modelUri": uri, "modelType": "mlflow_model", "jobName": "notebook-1",
            "tags": {"mse": "3012.5", "title": "a title", "git_commit": commit},
        })
    };
    let folder = "azureml://jobs/notebook-1/outputs/artifacts/paths/model/";
    let versions = ["azureml://datastores/workspaceblobstore/paths/theirs/model.bin", folder, "https://example/model"];
    let versions: BTreeMap<_, _> =
        versions.iter().enumerate().map(|(at, uri)| ((at + 1).to_string(), (at, version(uri)))).collect();
    {
        let mut world = bench.fake.world();
        world.azure_ml.models.insert("diabetes_model".into(), Model { versions, ..Model::default() });
        world.blob.put(ACCOUNT, CONTAINER, "theirs/model.bin", "their model");
        world.blob.put(ACCOUNT, CONTAINER, "theirs/model.bin2", "another");
        for (file, text) in [("MLmodel", "x"), ("conda.yaml", "y"), ("model.pkl", "logged model")] {
            let path = format!("ExperimentRun/dcid.notebook-1/model/{file}");
            world.blob.put(ACCOUNT, ARTIFACTS_CONTAINER, &path, text);
        }
    }

    let file = bench.aml.get(&name, 1).await.unwrap().unwrap();
    let folder = bench.aml.get(&name, 2).await.unwrap().unwrap();
    let web = bench.aml.get(&name, 3).await.unwrap_err();

    assert_eq!(file.model.digest, Digest::of(b"their model"));
    assert_eq!(file.model.metrics, BTreeMap::from([("mse".to_owned(), 3012.5)]));
    assert_eq!(file.lineage.commit.unwrap().to_string(), commit);
    assert_eq!((file.lineage.by.as_str(), file.lineage.number), ("Trainyard", 1));
    assert_eq!(bench.artifacts.get(&folder.model.digest).await.unwrap(), b"logged model");
    assert!(web.to_string().contains("which is on no datastore"), "{web}");
    assert!(
        bench.aml.versions(&name, 10).await.unwrap().is_empty(),
        "what cannot be told without reading it is left out"
    );
}
