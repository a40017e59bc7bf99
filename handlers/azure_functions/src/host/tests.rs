//! Golden requests, taken apart and rendered again, byte for byte.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::*;
use crate::{Invocation, StatusCode};

#[test]
fn a_message_is_rendered_as_the_real_host_does() {
    for name in ["servicebus-queue-single-binary", "servicebus-queue-single-binary-dotnet-serialized"] {
        let (text, json) = fixture(name);
        let meta = &json["Metadata"];
        let body = STANDARD.decode(json["Data"]["message"].as_str().unwrap()).unwrap();
        let message = QueueMessage {
            body: &body,
            namespace: meta["Client"]["FullyQualifiedNamespace"].as_str().unwrap(),
            client: meta["Client"]["Identifier"].as_str().unwrap(),
            delivery_count: 1,
            dead_letter_source: None,
            lock_token: guid(&inner(&meta["LockToken"])),
            expires_at: Some(time(&meta["ExpiresAt"])),
            enqueued_at: time(&meta["EnqueuedTime"]),
            message_id: &inner(&meta["MessageId"]),
            content_type: None,
            sequence_number: 4107,
            properties: &[],
            session_id: None,
        };
        assert_eq!(with_call(&json, |call| call.message(&message)), text, "{name}");
    }
}

#[test]
fn a_dead_letter_says_why_and_from_where() {
    let (text, json) = fixture("servicebus-deadletter-single");
    let reason = "Message could not be consumed after 10 delivery attempts.";
    let message = QueueMessage {
        body: b"{}",
        namespace: "local",
        client: "local-1",
        delivery_count: 1,
        dead_letter_source: Some("steps"),
        lock_token: 0,
        expires_at: None,
        enqueued_at: Timestamp::UNIX_EPOCH,
        message_id: "a \"b\" \\ \u{2028}",
        content_type: Some("application/json"),
        sequence_number: -1,
        properties: &[("DeadLetterReason", "MaxDeliveryCountExceeded"), ("DeadLetterErrorDescription", reason)],
        session_id: Some("run-1"),
    };
    let rendered = with_call(&json, |call| call.message(&message));

    let member = |name: &str| {
        let start = text.find(&format!("\"{name}\":")).unwrap();
        &text[start..start + text[start..].find(",\"").unwrap()]
    };
    for name in ["DeadLetterSource", "ExpiresAtUtc", "ExpiresAt", "ContentType"] {
        assert!(rendered.contains(member(name)), "{name} in {rendered}");
    }
    let invocation = Invocation::parse("dead_letter", "", rendered).unwrap();
    let read = invocation.service_bus_message().unwrap();
    assert_eq!(read.message_id().unwrap(), "a \"b\" \\ \u{2028}");
    assert_eq!(read.dead_letter_source().unwrap(), "steps");
    assert_eq!(read.session_id().unwrap(), "run-1");
    assert_eq!(read.sequence_number(), Some(-1));
    assert_eq!(read.application_properties()["DeadLetterErrorDescription"], reason);
    assert!(read.has_trusted_metadata());
}

#[test]
fn a_tick_is_rendered_as_the_real_host_does() {
    for name in ["timer", "timer-past-due-first-run", "timer-without-monitor"] {
        let (text, json) = fixture(name);
        let timer = &json["Data"]["timer"];
        let status = timer["ScheduleStatus"].as_object().map(|status| ScheduleStatus {
            last: Some(time(&status["Last"])).filter(|last| *last > Timestamp::UNIX_EPOCH),
            next: time(&status["Next"]),
            last_updated: time(&status["LastUpdated"]),
        });
        let tick = Tick { status, is_past_due: timer["IsPastDue"].as_bool().unwrap() };
        assert_eq!(with_call(&json, |call| call.timer(&tick)), text, "{name}");
    }
}

#[test]
fn an_event_is_rendered_as_the_real_host_does() {
    for name in [
        "eventgrid-acr-image-pushed",
        "eventgrid-aml-model-registered",
        "eventgrid-storage-blob-created",
        "cloudevents-acr-image-pushed",
        "cloudevents-aml-model-registered",
    ] {
        let (text, json) = fixture(name);
        let start = text.find(r#"{"event":"#).unwrap() + r#"{"event":"#.len();
        let event = &text[start..text.find(r#"},"Metadata":"#).unwrap()];
        assert_eq!(with_call(&json, |call| call.event(event)), text, "{name}");
        let airy = event.replace("\":\"", "\" :\n \"");
        assert_eq!(with_call(&json, |call| call.event(&airy)), text, "{name}");
    }
}

#[test]
fn an_event_without_data_has_no_such_metadata() {
    let (_, json) = fixture("cloudevents-acr-image-pushed");
    for (event, metadata) in [
        (r#"{"id":"1"}"#, r#""Metadata":{"sys":"#),
        (r#"{"data":null}"#, r#""Metadata":{"sys":"#),
        (r#"{"data":"a"}"#, r#""Metadata":{"data":"\"a\"","sys":"#),
        (r#"{"data":[1, "b"]}"#, r#""Metadata":{"data":"[1,\"b\"]","sys":"#),
    ] {
        let rendered = with_call(&json, |call| call.event(event));
        assert!(rendered.contains(metadata), "{rendered}");
    }
}

#[test]
fn a_request_is_rendered_as_the_real_host_does() {
    for name in ["http-approval-get", "http-approval-post", "http-post-octet-stream"] {
        let (text, json) = fixture(name);
        let req = &json["Data"]["req"];
        let binary = STANDARD.decode(req["Body"].as_str().unwrap_or_default());
        let body = match (req["Body"].as_str(), &binary) {
            (None, _) => RequestBody::Absent,
            (Some(_), Ok(bytes)) => RequestBody::Bytes(bytes),
            (Some(text), Err(_)) => RequestBody::Json(text),
        };
        // The order of members is the text's: the parsed value has lost it.
        let headers = pairs(&text, "Headers", |value| value[0].as_str().unwrap().to_owned());
        let query = pairs(&text, "Query", |value| value.as_str().unwrap().to_owned());
        let params = pairs(&text, "Params", |value| value.as_str().map(str::to_owned));
        let request = CallerRequest {
            url: req["Url"].as_str().unwrap(),
            method: req["Method"].as_str().unwrap(),
            query: &query,
            headers: &headers,
            params: &params,
            body,
        };
        let rendered = with_call(&json, |call| call.http(&request));
        assert_eq!(without_identities(&rendered), without_identities(&text), "{name}");
        if name == "http-approval-get" {
            assert_eq!(rendered, text);
        }
    }
}

#[test]
fn later_members_of_a_request_stand_instead_of_earlier_ones() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = CallerRequest {
        url: "http://localhost/api/a",
        method: "POST",
        query: &[pair("a", "1"), pair("A", "2"), pair("code", "s"), pair("blobTrigger", "x")],
        headers: &[pair("Accept", "x"), pair("accept", "y")],
        params: &[("run".into(), Some("r1".into())), ("rest".into(), None)],
        body: RequestBody::Json(r#"{"A":0,"b":true,"c":[1],"d":null,"e":{"f": 1},"Query":"q","sys":1,"run":"r0"}"#),
    };
    let (_, json) = fixture("http-approval-get");
    let rendered: Json = serde_json::from_str(&with_call(&json, |call| call.http(&request))).unwrap();
    let mut metadata = rendered["Metadata"].clone();
    assert_eq!(metadata.as_object_mut().unwrap().remove("$sys").unwrap()["MethodName"], "approvals");
    assert_eq!(
        metadata,
        serde_json::json!({"A": "\"2\"", "b": "\"True\"", "e": {"f": 1}, "Query": "\"q\"", "sys": "\"1\"",
            "run": "\"r1\"", "Headers": {"Accept": "x,y"}})
    );
    let req = &rendered["Data"]["req"];
    assert_eq!(req["Query"], serde_json::json!({"a": "1,2", "code": "s", "blobTrigger": "x"}));
    assert_eq!(req["Params"], serde_json::json!({"run": "r1", "rest": null}));
}

#[test]
fn answers_are_judged_as_the_real_host_does() {
    let read = |status: u16, kind: &str, body: &str| {
        Answer::read(StatusCode::from_u16(status).unwrap(), Some(kind), body.as_bytes())
    };
    for body in ["{}", " \u{feff}{} ", "{\"outputs\":null,\"logs\":[1,true,null]}", "{} and more"] {
        let body = body.trim_start();
        assert!(read(200, "application/json", body).is_ok(), "{body}");
        assert!(read(202, "text/json; charset=UTF-8", body).is_ok(), "{body}");
    }
    for (status, body) in [(200, ""), (200, " \n"), (204, ""), (200, "null")] {
        assert!(read(status, "text/plain", body).unwrap_err().would_hang(), "{body}");
    }
    for (status, kind, body) in [
        (500, "application/json", "{}"),
        (302, "application/json", "{}"),
        (200, "text/plain", "{}"),
        (200, "application/problem+json", "{}"),
        (200, "application/json; charset=iso-8859-1", "{}"),
        (200, "application/json", "[]"),
        (200, "application/json", "\"{}\""),
        (200, "application/json", "{"),
        (200, "application/json", r#"{"Logs":"a"}"#),
        (200, "application/json", r#"{"Logs":[{}]}"#),
        (200, "application/json", r#"{"Outputs":[]}"#),
    ] {
        let error = read(status, kind, body).unwrap_err();
        assert!(!error.would_hang(), "{error}");
    }
    assert!(Answer::read(StatusCode::OK, Some("application/json"), b"{\"a\":\"\xff\"}").is_err());
    assert!(Answer::read(StatusCode::OK, None, b"{}").is_err());
}

#[test]
fn a_caller_gets_what_the_output_says() {
    let http = |body: &str, output: &str| {
        let answer = Answer::read(StatusCode::OK, Some("application/json"), body.as_bytes()).unwrap();
        answer.http(output).map(|it| (it.status.as_u16(), it.headers, it.body))
    };
    let text = || vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    for (body, status, said) in [
        (r#"{"Outputs":{"res":{"statusCode":202,"body":"a"}}}"#, 202, "a"),
        (r#"{"Outputs":{"res":{"statusCode":"404"}}}"#, 404, ""),
        (r#"{"Outputs":{"res":{"status":404,"StatusCode":"many","body":{"a":1}}}}"#, 200, "{\n  \"a\": 1\n}"),
        (r#"{"Outputs":{"res":"{\"statusCode\":201}"}}"#, 201, ""),
        (r#"{"Outputs":{}}"#, 200, "{}"),
        (r#"{"ReturnValue":"x"}"#, 200, "x"),
        ("{}", 204, ""),
    ] {
        assert_eq!(http(body, "res"), Ok((status, text(), said.to_owned())), "{body}");
    }
    assert_eq!(http(r#"{"ReturnValue":{"status":409}}"#, "$return"), Ok((409, text(), String::new())));
    let typed = r#"{"Outputs":{"res":{"headers":{"content-type":"application/json","X-N":1}}}}"#;
    let headers = http(typed, "res").unwrap().1;
    assert!(headers.contains(&("content-type".to_owned(), "application/json; charset=utf-8".to_owned())));
    assert!(headers.contains(&("X-N".to_owned(), "1".to_owned())));
    for body in
        [r#"{"Outputs":{"res":null}}"#, r#"{"Outputs":{"res":1}}"#, r#"{"Outputs":{"res":{"headers":{"a":[]}}}}"#]
    {
        assert!(http(body, "res").is_err(), "{body}");
    }
}

fn fixture(name: &str) -> (String, Json) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).with_extension("json");
    let text = fs::read_to_string(path).unwrap();
    let json = serde_json::from_str(&text).unwrap();
    (text, json)
}

fn with_call(json: &Json, render: impl Fn(Call<'_>) -> String) -> String {
    let sys = &json["Metadata"]["sys"];
    render(Call {
        function: sys["MethodName"].as_str().unwrap(),
        binding: json["Data"].as_object().unwrap().keys().next().unwrap(),
        now: time(&sys["UtcNow"]),
        guid: guid(sys["RandGuid"].as_str().unwrap()),
    })
}

fn pairs<T>(text: &str, member: &str, of: impl Fn(&Json) -> T) -> Vec<(String, T)> {
    let invocation = Invocation::parse("f", "", text.to_owned()).unwrap();
    let members = invocation.trigger().unwrap().members().get(member).unwrap().members();
    let pairs = members.iter().map(|(name, value)| (name.to_owned(), of(&serde_json::from_str(value.json()).unwrap())));
    pairs.collect()
}

fn without_identities(text: &str) -> String {
    let (before, after) = text.split_once(r#""Identities":["#).unwrap();
    let (_, after) =
        after.split_once("claims/role\"}]").or_else(|| after.split_once("identity/claims/role\"}]")).unwrap();
    format!("{before}{after}")
}

fn inner(value: &Json) -> String {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

fn time(value: &Json) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn guid(text: &str) -> u128 {
    u128::from_str_radix(&text.replace('-', ""), 16).unwrap()
}
