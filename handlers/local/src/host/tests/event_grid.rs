//! Event Grid's web hook.

use azure_functions::{Invocation, Outcome, Router, StatusCode, Trigger};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;

use super::support::{Stage, call, queue};

const HOOK: &str = "/runtime/webhooks/eventgrid?functionName=Events&code=none";

fn stage() -> Stage {
    Stage::new(&[("events", Trigger::EventGrid), ("train", queue("train"))])
}

#[tokio::test]
async fn each_event_of_a_delivery_is_one_invocation() {
    let stage = stage();
    let (seen, mut ids) = unbounded_channel();
    let router = Router::new().function("events", move |invocation: Invocation| {
        let events = invocation.event_grid_events().unwrap();
        let id = events[0].id().unwrap();
        seen.send(id.clone()).unwrap();
        std::future::ready(if id == "bad" { Outcome::retry("no") } else { Outcome::success() })
    });
    let running = stage.attach(router).await;
    let notify = [("aeg-event-type", "Notification")];
    let cases = [
        (r#"{"id":"1"}"#, StatusCode::ACCEPTED, vec!["1"]),
        (r#"[{"id":"1"}, {"id":"2", "data":{}}]"#, StatusCode::ACCEPTED, vec!["1", "2"]),
        (r#"[{"id":"1"}, {"id":"bad"}]"#, StatusCode::INTERNAL_SERVER_ERROR, vec!["1", "bad"]),
        ("[1]", StatusCode::BAD_REQUEST, vec![]),
        ("x", StatusCode::BAD_REQUEST, vec![]),
    ];
    for (body, status, expected) in cases {
        assert_eq!(call(&running, "POST", HOOK, &notify, body).await.status, status, "{body}");
        let mut seen: Vec<_> = std::iter::from_fn(|| ids.try_recv().ok()).collect();
        seen.sort();
        assert_eq!(seen, expected, "{body}");
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn handshakes_are_answered_without_the_handler() {
    let stage = stage();
    let running = stage.attach(Router::new()).await;
    let kind = |kind| [("aeg-event-type", kind)];
    let code = json!({"data": {"validationCode": "512d38b6"}});
    for body in [code.to_string(), json!([code]).to_string()] {
        let reply = call(&running, "POST", HOOK, &kind("SubscriptionValidation"), &body).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.json(), json!({"validationResponse": "512d38b6"}));
    }
    for (headers, path, body, status) in [
        (vec![("aeg-event-type", "SubscriptionValidation")], HOOK, "[]", StatusCode::BAD_REQUEST),
        (vec![("aeg-event-type", "Unsubscribe")], HOOK, "", StatusCode::ACCEPTED),
        (vec![("aeg-event-type", "Other")], HOOK, "[]", StatusCode::BAD_REQUEST),
        (vec![], HOOK, "[]", StatusCode::BAD_REQUEST),
        (vec![], "/runtime/webhooks/eventgrid?functionName=other", "[]", StatusCode::NOT_FOUND),
        (vec![], "/runtime/webhooks/eventgrid?functionName=train", "[]", StatusCode::NOT_FOUND),
        (vec![], "/runtime/webhooks/eventgrid", "[]", StatusCode::NOT_FOUND),
    ] {
        let reply = call(&running, "POST", path, &headers, body).await;
        assert_eq!(reply.status, status, "{path} {headers:?}");
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_sender_of_cloud_events_may_ask_first() {
    let stage = stage();
    let running = stage.attach(Router::new()).await;
    let ask = [("webhook-request-origin", "eventgrid.azure.net"), ("webhook-request-rate", "120")];
    let reply = call(&running, "OPTIONS", HOOK, &ask, "").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(reply.headers["webhook-allowed-rate"], "120");
    let reply = call(&running, "OPTIONS", HOOK, &ask[..1], "").await;
    assert_eq!(reply.headers["webhook-allowed-rate"], "*");
    assert_eq!(call(&running, "OPTIONS", HOOK, &[], "").await.status, StatusCode::BAD_REQUEST);
    running.stop().await.unwrap();
}
