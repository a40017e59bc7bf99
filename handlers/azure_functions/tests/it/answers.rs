//! What the host gets back when things go well, and when they do not.

use std::time::Duration;

use azure_functions::{DecodeError, HttpResponse, Invocation, Outcome, Router, StatusCode};
use serde_json::json;

use crate::support::{Framing, Host, fixture};

#[tokio::test]
async fn the_probe_is_answered_whatever_the_method() {
    let mut host = Host::start(Router::new()).await;
    let answer = host.get("/").await;
    assert_eq!((answer.status, answer.object()), (200, json!({})));
    assert_eq!(host.invoke("", b"", Framing::Chunked).await.status, 200);
}

#[tokio::test]
async fn an_unknown_function_is_404_and_a_wrong_method_405() {
    let mut host = Host::start(router()).await;
    for path in ["/nobody", "/succeed/", "/api/succeed", "/%ff", "//", "/SUCCEED"] {
        let answer = host.send("POST", path, "Content-Length: 0\r\n", &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.object()["error"].is_string());
    }
    let answer = host.get("/succeed").await;
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: post\r\n"), "{}", answer.head);
    answer.object();
}

#[tokio::test]
async fn a_function_that_has_nothing_to_say_answers_an_empty_object() {
    let mut host = Host::start(router()).await;
    let answer = host.invoke("succeed", b"{}", Framing::Chunked).await;
    assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
}

#[tokio::test]
async fn an_http_function_has_its_status_inside() {
    let mut host = Host::start(router()).await;
    let body = fixture("http-approval-post");
    let answer = host.invoke("approve", &body, Framing::Sized).await;
    assert_eq!(answer.status, 200);
    let res = json!({
        "statusCode": 202,
        "headers": {"Content-Type": "application/json"},
        "body": r#"{"run":"diabetes-20260317-0914-2f22765d"}"#,
    });
    assert_eq!(answer.object(), json!({ "Outputs": { "res": res } }));
}

#[tokio::test]
async fn a_transient_failure_is_not_a_2xx() {
    let mut host = Host::start(router()).await;
    let answer = host.invoke("fail", b"{}", Framing::Chunked).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.object(), json!({"error": "the invocation has no trigger value"}));
    assert_eq!(host.invoke("down", b"{}", Framing::Chunked).await.status, 503);
}

#[tokio::test]
async fn a_panic_is_one_500_and_the_next_invocation_goes_well() {
    let mut host = Host::start(router()).await;
    for function in ["panic-early", "panic-late"] {
        let answer = host.invoke(function, b"{}", Framing::Chunked).await;
        assert_eq!(answer.status, 500, "{function}");
        assert_eq!(answer.object(), json!({"error": "the function panicked"}));
        assert_eq!(host.invoke("succeed", b"{}", Framing::Chunked).await.status, 200);
    }
}

#[tokio::test]
async fn an_invocation_ends_at_its_deadline() {
    let router = router().deadline(Duration::from_millis(50));
    let mut host = Host::start(router).await;
    let answer = host.invoke("hang", b"{}", Framing::Chunked).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.object(), json!({"error": "the function did not end within 50ms"}));
    // A function's own deadline goes before the router's.
    let answer = host.invoke("hang-briefly", b"{}", Framing::Chunked).await;
    assert_eq!(answer.object(), json!({"error": "the function did not end within 10ms"}));
}

#[tokio::test]
async fn a_body_of_many_megabytes_is_taken_and_one_above_the_limit_is_not() {
    let mut host = Host::start(router().body_limit(8 << 20)).await;
    let of = |bytes: usize| format!(r#"{{"Data":{{"message":"{}"}}}}"#, "A".repeat(bytes));
    for framing in [Framing::Chunked, Framing::Sized] {
        let answer = host.invoke("succeed", of(6 << 20).as_bytes(), framing).await;
        assert_eq!(answer.status, 200, "{framing:?}");
    }
    let body = of(8 << 20);
    let answer = host.invoke("succeed", body.as_bytes(), Framing::Sized).await;
    assert_eq!(answer.status, 413);
    answer.object();
}

#[test]
#[should_panic(expected = "there are two functions named `Succeed`")]
fn two_functions_of_one_name_are_refused() {
    let _ = router().function("Succeed", |_| async { Outcome::success() });
}

#[test]
#[should_panic(expected = "`host` cannot name a function")]
fn a_name_that_the_host_does_not_allow_is_refused() {
    let _ = router().function("host", |_| async { Outcome::success() });
}

async fn approve(invocation: Invocation) -> Result<Outcome, DecodeError> {
    let run = invocation.http_request()?.param("runId").map(String::from);
    let response = HttpResponse::json(StatusCode::ACCEPTED, json!({ "run": run }));
    Ok(Outcome::respond(response))
}

async fn hang(_: Invocation) -> Outcome {
    std::future::pending().await
}

fn router() -> Router {
    Router::new()
        .function("succeed", |_| async { Outcome::success() })
        .function("approve", approve)
        .function("fail", |invocation| async move { invocation.timer().map(|_| Outcome::success()) })
        .function("down", |_| async { Outcome::unavailable("the database is down") })
        .function("panic-early", |_| -> std::future::Ready<Outcome> { panic!("at once") })
        .function("panic-late", |_| async {
            tokio::task::yield_now().await;
            if true {
                panic!("after {} await", 1);
            }
            Outcome::success()
        })
        .function("hang", hang)
        .function_within(Duration::from_millis(10), "hang-briefly", hang)
}
