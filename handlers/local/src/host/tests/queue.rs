//! Service Bus triggers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{get, post};
use azure_functions::{FunctionTimeout, Invocation, Outcome, Router};
use tokio::sync::{Notify, mpsc::unbounded_channel};

use super::support::{Stage, queue, record, serve};
use crate::bus::{BrokerOptions, DEAD_LETTERS};

#[tokio::test]
async fn a_message_is_done_when_its_function_succeeds() {
    let stage = Stage::new(&[("train", queue("train"))]);
    let (router, mut seen) = record(Router::new(), "train", |_| Outcome::success());
    let running = stage.attach(router).await;
    stage.send("train", "r1/requested", r#"{"run":"r1"}"#).await;

    let invocation = seen.recv().await.unwrap();

    let message = invocation.service_bus_message().unwrap();
    assert_eq!(&*message.body(), br#"{"run":"r1"}"#);
    assert_eq!(message.message_id().unwrap(), "r1/requested");
    assert_eq!(message.delivery_count(), 1);
    assert!(message.has_trusted_metadata() && message.enqueued_time().is_some());
    assert!(message.sequence_number().is_some_and(|number| number > 0));
    assert_eq!(invocation.id().len(), 36);
    running.stop().await.unwrap();
    assert_eq!(stage.left_in("train"), 0);
    assert!(seen.try_recv().is_err(), "it came twice");
}

#[tokio::test]
async fn a_message_that_always_fails_is_a_dead_letter_after_ten_deliveries() {
    let stage = Stage::new(&[("train", queue("train")), ("dead_letter", queue(DEAD_LETTERS))]);
    let (router, mut seen) = record(Router::new(), "train", |_| Outcome::retry("the disk is full"));
    let (router, mut dead) = record(router, "dead_letter", |_| Outcome::success());
    let running = stage.attach(router).await;
    stage.send("train", "r1/requested", "{}").await;

    let letter = dead.recv().await.unwrap();

    let letter = letter.service_bus_message().unwrap();
    assert_eq!(letter.dead_letter_source().unwrap(), "train");
    let properties = letter.application_properties();
    assert_eq!(properties["DeadLetterReason"], "MaxDeliveryCountExceeded");
    assert!(!properties.contains_key("DeadLetterSource"), "it has a member of its own");
    running.stop().await.unwrap();
    for delivery in 1..=10 {
        let invocation = seen.try_recv().unwrap();
        assert_eq!(invocation.service_bus_message().unwrap().delivery_count(), delivery);
    }
    assert!(seen.try_recv().is_err(), "it came once more");
    assert_eq!(stage.left_in(DEAD_LETTERS), 0);
}

#[tokio::test]
async fn an_answer_that_would_hang_azure_is_a_failure_here() {
    let stage = Stage::new(&[("train", queue("train"))]);
    let times = Arc::new(AtomicU32::new(0));
    let (said, mut answers) = unbounded_channel();
    let handler = post(move || {
        let time = times.fetch_add(1, Ordering::SeqCst);
        said.send(time).unwrap();
        std::future::ready(match time {
            0 => (StatusCode::OK, [("content-type", "application/json")], ""),
            1 => (StatusCode::NO_CONTENT, [("content-type", "application/json")], ""),
            2 => (StatusCode::OK, [("content-type", "text/plain")], "{}"),
            _ => (StatusCode::OK, [("content-type", "application/json")], "{}"),
        })
    });
    let port = serve(axum::Router::new().route("/", get(|| async {})).route("/train", handler)).await;
    let running = stage.attach_to(port).await;
    stage.send("train", "r1/requested", "{}").await;
    for time in 0..4 {
        assert_eq!(answers.recv().await, Some(time));
    }
    running.stop().await.unwrap();
    assert_eq!(stage.left_in("train"), 0);
    assert!(answers.try_recv().is_err(), "the fourth answer was good");
}

#[tokio::test]
async fn no_message_is_taken_before_the_handler_is_there() {
    let stage = Stage::new(&[("train", queue("train"))]);
    let listener = azure_functions::bind(0).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let running = stage.attach_to(port).await;
    stage.send("train", "r1/requested", "{}").await;
    assert_eq!(stage.broker.counts("train").active, 1);

    let (router, mut seen) = record(Router::new(), "train", |_| Outcome::success());
    tokio::spawn(router.serve(azure_functions::bind(port).await.unwrap()));

    let invocation = seen.recv().await.unwrap();
    assert_eq!(invocation.service_bus_message().unwrap().delivery_count(), 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_stays_its_functions_alone_for_as_long_as_it_runs() {
    let lock_duration = Duration::from_secs(2);
    let options = BrokerOptions { lock_duration, ..BrokerOptions::default() };
    let stage = Stage::with(options, &[("train", queue("train"))]);
    let (begun, mut beginnings) = unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let router = Router::new().function("train", move |_: Invocation| {
        begun.send(()).unwrap();
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            Outcome::success()
        }
    });
    let running = stage.attach(router).await;
    stage.send("train", "r1/requested", "{}").await;
    beginnings.recv().await.unwrap();
    tokio::time::sleep(lock_duration * 2 + lock_duration / 4).await;
    assert!(beginnings.try_recv().is_err(), "its lock ended while it ran");
    release.notify_one();
    running.stop().await.unwrap();
    assert_eq!(stage.left_in("train"), 0);
}

#[tokio::test]
async fn a_function_that_runs_into_its_timeout_gives_its_message_back() {
    let mut stage = Stage::new(&[("train", queue("train"))]);
    stage.host.function_timeout = Some(FunctionTimeout::After(Duration::from_secs(2)));
    let (counted, mut counts) = unbounded_channel();
    let router = Router::new().function("train", move |invocation: Invocation| {
        let count = invocation.service_bus_message().unwrap().delivery_count();
        counted.send(count).unwrap();
        async move {
            if count == 1 {
                std::future::pending::<()>().await;
            }
            Outcome::success()
        }
    });
    let running = stage.attach(router).await;
    stage.send("train", "r1/requested", "{}").await;
    assert_eq!(counts.recv().await, Some(1));
    assert_eq!(counts.recv().await, Some(2));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_function_works_on_no_more_messages_at_once_than_host_json_says() {
    let mut stage = Stage::new(&[("train", queue("train"))]);
    stage.host.extensions.service_bus.insert("maxConcurrentCalls".into(), 2.into());
    let (begun, mut beginnings) = unbounded_channel();
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&release);
    let router = Router::new().function("train", move |_: Invocation| {
        begun.send(()).unwrap();
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Outcome::success()
        }
    });
    let running = stage.attach(router).await;
    for id in ["a", "b", "c"] {
        stage.send("train", id, "{}").await;
    }
    beginnings.recv().await.unwrap();
    beginnings.recv().await.unwrap();
    let counts = stage.broker.counts("train");
    assert_eq!((counts.locked, counts.active), (2, 1));
    release.add_permits(1);
    beginnings.recv().await.unwrap();
    release.add_permits(2);
    running.stop().await.unwrap();
    assert_eq!(stage.left_in("train"), 0);
}
