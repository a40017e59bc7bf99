//! HTTP triggers.

use azure_functions::{HttpResponse, Invocation, Outcome, Router, StatusCode};
use bytes::Bytes;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;

use super::support::{Stage, call, call_with, get, http, record};

#[tokio::test]
async fn a_request_arrives_whole_and_the_answer_goes_back() {
    let stage = Stage::new(&[("approval", http(&["post", "get"], "runs/{run}/approvals/{environment}"))]);
    let (router, mut seen) = record(Router::new(), "approval", |_| {
        let body = json!({"state": "approved"});
        Outcome::respond(HttpResponse::json(StatusCode::ACCEPTED, body).header("Location", "/api/runs/r1"))
    });
    let running = stage.attach(router).await;
    let headers = [("content-type", "application/json"), ("x-approver", "dana")];
    let body = r#"{"decision":"approve"}"#;

    let reply = call(&running, "POST", "/api/runs/r1/approvals/qa?a=1&a=%20b", &headers, body).await;

    assert_eq!(reply.status, StatusCode::ACCEPTED);
    assert_eq!(reply.headers["location"], "/api/runs/r1");
    assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(reply.json(), json!({"state": "approved"}));
    let invocation = seen.recv().await.unwrap();
    let request = invocation.http_request().unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.url(), format!("http://{}/api/runs/r1/approvals/qa?a=1&a=%20b", running.address()));
    let trigger = invocation.trigger().unwrap();
    let req: serde_json::Value = serde_json::from_str(trigger.json()).unwrap();
    assert_eq!(req["Params"], json!({"run": "r1", "environment": "qa"}));
    assert_eq!(req["Query"], json!({"a": "1, b"}));
    assert_eq!(req["Body"], body);
    assert_eq!(req["Headers"]["x-approver"], json!(["dana"]));
    assert_eq!(req["Headers"]["Content-Type"], json!(["application/json"]));
    assert_eq!(req["Identities"][0]["Claims"][0]["Value"], "Admin");
    assert_eq!(invocation.metadata().get("decision").unwrap().text(), "approve");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_exact_route_goes_before_the_one_that_takes_the_rest() {
    let stage = Stage::new(&[
        ("api", http(&["get", "post", "delete"], "{*path}")),
        ("approval", http(&["get", "post"], "runs/{run}/approvals/{environment}")),
    ]);
    let name = |invocation: Invocation| {
        let said = invocation.function().to_owned();
        std::future::ready(Outcome::respond(HttpResponse::new(StatusCode::OK).body(said)))
    };
    let running = stage.attach(Router::new().function("api", name).function("approval", name)).await;
    for (method, path, function) in [
        ("GET", "/api/runs/r1/approvals/qa", "approval"),
        ("DELETE", "/api/runs/r1/approvals/qa", "api"),
        ("GET", "/api/runs/r1", "api"),
        ("GET", "/api", "api"),
    ] {
        assert_eq!(call(&running, method, path, &[], "").await.body, function, "{method} {path}");
    }
    for (method, path) in [("PUT", "/api/runs"), ("GET", "/elsewhere")] {
        assert_eq!(call(&running, method, path, &[], "").await.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn bytes_arrive_as_bytes_and_a_body_of_unknown_length_does_not_arrive() {
    let stage = Stage::new(&[("upload", http(&[], "upload"))]);
    let (router, mut seen) = record(Router::new(), "upload", |_| Outcome::success());
    let running = stage.attach(router).await;
    let binary = [("content-type", "application/octet-stream")];

    let reply = call(&running, "PUT", "/api/upload", &binary, "PK\u{3}\u{4}").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "an answer without outputs is none");
    let sent = seen.recv().await.unwrap();
    assert_eq!(&*sent.http_request().unwrap().body(), b"PK\x03\x04");

    let frame = Frame::data(Bytes::from_static(b"abc"));
    let chunked = StreamBody::new(stream::iter([Ok::<_, std::io::Error>(frame)]));
    call_with(&running, "POST", "/api/upload", &binary, chunked).await;
    let sent = seen.recv().await.unwrap();
    assert!(!sent.trigger().unwrap().json().contains(r#""Body""#));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn trouble_in_the_handler_is_500_to_the_caller() {
    let stage = Stage::new(&[("fails", http(&[], "fails")), ("odd", http(&[], "odd")), ("gone", http(&[], "gone"))]);
    let router = Router::new()
        .function("fails", |_: Invocation| async { Outcome::retry("secret reason") })
        .function("odd", |_: Invocation| async { Outcome::success().output("res", 1) });
    let running = stage.attach(router).await;
    for path in ["/api/fails", "/api/odd", "/api/gone"] {
        let reply = get(&running, path).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(reply.json()["status"], 500, "{path}");
        assert!(!reply.body.contains("secret"), "{}", reply.body);
    }
    running.stop().await.unwrap();
}
