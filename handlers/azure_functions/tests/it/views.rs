//! What each view makes of the golden invocations.

use azure_functions::{BatchEncoding, Invocation, RetryContext, ServiceBusMessage, Timer};
use serde_json::{Value, json};

use crate::support::invocation;

const RUN: &str = "diabetes-20260317-0914-2f22765d";

#[test]
fn a_message_has_the_same_body_as_bytes_and_as_text() {
    let binary = invocation("servicebus-queue-single-binary");
    let binary = message(&binary);
    let text = invocation("servicebus-queue-single");
    let text = message(&text);
    let push: Value = binary.parse().unwrap();
    assert_eq!(push["eventType"], "git.push");
    assert_eq!(push, text.parse::<Value>().unwrap());
    assert!(binary.has_trusted_metadata() && !text.has_trusted_metadata());
    assert_eq!(binary.message_id().unwrap(), "bf10523b76b35e08b40b60c626e39e17");
    assert_eq!(binary.delivery_count(), 1);
    assert_eq!(binary.sequence_number(), Some(4107));
    assert_eq!(time(binary.enqueued_time()), "2026-03-17T09:14:12Z");
    assert_eq!(binary.session_id(), None);
    assert!(binary.application_properties().is_empty());
}

#[test]
fn bytes_that_are_not_text_arrive_as_they_are() {
    let invocation = invocation("servicebus-queue-single-binary-dotnet-serialized");
    let body = message(&invocation).body().into_owned();
    assert_eq!(&body[..2], b"\x40\x06");
    assert!(body.windows(8).any(|eight| eight == b"git.push"));
}

#[test]
fn a_plain_text_arrives_as_it_is() {
    let invocation = invocation("servicebus-queue-single-text");
    let message = message(&invocation);
    assert_eq!(&*message.body(), b"retrain diabetes \"now\"\nplease");
    assert_eq!(message.content_type().unwrap(), "text/plain");
}

#[test]
fn a_session_message_has_all_its_metadata() {
    let invocation = invocation("servicebus-topic-single-session");
    let message = message(&invocation);
    assert_eq!(message.session_id().unwrap(), RUN);
    assert_eq!(message.correlation_id().unwrap(), RUN);
    assert_eq!(message.subject().unwrap(), "evaluate.requested");
    assert_eq!(message.delivery_count(), 3);
    assert_eq!(message.application_properties()["attempt"], 1);
    assert_eq!(message.metadata().get("blessed").unwrap().text(), "False");
}

#[test]
fn a_forged_message_id_can_be_told() {
    let invocation = invocation("servicebus-queue-single-metadata-overwritten");
    let message = message(&invocation);
    assert_eq!(message.message_id().unwrap(), "not-the-broker-id");
    assert!(!message.has_trusted_metadata());
    assert_eq!(message.delivery_count(), 1);
}

#[test]
fn a_dead_letter_says_where_it_comes_from_and_why() {
    let invocation = invocation("servicebus-deadletter-single");
    let message = message(&invocation);
    assert_eq!(message.dead_letter_source().unwrap(), "steps");
    let properties = message.application_properties();
    assert_eq!(properties["DeadLetterReason"], "MaxDeliveryCountExceeded");
}

#[test]
fn a_batch_is_the_same_messages_however_it_is_encoded() {
    for (fixture, encoding) in [
        ("servicebus-batch-many", BatchEncoding::Json),
        ("servicebus-batch-many-string", BatchEncoding::String),
        ("servicebus-batch-many-binary", BatchEncoding::Binary),
    ] {
        let batch = invocation(fixture).service_bus_batch(encoding).unwrap();
        assert_eq!(batch.len(), 2, "{fixture}");
        let body: Value = serde_json::from_slice(&batch[1].body).unwrap();
        assert_eq!(body["step"], "unit-tests", "{fixture}");
        let id = batch[1].message_id.as_deref();
        assert_eq!(id, Some("449f100d-bbff-5146-aef5-67ac7ec87296"));
        assert_eq!(batch[1].delivery_count, 2);
        assert_eq!(time(batch[1].enqueued_time), "2026-03-17T09:16:31.087Z");
        assert_eq!(batch[1].session_id, None);
        assert_eq!(batch[1].correlation_id.as_deref(), Some(RUN));
        assert_eq!(batch[1].application_properties["step"], "unit-tests");
    }
}

#[test]
fn events_arrive_in_either_schema_one_or_many() {
    for (fixture, event_type, is_cloud_event) in [
        ("eventgrid-aml-model-registered", "Microsoft.MachineLearningServices.ModelRegistered", false),
        ("cloudevents-aml-model-registered", "Microsoft.MachineLearningServices.ModelRegistered", true),
        ("eventgrid-acr-image-pushed", "Microsoft.ContainerRegistry.ImagePushed", false),
        ("cloudevents-acr-image-pushed", "Microsoft.ContainerRegistry.ImagePushed", true),
        ("eventgrid-storage-blob-created", "Microsoft.Storage.BlobCreated", false),
    ] {
        let invocation = invocation(fixture);
        let events = invocation.event_grid_events().unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event_type().as_deref(), Some(event_type));
        assert_eq!(events[0].is_cloud_event(), is_cloud_event);
        let event: Value = events[0].parse().unwrap();
        assert_eq!(event["id"].as_str(), events[0].id().as_deref());
        assert!(event["data"].is_object());
    }
    let many = invocation("eventgrid-batch-many");
    let ids: Vec<_> = many.event_grid_events().unwrap().iter().map(|event| event.id()).collect();
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(ids, [id("29a99bee-df36-5c49-8377-31f7db0e888f"), id("90e8fc99-7d8e-5906-9838-2f733c7045ac")]);
}

#[test]
fn a_request_has_all_its_parts() {
    let invocation = invocation("http-approval-post");
    let request = invocation.http_request().unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.url(), format!("https://func-diabetes-mlops.azurewebsites.net/api/approvals/{RUN}?stage=prod"));
    assert_eq!(request.query("stage").unwrap(), "prod");
    assert_eq!(request.param("runId").unwrap(), RUN);
    assert_eq!(request.header("content-type").unwrap(), "application/json");
    assert_eq!(request.header("x-missing"), None);
    assert_eq!(request.parse::<Value>().unwrap()["decision"], "approve");
    assert!(request.body_text().starts_with(r#"{"decision""#));
    assert_eq!(request.key_name().as_deref(), Some("default"));
    assert_eq!(request.user(), None);
    assert!(request.identities()[0].is_authenticated);
    let debug = format!("{request:?} {invocation:?}");
    assert!(!debug.contains("REDACTED-function-key"), "{debug}");
}

#[test]
fn a_body_is_there_or_not_and_bytes_are_bytes() {
    let get = invocation("http-approval-get");
    let get = get.http_request().unwrap();
    assert_eq!((&*get.method(), get.body().len()), ("GET", 0));
    let chunked = invocation("http-post-chunked-no-body");
    assert_eq!(chunked.http_request().unwrap().body_text(), "");
    let bytes = invocation("http-post-octet-stream");
    let bytes = bytes.http_request().unwrap();
    assert_eq!(&*bytes.body(), b"PK\x03\x04\x14\0\0\0\x08\0");
    assert_eq!((bytes.key_name(), bytes.user()), (None, None));
}

#[test]
fn the_user_of_app_service_authentication_is_found_before_the_key() {
    let body = json!({"Data": {"req": {"Identities": [
        {"AuthenticationType": "aad", "IsAuthenticated": true, "Name": "dana", "Claims": [
            {"Type": "roles", "Value": "approver"}]},
        {"AuthenticationType": "WebJobsAuthLevel", "IsAuthenticated": true, "Claims": []}]}}});
    let invocation = Invocation::parse("f", "", body.to_string()).unwrap();
    let user = invocation.http_request().unwrap().user().unwrap();
    assert_eq!((user.name.as_deref(), user.claim("roles")), (Some("dana"), Some("approver")));
}

#[test]
fn a_tick_knows_its_times() {
    let timer = invocation("timer").timer().unwrap();
    assert!(!timer.is_past_due);
    assert_eq!(time(timer.last), "2026-03-17T09:55:00.0030081Z");
    assert_eq!(time(timer.next), "2026-03-17T10:00:00Z");

    let first = invocation("timer-past-due-first-run").timer().unwrap();
    assert!(first.is_past_due && first.last.is_none() && first.next.is_some());
    assert_eq!(invocation("timer-without-monitor").timer().unwrap(), Timer::default());
}

#[test]
fn an_attempt_under_a_retry_policy_knows_its_number() {
    let context = invocation("timer-retry-attempt").retry_context();
    let expected = RetryContext { retry_count: 1, max_retry_count: Some(3) };
    assert_eq!(context, Some(expected));
    assert_eq!(invocation("timer").retry_context(), None);
}

#[test]
fn what_has_no_view_can_be_read_all_the_same() {
    let blob = invocation("blob");
    assert!(blob.data("blob").unwrap().bytes().starts_with(b"age,sex,bmi"));
    assert_eq!(blob.metadata().get("name").unwrap().text(), "batch-0007.csv");
    let item = invocation("storage-queue");
    let item: Value = item.trigger().unwrap().parse().unwrap();
    assert_eq!(item["step"], "profile");
}

#[test]
fn a_value_of_another_trigger_is_an_error_not_a_panic() {
    let timer = invocation("timer");
    assert!(timer.service_bus_batch(BatchEncoding::Json).is_err());
    let message = invocation("servicebus-queue-single-text");
    let error = message.http_request().unwrap_err();
    assert_eq!(error.to_string(), "the trigger value is not an HTTP request");
    let error = message.event_grid_events().unwrap_err();
    assert_eq!(error.to_string(), "the trigger value is not an event or an array of events");
}

fn message(invocation: &Invocation) -> ServiceBusMessage<'_> {
    invocation.service_bus_message().unwrap()
}

fn time(time: Option<jiff::Timestamp>) -> String {
    time.unwrap().to_string()
}
