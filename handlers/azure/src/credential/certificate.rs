//! What an application with a certificate says of itself, signed with the certificate's key.
//!
//! Source: [certificate credentials](https://learn.microsoft.com/entra/identity-platform/certificate-credentials).

use std::hash::{BuildHasher as _, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Long enough for one call, also when a clock is a little off.
const GOOD_FOR_SECS: i64 = 600;
const BACK_SECS: i64 = 60;

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// The signed word. `pem` has the certificate and its private key, in any order.
pub(super) fn word(pem: &str, client_id: &str, audience: &str) -> Result<String, String> {
    let certificate = block(pem, &["CERTIFICATE"])
        .ok_or("there is no certificate in it; it needs the certificate and its private key, both as PEM")?;
    let lines: String = certificate.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = BASE64.decode(lines).map_err(|_| "the certificate in it cannot be read; export it as PEM again")?;
    let key = block(pem, &["PRIVATE KEY", "RSA PRIVATE KEY"])
        .ok_or("there is no private key in it that is not encrypted; export it without a password")?;
    let key = EncodingKey::from_rsa_pem(key.as_bytes())
        .map_err(|_| "the private key in it is not an RSA key, which Entra ID asks for")?;
    let now = Timestamp::now().as_second();
    let claims = Claims {
        aud: audience,
        iss: client_id,
        sub: client_id,
        jti: format!("{:016x}{:016x}", RandomState::new().hash_one(now), RandomState::new().hash_one(client_id)),
        nbf: now - BACK_SECS,
        iat: now,
        exp: now + GOOD_FOR_SECS,
    };
    let thumbprint = BASE64_URL.encode(Sha256::digest(&der));
    let header = Header { x5t_s256: Some(thumbprint), ..Header::new(Algorithm::PS256) };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| "the private key in it does not sign".into())
}

/// The first block of this kind, with its first and last line.
fn block<'a>(pem: &'a str, labels: &[&str]) -> Option<&'a str> {
    labels.iter().find_map(|label| {
        let end = format!("-----END {label}-----");
        let start = pem.find(&format!("-----BEGIN {label}-----"))?;
        let length = pem[start..].find(&end)? + end.len();
        Some(&pem[start..start + length])
    })
}
