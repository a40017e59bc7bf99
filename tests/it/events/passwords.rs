//! Databricks, which knows a password, and MLflow, which signs with the time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use reqwest::Method;
use sha2::Sha256;

use super::{azure, events, machine, sample, watch};
use crate::support::{Machine, Value, json, send};

#[test]
fn databricks_is_let_in_by_its_password_alone() {
    let machine = machine();
    watch(&machine, "tiny", &azure());
    let body = sample("databricks/fixtures/jobs.on_success.job.json");
    let tell = |authorization: Option<String>| {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        send(Method::POST, &machine.url("/api/databricks"), &headers, &body).status
    };
    let basic = |shown: &str| Some(format!("Basic {}", STANDARD.encode(shown)));
    for wrong in [None, basic("databricks:sesame"), basic("databricks:"), basic(""), Some("Bearer open".into())] {
        assert_eq!(tell(wrong.clone()), 401, "{wrong:?}");
    }
    assert_eq!(events(&machine), Vec::<Value>::new());
    assert_eq!(tell(basic("databricks:open sesame")), 202);
    let [event] = events(&machine).try_into().unwrap();
    assert_eq!((&event["door"], &event["verified"]), (&json!("databricks_event"), &json!("password")));
    assert_eq!(event["reading"]["fact"]["type"], "databricks_run_changed");
    assert_eq!(event["did"][0]["why"], "it is not one of ours");
}

#[test]
fn mlflow_is_believed_for_a_moment_only() {
    let machine = machine();
    let body = sample("mlflow/fixtures/model_version.created.json");
    let now = Timestamp::now().as_second();
    assert_eq!(from_mlflow(&machine, "mlflow's own", now - 3600, &body), 401, "somebody has kept it for an hour");
    assert_eq!(from_mlflow(&machine, "another", now, &body), 401);
    assert_eq!(events(&machine), Vec::<Value>::new());
    assert_eq!(from_mlflow(&machine, "mlflow's own", now, &body), 202);
    let [event] = events(&machine).try_into().unwrap();
    assert_eq!((&event["door"], &event["verified"]), (&json!("mlflow_event"), &json!("signature")));
    assert_eq!(event["reading"]["fact"]["type"], "model_registered");
}

fn from_mlflow(machine: &Machine, secret: &str, at: i64, body: &[u8]) -> u16 {
    let (delivery, at) = ("5b2f7f0e-1d4e-4b5c-9d0a-1a2b3c4d5e6f", at.to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{delivery}.{at}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("Content-Type", "application/json"),
        ("X-MLflow-Signature", &*signature),
        ("X-MLflow-Delivery-Id", delivery),
        ("X-MLflow-Timestamp", &*at),
    ];
    send(Method::POST, &machine.url("/api/mlflow"), &headers, body).status
}
