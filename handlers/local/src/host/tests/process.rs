//! The handler as a child process: how it is started, started again, and ended.

use std::process::Stdio;
use std::time::Duration;

use azure_functions::{StatusCode, TimeSpan, Trigger};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::super::{HandlerState, HostError, HostOptions, Running};
use super::child::{HANDLER, HOST, ROLE, ROOT};
use super::support::{Stage, get, http, queue};

fn functions() -> [(&'static str, Trigger); 3] {
    [("about", http(&[], "about")), ("end", http(&[], "end/{code}")), ("work", queue("work"))]
}

fn stage() -> Stage {
    let mut stage = Stage::new(&functions());
    // By its name alone: a handler that is called like the host's own program is that program.
    let ours = std::env::current_exe().unwrap();
    let description = &mut stage.host.custom_handler.description;
    description.default_executable_path = ours.file_name().unwrap().to_str().unwrap().to_owned();
    description.arguments = HANDLER.map(str::to_owned).to_vec();
    stage
}

async fn start(stage: &Stage, role: &str) -> Running {
    let environment = vec![(ROLE.into(), role.into()), ("A_SETTING".into(), "a value".into())];
    stage.start(HostOptions { environment, ..stage.options() }).await.unwrap()
}

/// The process that answers now.
async fn pid(running: &Running) -> u64 {
    get(running, "/api/about").await.json()["pid"].as_u64().unwrap()
}

/// Ends the handler and waits until the host has noticed.
async fn end(running: &Running, code: i32) {
    let mut states = running.handler_states();
    states.borrow_and_update();
    let reply = get(running, &format!("/api/end/{code}")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", reply.body);
    states.changed().await.unwrap();
}

#[tokio::test]
async fn the_handler_is_told_what_the_contract_says() {
    let stage = stage();
    let mut running = start(&stage, "handler").await;
    running.ready().await.unwrap();
    let about = get(&running, "/api/about").await.json();
    let root = stage.folder.path().canonicalize().unwrap();
    let port = running.handler_port().to_string();
    assert_eq!(about["pid"], running.handler_pid().unwrap());
    for (name, value) in [
        ("folder", root.to_str().unwrap()),
        ("root", root.to_str().unwrap()),
        ("port", &port),
        ("old_port", &port),
        ("setting", "a value"),
        ("path", &std::env::var("PATH").unwrap()),
    ] {
        assert_eq!(about[name], value, "{name}");
    }
    assert_eq!(about["id"].as_str().unwrap().len(), 36);
    assert_eq!(about["id"], about["old_id"]);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_host_has_no_handler() {
    let stage = stage();
    let mut running = start(&stage, "handler").await;
    running.ready().await.unwrap();
    let port = running.handler_port();
    running.stop().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_handler_that_asks_for_it_is_started_again_and_again() {
    let stage = stage();
    let mut running = start(&stage, "handler").await;
    running.ready().await.unwrap();
    let mut seen = vec![pid(&running).await];
    for _ in 0..4 {
        end(&running, 200).await;
        seen.push(pid(&running).await);
    }
    seen.dedup();
    assert_eq!(seen.len(), 5, "{seen:?}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_third_crash_stops_the_host() {
    let stage = stage();
    let mut running = start(&stage, "handler").await;
    running.ready().await.unwrap();
    for code in [1, 101] {
        end(&running, code).await;
        pid(&running).await;
    }
    end(&running, 7).await;
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, HostError::HandlerCrashed { crashes: 3, .. }), "{error}");
    assert!(error.to_string().contains("exit status: 7"), "{error}");
}

#[tokio::test]
async fn the_report_of_a_crash_has_the_last_words() {
    let stage = stage();
    let mut running = start(&stage, "broken").await;
    let error = running.ready().await.unwrap_err().to_string();
    assert!(error.ends_with("two\n  three\n  four"), "{error}");
}

#[tokio::test]
async fn a_handler_that_ends_with_code_0_is_not_started_again() {
    let stage = stage();
    let mut running = start(&stage, "handler").await;
    running.ready().await.unwrap();
    end(&running, 0).await;
    assert_eq!(*running.handler_states().borrow(), HandlerState::Ended);
    let reply = get(&running, "/api/about").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("code 0"), "{}", reply.body);
    let status = get(&running, "/admin/host/status").await.json();
    assert_eq!((&status["state"], &status["handler"]["state"]), (&"Error".into(), &"ended".into()));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_handler_that_does_not_answer_in_time_has_crashed() {
    let mut stage = stage();
    stage.host.custom_handler.initialization_timeout = Some(TimeSpan(Duration::from_millis(100)));
    let mut running = start(&stage, "mute").await;
    let error = running.ready().await.unwrap_err();
    assert!(matches!(error, HostError::HandlerCrashed { crashes: 3, .. }), "{error}");
    assert!(error.to_string().contains("did not answer `GET /`"), "{error}");
}

#[tokio::test]
async fn a_handler_that_is_not_there_is_said_at_once() {
    let mut stage = stage();
    stage.host.custom_handler.description.default_executable_path = "no-such-program".into();
    let error = stage.start(stage.options()).await.unwrap_err();
    assert!(matches!(error, HostError::HandlerStart { .. }), "{error}");
    assert!(error.to_string().contains("`no-such-program`"), "{error}");
}

#[tokio::test]
async fn a_handler_does_not_outlive_a_killed_host() {
    let stage = stage();
    std::fs::write(stage.folder.path().join("host.json"), stage.host.to_json()).unwrap();
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(HOST)
        .env(ROLE, "host")
        .env(ROOT, stage.folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let port: u16 = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(port) = line.strip_prefix("handler port ") {
            break port.parse().unwrap();
        }
    };
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();

    host.kill().await.unwrap();

    // Nobody asked anything on it, so only the end of the process closes it.
    assert!(!matches!(connection.read(&mut [0]).await, Ok(1..)));
}

/// The host that is killed.
pub(super) async fn be_a_host() {
    let root = std::env::var_os(ROOT).unwrap();
    let stage = Stage::new(&[]);
    let options =
        HostOptions { script_root: root.into(), environment: vec![(ROLE.into(), "handler".into())], ..stage.options() };
    let host = super::super::Host::new(options, stage.broker.clone(), axum::Router::new());
    let mut running = host.start().await.unwrap();
    running.ready().await.unwrap();
    // On a line of its own, whatever the test program prints around it.
    println!("\nhandler port {}", running.handler_port());
    running.ended().await.unwrap();
}
