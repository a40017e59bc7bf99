//! A real handler and a real host for other tests: this test program, started again.

use std::time::Duration;

use azure_functions::{HttpResponse, Invocation, Outcome, Router, StatusCode, bind, port_from_environment};
use tokio::runtime::Runtime;

use super::super::watch_parent;
use super::process;

/// Says what the program started again is to be.
pub(super) const ROLE: &str = "TRAINYARD_TEST_ROLE";

/// Where the one that is a host finds its app.
pub(super) const ROOT: &str = "TRAINYARD_TEST_ROOT";

/// The arguments that lead to [`the_handler_of_other_tests`].
pub(super) const HANDLER: [&str; 3] = ["host::tests::child::the_handler_of_other_tests", "--exact", "--nocapture"];

/// The arguments that lead to [`the_host_of_another_test`].
pub(super) const HOST: [&str; 3] = ["host::tests::child::the_host_of_another_test", "--exact", "--nocapture"];

#[test]
fn the_handler_of_other_tests() {
    let role = std::env::var(ROLE).unwrap_or_default();
    match &*role {
        "handler" => {}
        "mute" => std::thread::sleep(Duration::from_secs(3600)),
        "broken" => {
            eprintln!("one\ntwo\nthree\nfour");
            std::process::exit(7);
        }
        _ => return,
    }
    watch_parent();
    Runtime::new().unwrap().block_on(async {
        let router = Router::new().function("about", about).function("end", end).function("work", work);
        let listener = bind(port_from_environment().unwrap()).await.unwrap();
        router.serve(listener).await.unwrap();
    });
}

#[test]
fn the_host_of_another_test() {
    if std::env::var(ROLE).as_deref() == Ok("host") {
        Runtime::new().unwrap().block_on(process::be_a_host());
    }
}

/// What this process knows of itself.
async fn about(_: Invocation) -> Outcome {
    let variable = |name: &str| std::env::var(name).ok();
    let about = serde_json::json!({
        "pid": std::process::id(),
        "folder": std::env::current_dir().unwrap(),
        "port": variable("FUNCTIONS_CUSTOMHANDLER_PORT"),
        "old_port": variable("FUNCTIONS_HTTPWORKER_PORT"),
        "id": variable("FUNCTIONS_CUSTOMHANDLER_WORKER_ID"),
        "old_id": variable("FUNCTIONS_HTTPWORKER_ID"),
        "root": variable("FUNCTIONS_APP_ROOT_PATH"),
        "setting": variable("A_SETTING"),
        "path": variable("PATH"),
    });
    Outcome::respond(HttpResponse::json(StatusCode::OK, about))
}

/// Ends this process in the middle of the invocation.
async fn end(invocation: Invocation) -> Outcome {
    let metadata = invocation.metadata();
    let code = metadata.get("code").unwrap().parse().unwrap();
    std::process::exit(code);
}

async fn work(_: Invocation) -> Outcome {
    Outcome::success()
}
