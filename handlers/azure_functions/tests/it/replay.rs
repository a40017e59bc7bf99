//! Each golden invocation, through the real router over a real socket, chunked and sized.

use std::sync::{Arc, Mutex};

use azure_functions::{Invocation, Outcome, Router};
use serde_json::{Value, json};

use crate::support::{Framing, Host, fixture, invocations};

#[tokio::test]
async fn every_golden_invocation_arrives_whole_and_is_answered() {
    let seen = Arc::new(Mutex::new(None));
    let keep = seen.clone();
    let router = Router::new().function("devops-events", move |invocation: Invocation| {
        *keep.lock().unwrap() = Some(invocation);
        async { Outcome::success().log("taken") }
    });
    let mut host = Host::start(router).await;
    let names = invocations();
    assert!(names.len() > 20, "{names:?}");

    for name in names {
        for framing in [Framing::Chunked, Framing::Sized] {
            let body = fixture(&name);
            let answer = host.invoke("devops-events", &body, framing).await;

            assert_eq!(answer.status, 200, "{name} {framing:?}");
            assert_eq!(answer.object(), json!({ "Logs": ["taken"] }));
            let invocation = seen.lock().unwrap().take().unwrap();
            assert_eq!(invocation.function(), "devops-events");
            assert_eq!(invocation.id(), "3a1c6f0e-6f5b-4a52-a4a3-0b7d4a0f9c11");
            let sent: Value = serde_json::from_slice(&body).unwrap();
            let (input, value) = sent["Data"].as_object().unwrap().iter().next().unwrap();
            assert_eq!(invocation.data(input).unwrap().json(), text_of(value, &body));
            assert_eq!(invocation.trigger().unwrap(), invocation.data(input).unwrap());
            let members = sent["Metadata"].as_object().unwrap().len();
            assert_eq!(invocation.metadata().iter().count(), members, "{name}");
        }
    }
}

/// Cuts the text of `Data`'s one value out of a request.
fn text_of(value: &Value, body: &[u8]) -> String {
    let body = str::from_utf8(body).unwrap();
    let (_, data) = body.split_once(r#"{"Data":{"#).unwrap();
    let (_, text) = data.split_once(':').unwrap();
    let (text, _) = text.split_once(r#"},"Metadata":"#).unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *value);
    text.to_owned()
}
