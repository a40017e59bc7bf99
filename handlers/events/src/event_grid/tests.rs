use serde_json::{Value, json};

use super::handshake::{ORIGIN, answer_options, answer_validation};
use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("event_grid");
}

#[test]
fn a_validation_is_answered_for_a_subscription_that_is_ours() {
    let folder = samples::folder("event_grid");
    let readings = read(&samples::bytes(&folder, "SubscriptionValidationEvent.eventgrid.json"), Limits::default());
    let [Reading::Read(notice)] = readings.as_slice() else { panic!("{readings:?}") };
    let Fact::SubscriptionValidation { code } = &notice.fact else { panic!("{notice:?}") };
    let headers = samples::json(&folder, "SubscriptionValidationEvent.headers.json");
    let subscription = headers["aeg-subscription-name"].as_str();
    let answer = answer_validation(code, subscription, &["mlops-hook"]).unwrap();
    let told = samples::json(&folder, "SubscriptionValidationEvent.response.json");
    assert_eq!(serde_json::to_value(answer).unwrap(), told);
    for (subscription, expected) in
        [(subscription, "mlops-hook-2"), (Some("mlops"), "mlops-hook"), (None, "mlops-hook"), (Some(""), "")]
    {
        let refusal = answer_validation(code, subscription, &[expected]).unwrap_err();
        assert_eq!(refusal.code, Code::ValidationNotExpected);
    }
}

#[test]
fn consent_to_cloud_events_is_in_the_headers() {
    let handshake =
        String::from_utf8(samples::bytes(&samples::folder("event_grid"), "cloudevents-handshake.http")).unwrap();
    let handshake = handshake.replace('\r', "");
    let (asked, told) = handshake.split_once("### expected answer\n").unwrap();
    let header = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    let origin = header(asked, "WebHook-Request-Origin");
    for (name, value) in answer_options(origin.as_deref(), &[ORIGIN]).unwrap() {
        assert_eq!(header(told, name).as_deref(), Some(value.as_str()), "{name}");
    }
    assert!(answer_options(Some("attacker.example"), &[ORIGIN]).is_err());
    assert!(answer_options(Some("eventgrid.azure.net.attacker.example"), &[ORIGIN]).is_err());
    assert!(answer_options(None, &[ORIGIN]).is_err());
}

#[test]
fn both_envelopes_say_the_same() {
    for sender in ["azure_ml", "container_registry", "storage", "resource_notifications"] {
        let folder = samples::folder(sender);
        for file in samples::table::<Value>(&folder).samples.keys().filter(|file| file.contains(".eventgrid.")) {
            let facts = |file: &str| match read(&samples::bytes(&folder, file), Limits::default()).remove(0) {
                Reading::Read(notice) => (notice.fact, notice.envelope.duplicate_key()),
                other => panic!("{file}: {other:?}"),
            };
            assert_eq!(facts(file), facts(&file.replace(".eventgrid.", ".cloudevents.")), "{file}");
        }
    }
}

#[test]
fn a_slash_in_a_source_makes_no_event_the_same_as_another() {
    let event = |source: &str, id: &str| json!({"specversion": "1.0", "id": id, "source": source, "type": "x"});
    let codes = |events: Value| {
        let readings = read(events.to_string().as_bytes(), Limits::default());
        let code = |reading: &Reading| match reading {
            Reading::Read(notice) => panic!("{notice:?}"),
            Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => *code,
        };
        readings.iter().map(code).collect::<Vec<_>>()
    };
    let unknown = Code::EventUnknownType;
    assert_eq!(codes(json!([event("a", "b/c"), event("a/b", "c")])), [unknown, unknown]);
    assert_eq!(codes(json!([event("a/b", "c"), event("A/B", "c")])), [unknown, Code::EventIdConflict]);
}

#[test]
fn data_may_come_as_base64() {
    let event = |encoded: &str| {
        json!({
            "specversion": "1.0", "id": "1", "source": "/subscriptions/0", "type": "Microsoft.EventGrid.SubscriptionDeletedEvent",
            "data_base64": encoded,
        })
    };
    let read = |encoded: &str| read(event(encoded).to_string().as_bytes(), Limits::default()).remove(0);
    // {"eventSubscriptionId":"/subscriptions/0/x"}
    let reading = read("eyJldmVudFN1YnNjcmlwdGlvbklkIjoiL3N1YnNjcmlwdGlvbnMvMC94In0=");
    assert!(matches!(reading, Reading::Read(_)), "{reading:?}");
    for (bad, told) in [("*", Code::ShapeMember), ("/w==", Code::BodyEncoding), ("bnVsbA==", Code::ShapeTopLevel)] {
        let Reading::Quarantined { code, .. } = read(bad) else { panic!("{bad}") };
        assert_eq!(code, told, "{bad}");
    }
}

#[test]
fn the_same_event_of_two_topics_is_two_events() {
    let event = |topic: &str| {
        json!({
            "id": "1", "topic": topic, "subject": "", "eventType": "Microsoft.EventGrid.SubscriptionDeletedEvent",
            "eventTime": "2026-03-17T09:44:12Z", "data": {"eventSubscriptionId": "/subscriptions/0/x"},
        })
    };
    let codes = |batch: Value| -> Vec<Option<Code>> {
        let code = |reading| match reading {
            Reading::Read(_) => None,
            Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => Some(code),
        };
        read(batch.to_string().as_bytes(), Limits::default()).into_iter().map(code).collect()
    };
    assert_eq!(codes(json!([event("/subscriptions/0"), event("/subscriptions/1")])), [None, None]);
    assert_eq!(
        codes(json!([event("/subscriptions/a"), event("/SUBSCRIPTIONS/A")])),
        [None, Some(Code::EventIdConflict)],
        "topics are compared without case"
    );
    assert_eq!(codes(json!(vec![event("/subscriptions/0"); 3]))[1..], [Some(Code::EventDuplicate); 2]);
}

#[test]
fn a_batch_has_an_end() {
    let batch = json!(vec![json!({"id": "1"}); MOST_EVENTS + 1]).to_string();
    let readings = read(batch.as_bytes(), Limits::default());
    assert!(matches!(readings.as_slice(), [Reading::Quarantined { code: Code::BatchTooLarge, .. }]));
}
