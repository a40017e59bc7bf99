//! Whatever anyone sends: no panic, and always a JSON object in return.

use azure_functions::{BatchEncoding, Invocation, Outcome, Router};
use proptest::{collection::vec, prelude::*};

use crate::support::{Framing, Host, fixture, invocations};

#[tokio::test]
async fn odd_envelopes_are_answered_with_an_object() {
    let router = Router::new().function("any", |invocation| async move {
        look_at_everything(&invocation);
        Outcome::success()
    });
    let mut host = Host::start(router).await;
    let deep = "[".repeat(100_000);
    for (body, status) in [
        ("", 400),
        (" ", 400),
        ("null", 400),
        ("[]", 400),
        ("\"{}\"", 400),
        ("{\"Data\"", 400),
        (&*format!("{{\"Data\":{deep}"), 400),
        ("{}", 200),
        (" {} ", 200),
        ("{\"Data\":{\"a\":null}}", 200),
        ("{\"data\":{\"a\":\"\\\"\"},\"metadata\":\"{}\"}", 200),
        ("{\"Data\":{\"a\":1e999},\"Metadata\":{\"a\":\"\\ud800\"}}", 200),
        ("{\"Data\":{\"a\":{}},\"Data\":{\"b\":{}}}", 200),
    ] {
        for framing in [Framing::Chunked, Framing::Sized] {
            let answer = host.invoke("any", body.as_bytes(), framing).await;
            assert_eq!(answer.status, status, "{body:.60}");
            answer.object();
        }
    }
    assert_eq!(host.invoke("any", b"{\"\xff\":1}", Framing::Sized).await.status, 400);
}

proptest! {
    #[test]
    fn any_json_can_be_looked_at(data in json(), metadata in json()) {
        let body = format!(r#"{{"Data":{{"value":{data}}},"Metadata":{metadata}}}"#);
        look_at_everything(&Invocation::parse("f", "", body).unwrap());
    }

    #[test]
    fn a_golden_invocation_with_some_bytes_changed_can_be_looked_at(
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = fixture(which.get::<String>(&invocations()));
        for (place, byte) in changes {
            *place.get_mut(&mut body) = byte;
        }
        if let Ok(invocation) = Invocation::parse("f", "", body) {
            look_at_everything(&invocation);
        }
    }

    #[test]
    fn a_text_arrives_as_it_was(text: String) {
        let twice = serde_json::to_string(&serde_json::to_string(&text).unwrap()).unwrap();
        let body = format!(r#"{{"Data":{{"message":{twice}}}}}"#);
        let invocation = Invocation::parse("f", "", body).unwrap();
        prop_assert_eq!(invocation.trigger().unwrap().text(), &*text);
        prop_assert_eq!(&*invocation.service_bus_message().unwrap().body(), text.as_bytes());
    }

    #[test]
    fn redaction_takes_any_text(text in "(code=|[?&]|sig=|Authorization[:=]|ä|x|\"|\\\\){0,12}") {
        let clean = azure_functions::redact(&text);
        prop_assert!(clean.len() <= text.len() + 12 * azure_functions::REDACTED.len());
    }
}

fn look_at_everything(invocation: &Invocation) {
    if let Ok(value) = invocation.trigger() {
        let _ = (value.is_null(), value.text(), value.bytes(), value.time());
        let _ = value.parse::<serde_json::Value>();
    }
    for (_, value) in invocation.metadata().iter() {
        let _ = (value.text(), value.bytes(), value.time(), value.members());
    }
    if let Ok(message) = invocation.service_bus_message() {
        let _ = (message.body(), message.message_id(), message.delivery_count());
        let _ = (message.enqueued_time(), message.application_properties());
        let _ = (message.session_id(), message.has_trusted_metadata());
    }
    for encoding in [BatchEncoding::Binary, BatchEncoding::String, BatchEncoding::Json] {
        let _ = invocation.service_bus_batch(encoding);
    }
    for event in invocation.event_grid_events().unwrap_or_default() {
        let _ = (event.id(), event.event_type(), event.is_cloud_event());
    }
    if let Ok(request) = invocation.http_request() {
        let _ = (request.method(), request.body(), request.body_text());
        let _ = (request.identities(), request.user(), request.key_name());
        let _ = (request.header("Host"), request.query("stage"), request.param("runId"));
    }
    let _ = (invocation.timer(), invocation.retry_context());
    let _ = format!("{invocation:?} {:?}", invocation.http_request());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[A-Za-z0-9+/]{0,9}=?".prop_map(Into::into),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}".prop_map(Into::into),
        "\"?[\\[{]?[a-z\"\\\\]{0,9}[\\]}]?\"?".prop_map(Into::into),
    ];
    let name = prop_oneof![
        "[a-z]{0,3}",
        Just("MessageId".to_owned()),
        Just("DeliveryCount".to_owned()),
        Just("EnqueuedTime".to_owned()),
        Just("ApplicationProperties".to_owned()),
        Just("Headers".to_owned()),
        Just("Identities".to_owned()),
        Just("Body".to_owned()),
        Just("ScheduleStatus".to_owned()),
        Just("MessageIdArray".to_owned()),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Into::into),
            vec((name.clone(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}
