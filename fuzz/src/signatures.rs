//! A body is believed when its signature is the HMAC of it, and only then.
//!
//! An input is headers, one in a line, and a body. A signature of `sign` is replaced by the right one, which nobody
//! would guess.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use events::signature::SignatureError;
use events::{github, mlflow};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::replay::{Target, line};

/// The targets of this module.
pub const TARGETS: &[Target] = &[("github_signature", github_signature), ("mlflow_signature", mlflow_signature)];

/// Secrets, separated by commas; the signature; the body.
pub fn github_signature(input: &[u8]) {
    let mut body = input;
    let secrets: Vec<&str> = line(&mut body).split(',').collect();
    let given = line(&mut body);
    let right = |secret: &str| format!("sha256={}", hex(&hmac(secret.as_bytes(), &[body])));
    let signed = right(secrets[0]);
    let signature = if given == "sign" { &signed } else { given };

    let verdict = github::verify(&secrets, Some(signature), body);

    // The sender's hexadecimal digits may be of either case, the word before them may not.
    let is_right = |secret: &&str| {
        !secret.is_empty() && signature.starts_with("sha256=") && signature.eq_ignore_ascii_case(&right(secret))
    };
    assert_verdict(verdict, secrets.iter().any(is_right));
    assert_eq!(verdict, github::verify(&secrets, Some(signature), body), "twice");
    assert!(github::verify(&secrets, None, body).is_err());
    assert!(github::verify(&[""; 0], Some(signature), body).is_err());
    if verdict.is_ok() {
        for changed in changed(body) {
            assert_eq!(github::verify(&secrets, Some(signature), &changed), Err(SignatureError::Mismatch));
        }
        let short = signature.get(..signature.len() - 1).expect("a signature that is right is ASCII");
        for other in [short, &format!("{signature}0"), &format!("{signature}00")] {
            assert_eq!(github::verify(&secrets, Some(other), body), Err(SignatureError::Malformed));
        }
    }
}

/// Secrets, separated by commas; delivery, timestamp, signature; now, in seconds; the body.
pub fn mlflow_signature(input: &[u8]) {
    let mut body = input;
    let secrets: Vec<&str> = line(&mut body).split(',').collect();
    let [delivery, timestamp, given] = [(); 3].map(|()| line(&mut body));
    let now = line(&mut body).parse().ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or_default();
    let right = |secret: &str| {
        let parts = [delivery.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        format!("v1,{}", STANDARD.encode(hmac(secret.as_bytes(), &parts)))
    };
    let signed = right(secrets[0]);
    let signature = if given == "sign" { &signed } else { given };
    let headers = mlflow::Headers { signature: Some(signature), delivery: Some(delivery), timestamp: Some(timestamp) };

    let verdict = mlflow::verify(&secrets, headers, body, now);

    let is_right = secrets.iter().any(|secret| !secret.is_empty() && signature == right(secret));
    let second = timestamp.parse::<i64>().ok().filter(|second| Timestamp::from_second(*second).is_ok());
    let is_fresh = |second: i64| second.abs_diff(now.as_second()) <= mlflow::TOLERANCE.as_secs().unsigned_abs();
    assert_verdict(verdict, is_right && second.is_some_and(is_fresh));
    assert_eq!(verdict == Err(SignatureError::Expired), is_right && second.is_some_and(|second| !is_fresh(second)));
    assert_eq!(verdict, mlflow::verify(&secrets, headers, body, now), "twice");
    for missing in [
        mlflow::Headers { signature: None, ..headers },
        mlflow::Headers { delivery: None, ..headers },
        mlflow::Headers { timestamp: None, ..headers },
    ] {
        assert_eq!(mlflow::verify(&secrets, missing, body, now), Err(SignatureError::Missing));
    }
    if verdict.is_ok() {
        for changed in changed(body) {
            assert_eq!(mlflow::verify(&secrets, headers, &changed, now), Err(SignatureError::Mismatch));
        }
        let other = format!("{delivery}x");
        let replayed = mlflow::Headers { delivery: Some(&other), ..headers };
        assert_eq!(mlflow::verify(&secrets, replayed, body, now), Err(SignatureError::Mismatch));
    }
}

fn assert_verdict(verdict: Result<(), SignatureError>, expected: bool) {
    assert_eq!(verdict.is_ok(), expected, "{verdict:?}");
    if let Err(error) = verdict {
        assert!(error.code().as_str().starts_with("signature."), "{error:?}");
        assert!(!error.to_string().contains(char::is_control));
    }
}

/// A body with something more, something less, and something else.
fn changed(body: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![[body, b"\n"].concat()];
    if let Some((last, rest)) = body.split_last() {
        all.push(rest.to_vec());
        all.push([rest, &[*last ^ 1]].concat());
    }
    all
}

/// HMAC-SHA-256 as RFC 2104 has it, without the crate that the product has it from.
fn hmac(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 64];
    if secret.len() > key.len() {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let mut inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36));
    parts.iter().for_each(|part| inner.update(part));
    Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize()).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
