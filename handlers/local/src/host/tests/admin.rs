//! The host's own doors.

use azure_functions::{Outcome, Router, StatusCode, Trigger};
use serde_json::json;

use super::support::{Stage, call, get, http, queue, record};

fn stage() -> Stage {
    Stage::new(&[
        ("train", queue("train")),
        ("sweep", Trigger::Timer { schedule: "0 0 0 1 1 *".into() }),
        ("events", Trigger::EventGrid),
        ("api", http(&[], "{*path}")),
    ])
}

#[tokio::test]
async fn the_status_says_how_host_and_handler_are() {
    let stage = stage();
    let mut running = stage.attach(Router::new()).await;
    running.ready().await.unwrap();
    let status = get(&running, "/admin/host/status").await.json();
    assert_eq!(status["state"], "Running");
    assert_eq!(status["handler"], json!({"state": "ready", "pid": null, "port": running.handler_port()}));
    assert_eq!(status["functions"], json!(["api", "events", "sweep", "train"]));
    let functions = get(&running, "/admin/functions").await.json();
    assert_eq!(functions[3]["name"], "train");
    assert_eq!(functions[3]["config"]["bindings"][0]["queueName"], "train");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn functions_can_be_run_by_hand() {
    let stage = stage();
    let (router, mut trained) = record(Router::new(), "train", |_| Outcome::success());
    let (router, mut swept) = record(router, "sweep", |_| Outcome::success());
    let (router, mut events) = record(router, "events", |_| Outcome::success());
    let running = stage.attach(router).await;
    let input = |text: &str| json!({ "input": text }).to_string();
    let run = async |name: &str, body: &str| {
        call(&running, "POST", &format!("/admin/functions/{name}"), &[], body).await.status
    };

    assert_eq!(run("train", &input("{\"run\":\"r1\"}")).await, StatusCode::ACCEPTED);
    let message = trained.recv().await.unwrap();
    let message = message.service_bus_message().unwrap();
    assert_eq!(&*message.body(), b"{\"run\":\"r1\"}");
    assert!(message.message_id().unwrap().starts_with("by-hand-"));
    assert_eq!(run("Sweep", "").await, StatusCode::ACCEPTED);
    assert!(!swept.recv().await.unwrap().timer().unwrap().is_past_due);
    assert_eq!(run("events", &input("{\"id\":\"1\"}")).await, StatusCode::ACCEPTED);
    assert_eq!(events.recv().await.unwrap().event_grid_events().unwrap()[0].id().unwrap(), "1");

    assert_eq!(run("events", &input("no event")).await, StatusCode::BAD_REQUEST);
    assert_eq!(run("train", "no json").await, StatusCode::BAD_REQUEST);
    assert_eq!(run("api", &input("")).await, StatusCode::BAD_REQUEST);
    assert_eq!(run("other", &input("")).await, StatusCode::NOT_FOUND);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_is_on_this_machine_can_stop_the_host() {
    let stage = stage();
    let mut running = stage.attach(Router::new()).await;
    let reply = call(&running, "POST", "/admin/host/stop", &[], "").await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    running.ended().await.unwrap();
    assert!(tokio::net::TcpStream::connect(running.address()).await.is_err());
}

#[tokio::test]
async fn a_page_of_somebody_else_cannot() {
    let stage = stage();
    let running = stage.attach(Router::new()).await;
    let own = format!("http://{}", running.address());
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("host", "evil.example")],
        vec![("host", "localhost.evil.example:7071")],
    ] {
        let reply = call(&running, "POST", "/admin/host/stop", &headers, "").await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let reply = call(&running, "GET", "/admin/host/status", &[("origin", &own)], "").await;
    assert_eq!(reply.status, StatusCode::OK);
    running.stop().await.unwrap();
}
