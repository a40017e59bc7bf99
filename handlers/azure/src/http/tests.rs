//! What is not seen from outside: exchanges on record.

use std::fs;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::record::Recorder;
use super::{Call, CallError, Kind, Right, address, join};

const RIGHT: Right = Right { action: "set a status on a commit", scope: "s", role: "r" };

#[test]
fn an_exchange_on_record_is_a_line_without_secrets() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recorder = Recorder::to(file.reopen().unwrap());
    let url = address("the address", "https://dev.azure.com").unwrap();
    let body = json!({"state": "pending", "nested": [{"token": "s3cr3t", "kept": 1}]});
    let call = Call::send(Method::POST, join(&url, &["contoso", "ML Ops"], &[("$top", "1")]), body, &RIGHT);
    let headers = HeaderMap::from_iter([("accept".parse().unwrap(), HeaderValue::from_static("application/json"))]);
    let told = HeaderMap::from_iter([
        ("content-type".parse().unwrap(), HeaderValue::from_static("application/json")),
        ("location".parse().unwrap(), HeaderValue::from_static("https://codeload.github.com/zip?token=s3cr3t")),
        ("set-cookie".parse().unwrap(), HeaderValue::from_static("s3cr3t")),
    ]);

    recorder.record(&call, (&headers, "Basic"), StatusCode::CREATED, &told, br#"{"access_token": "s3cr3t", "id": 1}"#);
    recorder.record(&call, (&headers, "Bearer"), StatusCode::OK, &told, b"");
    let mut signature = HeaderValue::from_static("SharedKey contoso:s3cr3t");
    signature.set_sensitive(true);
    let signed = HeaderMap::from_iter([(AUTHORIZATION, signature)]);
    recorder.record(&call, (&signed, ""), StatusCode::OK, &told, b"");

    let text = fs::read_to_string(file.path()).unwrap();
    assert!(!text.contains("s3cr3t"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted = json!({
        "name": "set a status on a commit",
        "method": "POST",
        "url": "https://dev.azure.com/contoso/ML%20Ops?%24top=1",
        "headers": {"accept": "application/json", "authorization": "Basic redacted", "content-type": "application/json"},
        "body": {"state": "pending", "nested": [{"token": "redacted", "kept": 1}]},
        "status": 201,
        "response": {
            "headers": {"content-type": "application/json", "location": "https://codeload.github.com/zip?token=redacted"},
            "body": {"access_token": "redacted", "id": 1},
        },
    });
    assert_eq!(lines[0], wanted);
    assert_eq!(
        (&lines[1]["response"]["body"], &lines[1]["headers"]["authorization"]),
        (&Value::Null, &json!("Bearer redacted"))
    );
    assert_eq!(lines[2]["headers"]["authorization"], "SharedKey redacted");
}

#[test]
fn a_service_that_is_busy_for_a_moment_is_asked_again_soon() {
    let busy = HeaderMap::from_iter([("x-ms-error-code".parse().unwrap(), HeaderValue::from_static("ServerBusy"))]);
    let until = |headers: &HeaderMap| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let error = CallError::of("a service", "ann", &RIGHT, status, headers, b"", Timestamp::UNIX_EPOCH);
        assert_eq!(error.kind, Kind::Unavailable);
        error.until.map(Timestamp::as_second)
    };
    assert_eq!((until(&busy), until(&HeaderMap::new())), (None, Some(30)));
    let mut asked = busy;
    asked.insert("retry-after", HeaderValue::from_static("7"));
    assert_eq!(until(&asked), Some(7));
}

#[test]
fn a_secret_that_is_answered_is_not_on_record() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recorder = Recorder::to(file.reopen().unwrap());
    let url = address("the address", "https://contoso.vault.azure.net").unwrap();
    let call = Call::get(join(&url, &["secrets", "api-key"], &[]), &RIGHT).private();
    let headers = HeaderMap::new();

    recorder.record(&call, (&headers, "Bearer"), StatusCode::OK, &headers, br#"{"value": "s3cr3t", "id": "1"}"#);

    let line: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
    assert_eq!(line["response"]["body"], json!({"value": "redacted", "id": "1"}));
}

#[test]
fn what_stands_for_azure_on_this_machine_is_on_record_as_azure() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recorder = Recorder::to(file.reopen().unwrap());
    let asked = |base: &str, told: &HeaderMap| {
        let call = Call::get(join(&address("the address", base).unwrap(), &["a"], &[]), &RIGHT);
        let body = json!({"next": format!("{base}/b")}).to_string();
        recorder.record(&call, (&HeaderMap::new(), "Bearer"), StatusCode::OK, told, body.as_bytes());
    };

    asked("http://127.0.0.1:4711/management.azure.com", &HeaderMap::new());
    asked("http://127.0.0.1:10000/devstoreaccount1", &HeaderMap::new());
    let fault = HeaderMap::from_iter([("x-not-on-record".parse().unwrap(), HeaderValue::from_static("fault"))]);
    asked("http://127.0.0.1:4711/management.azure.com", &fault);

    let text = fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let addresses: Vec<_> = lines.iter().map(|line| (&line["url"], &line["response"]["body"]["next"])).collect();
    let (azure, emulator) = ("https://management.azure.com", "http://127.0.0.1:10000/devstoreaccount1");
    let wanted = [azure, emulator].map(|base| (json!(format!("{base}/a")), json!(format!("{base}/b"))));
    assert_eq!(addresses, wanted.iter().map(|(url, next)| (url, next)).collect::<Vec<_>>());
}

#[test]
fn what_opens_something_is_not_on_record_wherever_it_stands() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recorder = Recorder::to(file.reopen().unwrap());
    let url = address("the address", "https://management.azure.com").unwrap();
    let link = |signature: &str| format!("https://logs.blob.core.windows.net/raw.log?sr=b&sig={signature}&sp=r");
    let secret = |value: &str| json!({"kind": "Secret", "data": {"key": value}, "stringData": {"other": value}});
    let call = Call::send(Method::POST, url, secret("s3cr3t"), &RIGHT);
    let kind = |kind| HeaderMap::from_iter([("content-type".parse().unwrap(), HeaderValue::from_static(kind))]);
    let (json_kind, file_kind) = (kind("application/json"), kind("application/octet-stream"));
    let body = json!({"links": [{"logLink": link("s3cr3t")}], "plain": "https://contoso.example/?a=b"}).to_string();

    recorder.record(&call, (&HeaderMap::new(), "Bearer"), StatusCode::OK, &json_kind, body.as_bytes());
    recorder.record(&call, (&HeaderMap::new(), "Bearer"), StatusCode::OK, &file_kind, b"s3cr3t");

    let text = fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["body"], secret("redacted"));
    let wanted = json!({"links": [{"logLink": link("redacted")}], "plain": "https://contoso.example/?a=b"});
    assert_eq!((&lines[0]["response"]["body"], &lines[1]["response"]["body"]), (&wanted, &Value::Null));
}

#[test]
fn segments_and_values_stay_what_they_are() {
    let base = address("the address", "https://host.example/tfs/").unwrap();
    let url = join(&base, &["a/b", "c d", "x?y#z"], &[("path", "/a&b=c")]);
    assert_eq!(url.as_str(), "https://host.example/tfs/a%2Fb/c%20d/x%3Fy%23z?path=%2Fa%26b%3Dc");
    for wrong in ["host.example", "mailto:ann@example.org", "file:///etc/passwd", ""] {
        assert!(address("the address", wrong).is_err(), "{wrong}");
    }
}
