//! What the host reads before it starts.

use azure_functions::Trigger;

use super::super::app::App;
use super::super::{HostError, HostOptions};
use super::support::{Stage, http, queue, write_functions};

fn timer(schedule: &str) -> Trigger {
    Trigger::Timer { schedule: schedule.into() }
}

#[tokio::test]
async fn a_repository_has_its_functions_in_a_folder_of_their_own() {
    let stage = Stage::new(&[]);
    std::fs::write(stage.folder.path().join("host.json"), stage.host.to_json()).unwrap();
    write_functions(&stage.folder.path().join("functions"), &[("train", queue("train")), ("check", queue("check"))]);
    let app = App::read(stage.folder.path(), &[]).unwrap();
    let names: Vec<_> = app.functions.iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, ["check", "train"]);
    assert_eq!(app.concurrent_calls(), 32);
}

#[tokio::test]
async fn settings_come_from_the_caller_then_the_environment_then_the_file() {
    let stage = Stage::new(&[("a", timer("%TRAINYARD_TEST_SCHEDULE%")), ("b", queue("%TRAINYARD_TEST_QUEUE%-%PATH%"))]);
    let root = stage.folder.path();
    std::fs::write(root.join("host.json"), stage.host.to_json()).unwrap();
    let file =
        r#"{"Values": {"TRAINYARD_TEST_SCHEDULE": "0 0 * * * *", "TRAINYARD_TEST_QUEUE": "file", "PATH": "file"}}"#;
    std::fs::write(root.join("local.settings.json"), file).unwrap();
    let app = App::read(root, &[("TRAINYARD_TEST_QUEUE".into(), "caller".into())]).unwrap();
    assert_eq!(app.function("A").unwrap().trigger, timer("0 0 * * * *"));
    let path = std::env::var("PATH").unwrap();
    assert_eq!(app.function("b").unwrap().trigger, queue(&format!("caller-{path}")));
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_said_before_anything_starts() {
    for (function, part) in [
        (timer("%TRAINYARD_TEST_NOT_SET%"), "%TRAINYARD_TEST_NOT_SET%, which is not set"),
        (timer("every minute"), "is not six fields"),
        (http(&[], "a{b}"), "the route `a{b}` is not supported"),
    ] {
        let stage = Stage::new(&[("odd", function)]);
        let error = stage.start(stage.options()).await.unwrap_err().to_string();
        assert!(error.starts_with("function `odd`") && error.contains(part), "{error}");
    }
    let empty = Stage::new(&[]);
    assert!(matches!(empty.start(empty.options()).await, Err(HostError::NoFunctions { .. })));
    let nowhere = HostOptions { script_root: empty.folder.path().join("nowhere"), ..empty.options() };
    assert!(matches!(empty.start(nowhere).await, Err(HostError::Read { .. })));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_of_its_own() {
    let stage = Stage::new(&[("work", queue("work"))]);
    let running = stage.attach(azure_functions::Router::new()).await;
    let port = running.address().port();
    let second = stage.start(HostOptions { port, ..stage.options() }).await;
    assert!(matches!(second, Err(HostError::PortBusy { port: taken }) if taken == port), "{second:?}");
    running.stop().await.unwrap();
}
