use serde_json::{Value, json};

use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("github");
}

#[test]
fn every_sample_is_signed_as_its_headers_say() {
    let folder = samples::folder("github");
    for file in samples::table::<Value>(&folder).samples.keys() {
        let headers = samples::json(&folder, &file.replace(".json", ".headers.json"));
        let signature = headers["X-Hub-Signature-256"].as_str();
        assert_eq!(verify(&[SECRET], signature, &samples::bytes(&folder, file)), Ok(()), "{file}");
    }
}

/// The vector is the one in GitHub's documentation.
#[test]
fn a_signature_is_checked_as_github_documents_it() {
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let verify = |secrets: &[&str], signature: Option<&str>| verify(secrets, signature, b"Hello, World!");
    assert_eq!(verify(&[SECRET], Some(good)), Ok(()));
    assert_eq!(verify(&[SECRET], Some(&good.to_uppercase().replace("SHA", "sha"))), Ok(()));
    assert_eq!(verify(&["new", SECRET], Some(good)), Ok(()), "the old secret is good while it is being replaced");
    assert_eq!(verify(&["new"], Some(good)), Err(SignatureError::Mismatch));
    assert_eq!(verify(&[], Some(good)), Err(SignatureError::NoSecret));
    assert_eq!(verify(&[""], Some(&sign(b"", b"Hello, World!"))), Err(SignatureError::NoSecret), "empty is forgotten");
    assert_eq!(verify(&[SECRET], None), Err(SignatureError::Missing));
    assert_eq!(verify(&[SECRET], Some("")), Err(SignatureError::Missing));
    assert_eq!(verify(&[SECRET], Some("sha1=00")), Err(SignatureError::Legacy));
    for malformed in ["757107ea", "sha256=", "sha256=zz", &good[..70], &format!("{good}0"), "sha512=00"] {
        assert_eq!(verify(&[SECRET], Some(malformed)), Err(SignatureError::Malformed), "{malformed}");
    }
}

#[test]
fn a_form_s_payload_is_the_document() {
    let encoded = "payload=%7B%22zen%22%3A%22a+b%22%2C%22hook_id%22%3A7%7D&x=1";
    let Reading::Read(notice) = one("ping", encoded.as_bytes()) else { panic!() };
    assert_eq!(notice.fact, Fact::Pinged { hook: Some(7) });
    assert_eq!(notice.remarks[0].code, Code::GithubForm);
    assert!(matches!(one("ping", b"payload=%zz"), Reading::Quarantined { code: Code::BodyEncoding, .. }));
    let long = read("ping", "1", encoded.as_bytes(), Limits { bytes: 10 });
    assert!(matches!(long.as_slice(), [Reading::Quarantined { code: Code::BodyTooLarge, .. }]));
}

#[test]
fn header_and_body_have_to_agree() {
    let folder = samples::folder("github");
    for (event, file) in [
        ("push", "ping.json"),
        ("ping", "push.json"),
        ("pull_request", "push.json"),
        ("push", "pull_request.opened.json"),
        ("check_run", "check_suite.rerequested.json"),
    ] {
        let reading = one(event, &samples::bytes(&folder, file));
        assert!(matches!(reading, Reading::Quarantined { code: Code::GithubEventMismatch, .. }), "{event} {reading:?}");
    }
}

#[test]
fn changed_files_are_told_only_when_all_are() {
    let paths = |change: fn(&mut Value)| {
        let mut push = samples::json(&samples::folder("github"), "push.json");
        change(&mut push);
        match one("push", push.to_string().as_bytes()) {
            Reading::Read(notice) => match notice.fact {
                Fact::Pushed(push) => push.changed_paths,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(paths(|_| {}).unwrap(), ["conf/params.yml", "src/training/train.py"]);
    assert_eq!(paths(|push| push["forced"] = json!(true)), None);
    assert_eq!(paths(|push| push["forced"] = Value::Null), None);
    assert_eq!(paths(|push| push["before"] = json!("0".repeat(40))), None, "a new branch differs from what?");
    assert_eq!(paths(|push| push["commits"] = json!([])), None);
    assert_eq!(paths(|push| push["commits"][0]["id"] = json!("1".repeat(40))), None, "the last commit is missing");
    assert_eq!(paths(|push| push["commits"][0]["added"] = Value::Null), None);
    assert_eq!(paths(|push| push["commits"][0]["added"] = json!(["../../etc/passwd"])), None);
    assert_eq!(
        paths(|push| push["commits"] = vec![push["commits"][0].clone(); 2_048].into()),
        None,
        "the list was cut"
    );
}

#[test]
fn a_delivery_without_an_id_is_known_by_what_it_says() {
    let body = br#"{"zen":"x","hook_id":7}"#;
    let id = |delivery: &str| match read("ping", delivery, body, Limits::GITHUB).remove(0) {
        Reading::Read(notice) => notice.envelope.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id("72d3162e-cc78-11e3-81ab-4c9367dc0958"), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert!(id("").starts_with("sha256:"));
    assert_eq!(id("a\nb"), id(""));
}

fn one(event: &str, body: &[u8]) -> Reading {
    let [reading] = <[Reading; 1]>::try_from(read(event, samples::DELIVERY, body, Limits::GITHUB)).unwrap();
    reading
}

/// Signs as GitHub does.
pub(crate) fn sign(secret: &[u8], body: &[u8]) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

const SECRET: &str = "It's a Secret to Everybody";
