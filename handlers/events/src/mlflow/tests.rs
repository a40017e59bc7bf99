use serde_json::json;

use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("mlflow");
}

/// The tag is that of Python's `hmac` over the same bytes, as MLflow makes it.
#[test]
fn a_signature_is_over_the_delivery_the_time_and_the_body() {
    let headers = Headers { signature: Some(TAG), delivery: Some("d1"), timestamp: Some("1773740652") };
    let now = Timestamp::from_second(1_773_740_700).unwrap();
    let verify = |headers, body: &[u8], now| verify(&["s3cret"], headers, body, now);
    assert_eq!(verify(headers, b"{}", now), Ok(()));
    assert_eq!(verify(headers, b"{ }", now), Err(SignatureError::Mismatch));
    for (changed, told) in [
        (Headers { delivery: Some("d2"), ..headers }, SignatureError::Mismatch),
        (Headers { timestamp: Some("1773740653"), ..headers }, SignatureError::Mismatch),
        (Headers { timestamp: Some("now"), ..headers }, SignatureError::Malformed),
        (Headers { timestamp: Some("99999999999999999"), ..headers }, SignatureError::Malformed),
        (Headers { signature: Some("v2,AA=="), ..headers }, SignatureError::Malformed),
        (Headers { signature: Some("v1,*"), ..headers }, SignatureError::Malformed),
        (Headers { signature: Some("v1,"), ..headers }, SignatureError::Mismatch),
        (Headers { signature: None, ..headers }, SignatureError::Missing),
        (Headers { delivery: None, ..headers }, SignatureError::Missing),
        (Headers { timestamp: None, ..headers }, SignatureError::Missing),
    ] {
        assert_eq!(verify(changed, b"{}", now), Err(told), "{changed:?}");
    }
}

#[test]
fn what_was_overheard_cannot_be_sent_again_later() {
    let headers = Headers { signature: Some(TAG), delivery: Some("d1"), timestamp: Some("1773740652") };
    let signed_at = Timestamp::from_second(1_773_740_652).unwrap();
    let at = |seconds| verify(&["s3cret"], headers, b"{}", signed_at + SignedDuration::from_secs(seconds));
    assert_eq!((at(300), at(-300)), (Ok(()), Ok(())));
    assert_eq!((at(301), at(-301)), (Err(SignatureError::Expired), Err(SignatureError::Expired)));
}

#[test]
fn a_model_is_named_as_a_model_can_be() {
    let body = json!({
        "entity": "model_version", "action": "created", "timestamp": "2026-03-17T09:44:12Z",
        "data": {"name": "{{7*7}}", "version": "1"},
    });
    let readings = read(None, body.to_string().as_bytes(), Limits::default());
    let [Reading::Quarantined { code: Code::ModelName, envelope: Some(envelope), .. }] = &readings[..] else {
        panic!()
    };
    assert!(envelope.id.starts_with("sha256:"), "without a delivery's id, the digest has to do");
}

const TAG: &str = "v1,X+8/KkWWKB+WHpOdKcYVxEC8+Y/aYp0LPySdWhis1v8=";
