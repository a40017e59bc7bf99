//! Exchanges on record, for whoever compares them with a service's specification: one JSON object a line.
//!
//! `AZURE_EXCHANGES=FILE` switches it on. Tokens are not in it: neither in headers nor in bodies, and the calls that fetch
//! them are left out. So are answers that a test has put in the way, and what a test has marked.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::{Body, Call};

/// The variable that names the file.
const VARIABLE: &str = "AZURE_EXCHANGES";
/// What stands where a secret was. It is Base64, too, for the places where a specification wants that.
const MASK: &str = "redacted";
/// A header of answers that are no service's, but a test's: faults, and what is said to a question asked wrongly on purpose.
const UNTRUE: &str = "x-not-on-record";
/// Headers of answers that say something about the exchange.
const TOLD: [&str; 8] = [
    "azure-asyncoperation",
    "content-length",
    "content-type",
    "etag",
    "link",
    "location",
    "retry-after",
    "x-ms-continuationtoken",
];
/// Kinds of content that are files.
const FILES: [&str; 5] =
    ["application/octet-stream", "application/zip", "application/gzip", "application/x-gzip", "application/x-tar"];
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
        if told.contains_key(UNTRUE) {
            return;
        }
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
            Body::Bytes(name, bytes) => (Some(*name), content(name, bytes)),
            Body::Plain(bytes) => (None, content(kind(sent), bytes)),
        };
        if let Some(content_type) = content_type {
            headers.insert("content-type".into(), content_type.into());
        }
        let mut answer = content(kind(told), body);
        let told = told.iter().filter(|(name, _)| TOLD.contains(&name.as_str()));
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
        let line = of_real_hosts(&call.url, format!("{line}\n"));
        // In one piece, so that lines of several processes do not mix.
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        if let Err(error) = written {
            warn!("An exchange is not recorded: {error}");
        }
    }
}

/// What was said to a server on this machine that stands for every host (`http://127.0.0.1:PORT/HOST/..`) as if it had been
/// said to the hosts themselves: `https://HOST/..`. Other addresses stay.
fn of_real_hosts(asked: &Url, line: String) -> String {
    let stands_for_a_host =
        asked.path_segments().and_then(|mut path| path.next()).is_some_and(|host| host.contains('.'));
    let origin = asked.origin().ascii_serialization();
    if !origin.starts_with("http://127.0.0.1:") || !stands_for_a_host {
        return line;
    }
    line.replace(&format!("{origin}/"), "https://")
}

/// What headers say that a body is.
fn kind(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// A body that means something to the service, as JSON or as text. What a file holds is its owner's: of that, nothing.
fn content(kind: &str, bytes: &[u8]) -> Value {
    let kind = kind.to_ascii_lowercase();
    let text = || std::str::from_utf8(bytes).map_or(Value::Null, Value::from);
    match () {
        () if bytes.is_empty() => Value::Null,
        () if kind.contains("json") || kind.is_empty() => serde_json::from_slice(bytes).unwrap_or_else(|_| text()),
        () if FILES.iter().any(|file| kind.starts_with(file)) => Value::Null,
        () => text(),
    }
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
    unopened(text).unwrap_or_else(|| text.to_owned())
}

/// An address that opens what it leads to, without what opens it; None: it is none.
fn unopened(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base() && has_secrets(url))?;
    Some(without_secrets(&url).into())
}

fn has_secrets(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| SECRET_FIELDS.contains(&&*name))
}

/// An address without the signature that opens it.
fn without_secrets(url: &Url) -> Url {
    let mut clean = url.clone();
    if has_secrets(url) {
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
            // A cluster's secrets are whatever their writer calls them.
            let are_secrets = members.get("kind").is_some_and(|kind| kind == "Secret");
            let mask = |(name, value): (String, Value)| {
                let value = match value {
                    Value::String(_) if SECRET.contains(&name.as_str()) => MASK.into(),
                    Value::Object(members) if are_secrets && matches!(name.as_str(), "data" | "stringData") => {
                        Value::Object(members.into_iter().map(|(name, _)| (name, MASK.into())).collect())
                    }
                    other => masked(other),
                };
                (name, value)
            };
            Value::Object(members.into_iter().map(mask).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(masked).collect()),
        Value::String(text) => unopened(&text).unwrap_or(text).into(),
        other => other,
    }
}
