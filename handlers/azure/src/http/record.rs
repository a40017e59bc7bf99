//! Exchanges on record, for whoever compares them with a service's specification: one JSON object a line.
//!
//! `AZURE_EXCHANGES=FILE` switches it on. Tokens are not in it: neither in headers nor in bodies, and the calls that fetch
//! them are left out.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::{Body, Call};

/// The variable that names the file.
const VARIABLE: &str = "AZURE_EXCHANGES";
/// What stands where a secret was.
const MASK: &str = "***";
/// Headers of answers that say something about the exchange.
const TOLD: [&str; 7] =
    ["azure-asyncoperation", "content-type", "etag", "link", "location", "retry-after", "x-ms-continuationtoken"];
/// Members of bodies that are nobody's to read.
const SECRET: [&str; 10] = [
    "token",
    "access_token",
    "refresh_token",
    "password",
    "secret",
    "secureValue",
    "connectionString",
    "privateKey",
    "primaryKey",
    "secondaryKey",
];
/// Fields of forms and parameters of addresses likewise.
const SECRET_FIELDS: [&str; 6] = ["access_token", "refresh_token", "client_secret", "client_assertion", "sig", "token"];

/// Appends exchanges to a file.
pub(super) struct Recorder {
    file: Mutex<File>,
}

impl Recorder {
    /// The one that the environment asks for.
    pub fn from_env() -> Option<Self> {
        let path = std::env::var_os(VARIABLE)?;
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(Self::to(file)),
            Err(error) => {
                warn!("Exchanges are not recorded: {VARIABLE} names {}: {error}", path.display());
                None
            }
        }
    }

    pub fn to(file: File) -> Self {
        Self { file: Mutex::new(file) }
    }

    /// `sent` is what went with the call, and how its token was called.
    pub fn record(
        &self,
        call: &Call<'_>,
        (sent, scheme): (&HeaderMap, &str),
        status: StatusCode,
        told: &HeaderMap,
        body: &[u8],
    ) {
        let mut headers: Map<_, _> =
            sent.iter().map(|(name, value)| (name.as_str().to_owned(), shown(value).into())).collect();
        if !scheme.is_empty() {
            headers.insert(AUTHORIZATION.as_str().into(), format!("{scheme} {MASK}").into());
        }
        let (content_type, sent_body) = match &call.body {
            Body::Nothing => (None, Value::Null),
            Body::Json(body) => (Some("application/json"), masked(body.clone())),
            Body::JsonAs(name, body) => (Some(*name), masked(body.clone())),
            Body::Form(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, of_field(name, value))).collect();
                let form = Url::parse_with_params("form:", fields).expect("a constant address");
                (Some("application/x-www-form-urlencoded"), form.query().unwrap_or_default().into())
            }
            Body::Bytes(name, bytes) => (Some(*name), plain(bytes)),
            Body::Plain(bytes) => (None, plain(bytes)),
        };
        if let Some(content_type) = content_type {
            headers.insert("content-type".into(), content_type.into());
        }
        let told = told.iter().filter(|(name, _)| TOLD.contains(&name.as_str()));
        let mut answer: Value = serde_json::from_slice(body).unwrap_or_else(|_| match body {
            [] => Value::Null,
            _ => String::from_utf8_lossy(body).into(),
        });
        if let Some(value) = answer.get_mut("value").filter(|_| call.is_private) {
            *value = MASK.into();
        }
        let line = json!({
            "name": call.right.action,
            "method": call.method.as_str(),
            "url": without_secrets(&call.url).as_str(),
            "headers": headers,
            "body": sent_body,
            "status": status.as_u16(),
            "response": {
                "headers": told.map(|(name, value)| (name.to_string(), told_of(value).into())).collect::<Map<_, _>>(),
                "body": masked(answer),
            },
        });
        // In one piece, so that lines of several processes do not mix.
        let written =
            self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes());
        if let Err(error) = written {
            warn!("An exchange is not recorded: {error}");
        }
    }
}

/// Text where it is text.
fn plain(bytes: &[u8]) -> Value {
    let text = std::str::from_utf8(bytes).map(Value::from);
    text.unwrap_or_else(|_| json!({"$base64": BASE64.encode(bytes)}))
}

/// What a header says; of a secret only its kind.
fn shown(value: &HeaderValue) -> String {
    let text = value.to_str().unwrap_or(MASK);
    match text.split_once(' ') {
        _ if !value.is_sensitive() => text.to_owned(),
        Some((scheme, _)) => format!("{scheme} {MASK}"),
        None => MASK.to_owned(),
    }
}

/// What an answer's header says; where it is an address, without what opens it.
fn told_of(value: &HeaderValue) -> String {
    let text = value.to_str().unwrap_or(MASK);
    Url::parse(text).map_or_else(|_| text.to_owned(), |url| without_secrets(&url).to_string())
}

/// An address without the signature that opens it.
fn without_secrets(url: &Url) -> Url {
    let mut clean = url.clone();
    if url.query_pairs().any(|(name, _)| SECRET_FIELDS.contains(&&*name)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        clean.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| (name, of_field(name, value))));
    }
    clean
}

fn of_field<'a>(name: &str, value: &'a str) -> &'a str {
    if SECRET_FIELDS.contains(&name) { MASK } else { value }
}

fn masked(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mask = |(name, value): (String, Value)| {
                let is_secret = SECRET.contains(&name.as_str()) && value.is_string();
                (name, if is_secret { MASK.into() } else { masked(value) })
            };
            Value::Object(members.into_iter().map(mask).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(masked).collect()),
        other => other,
    }
}
