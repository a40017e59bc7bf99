//! What the fake refuses, so that a client that is wrong is found out.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::Bench;
use crate::fake::azure_ml::id;

#[tokio::test]
async fn the_fake_refuses_what_azure_ml_refuses() {
    let bench = Bench::new().await;
    let environment = json!({"properties": {"image": "ubuntu", "osType": "Linux"}});
    assert_eq!(put(&bench, "environments/e/versions/1", &environment).await, 201);
    assert_eq!(put(&bench, "environments/e/versions/1", &environment).await, 200, "the same again");
    let good = json!({"properties": {
        "jobType": "Command", "command": "true", "environmentId": id("environments/e/versions/1"),
        "computeId": id("computes/cpu"), "outputs": {"o": {"jobOutputType": "uri_folder", "mode": "ReadWriteMount"}},
    }});
    assert_eq!(put(&bench, "jobs/good", &good).await, 201);
    assert_eq!(put(&bench, "jobs/good", &good).await, 200);
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body["properties"][member] = value;
        body
    };
    for (what, body) in [
        ("the case of a type", with("jobType", "command".into())),
        ("null", with("resources", Value::Null)),
        ("no command", with("command", "".into())),
        ("an environment that is not there", with("environmentId", id("environments/e/versions/2").into())),
        ("a cluster that is not there", with("computeId", id("computes/gpu").into())),
        ("a member that only the service sets", with("status", "Running".into())),
        ("an output of no type", with("outputs", json!({"o": {"jobOutputType": "UriFolder", "mode": "Upload"}}))),
        ("limits of no type", with("limits", json!({"timeout": "PT1H"}))),
        ("a tag that is no text", with("tags", json!({"run": 7}))),
    ] {
        assert_eq!(put(&bench, "jobs/bad", &body).await, 400, "{what}");
    }
    assert_eq!(put(&bench, "jobs/good", &with("command", "false".into())).await, 409, "what cannot change");
    let other = json!({"properties": {"image": "debian", "osType": "Linux"}});
    assert_eq!(put(&bench, "environments/e/versions/1", &other).await, 409);
    let data = json!({"properties": {"dataType": "UriFile", "dataUri": "azureml://datastores/d/paths/x"}});
    assert_eq!(put(&bench, "data/d/versions/1", &data).await, 400, "another dialect");
    let url = bench.fake.host("management.azure.com") + &id("jobs/good");
    assert_eq!(send(Method::GET, &format!("{url}?api-version=2023-10-01"), &Value::Null).await, 400);
    assert_eq!(send(Method::GET, &format!("{url}2?api-version=2024-10-01"), &Value::Null).await, 404);
}

async fn put(bench: &Bench, path: &str, body: &Value) -> u16 {
    let url = bench.fake.host("management.azure.com") + &id(path) + "?api-version=2024-10-01";
    send(Method::PUT, &url, body).await
}

async fn send(method: Method, url: &str, body: &Value) -> u16 {
    let request = Client::builder().tls_certs_only([]).build().unwrap().request(method, url).bearer_auth("secret");
    let request = if body.is_null() { request } else { request.json(body) };
    request.send().await.unwrap().status().as_u16()
}
