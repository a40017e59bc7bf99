//! What the fake refuses, so that a client that is wrong is found out.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Bench, PIPELINE};
use crate::fake::azure_ml::{TRACKING, batch_host, id};

#[tokio::test]
async fn the_fake_refuses_what_published_pipelines_refuse() {
    let bench = Bench::published(|_| {}).await;
    let submit = |pipeline: &str| format!("pipelines/v1.0{}/PipelineRuns/PipelineSubmit/{pipeline}", id(""));
    let url = |below: &str| format!("{}/{below}", bench.fake.host(TRACKING));
    let good = json!({"ExperimentName": "e", "ParameterAssignments": {"alpha": "0.5"}, "tags": {"a": "b"}});
    let (status, first) = send(Method::POST, &url(&submit(PIPELINE)), &good).await;
    let (_, second) = send(Method::POST, &url(&submit(PIPELINE)), &good).await;
    assert_eq!((status, first["Id"] == second["Id"]), (200, false), "each time it is another run");
    for (what, body) in [
        ("no experiment", json!({"ParameterAssignments": {}})),
        ("a number", json!({"ExperimentName": "e", "ParameterAssignments": {"alpha": 0.5}})),
        ("tags twice", json!({"ExperimentName": "e", "Tags": {"a": "b"}, "tags": {"a": "b"}})),
        ("null", json!({"ExperimentName": "e", "Description": null})),
        ("what nobody knows", json!({"ExperimentName": "e", "Experiment": "e"})),
    ] {
        assert_eq!(send(Method::POST, &url(&submit(PIPELINE)), &body).await.0, 400, "{what}");
    }
    assert_eq!(send(Method::POST, &url(&submit("00000000-0000-0000-0000-000000000000")), &good).await.0, 404);

    let query = format!("history/v1.0{}/experiments/e/runs:query", id(""));
    let found = send(Method::POST, &url(&query), &json!({"filter": "(Tags/a eq \"b\")"})).await;
    assert_eq!((found.0, found.1["value"].as_array().unwrap().len()), (200, 2));
    assert_eq!(send(Method::POST, &url(&query), &json!({"filter": "Tags/a eq 'b'"})).await.0, 400);
    assert_eq!(send(Method::POST, &url(&query.replace("/e/", "/f/")), &json!({})).await.0, 404, "no such experiment");
}

#[tokio::test]
async fn the_fake_refuses_what_batch_endpoints_refuse() {
    let bench = Bench::batch(|_| {}).await;
    let url = bench.fake.host(&format!("{}/jobs", batch_host("retrain")));
    let of = |kind: &str, input: &str| {
        json!({"properties": {
            "inputData": {"a": {"jobInputType": input, "uri": "https://a/b"}},
            "outputData": {"b": {"jobOutputType": kind, "uri": "azureml://datastores/d/paths/p"}},
        }})
    };
    let (status, made) = send(Method::POST, &url, &of("UriFolder", "UriFile")).await;
    assert_eq!(status, 200, "{made}");
    for (what, body) in [
        ("the dialect of Azure Resource Manager", of("uri_folder", "UriFile")),
        ("and of its inputs", of("UriFolder", "uri_file")),
        ("a literal without a value", of("UriFolder", "Literal")),
        ("no properties", json!({"inputData": {}})),
        ("null", json!({"properties": {"inputData": {"a": {"jobInputType": "UriFile", "uri": null}}}})),
    ] {
        assert_eq!(send(Method::POST, &url, &body).await.0, 400, "{what}");
    }
    // In the words of Azure Resource Manager the same job has its other dialect.
    let shown = format!(
        "{}{}",
        bench.fake.host("management.azure.com"),
        id(&format!("jobs/{}", made["name"].as_str().unwrap()))
    );
    let (_, shown) = send(Method::GET, &format!("{shown}?api-version=2024-10-01"), &Value::Null).await;
    assert_eq!(shown["properties"]["outputs"]["b"]["jobOutputType"], "uri_folder");
}

async fn send(method: Method, url: &str, body: &Value) -> (u16, Value) {
    let request = Client::builder().tls_certs_only([]).build().unwrap().request(method, url).bearer_auth("secret");
    let request = if body.is_null() { request } else { request.json(body) };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}
