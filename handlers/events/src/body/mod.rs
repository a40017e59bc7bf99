//! From bytes to one JSON value, in an order that leaves one verdict: size, UTF-8 of the whole body, byte order mark,
//! wrapping, JSON with a bounded depth and no name twice, then an object or an array.
//!
//! Parsing into types at once would be shorter and wrong: a derived type skips members it does not know without
//! checking their encoding or depth, takes an array for a struct by position, and lets two readers disagree about a
//! name that is there twice.

mod dotnet;
mod json;

use serde_json::Value;

use crate::code::Code;
use crate::reading::{Reading, Refusal, Remark};

/// How often a document may be wrapped in a string: once by a sender, once by a host that hands bodies on as strings.
const MOST_WRAPPINGS: usize = 2;

/// What is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub bytes: usize,
}

impl Limits {
    /// GitHub's own limit for a delivery: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.
    pub const GITHUB: Self = Self { bytes: 25 * 1024 * 1024 };
}

impl Default for Limits {
    /// 2 MiB: what Azure DevOps sends at most, and twice what Event Grid does.
    fn default() -> Self {
        Self { bytes: 2 * 1024 * 1024 }
    }
}

/// A body that is one JSON object or array.
pub(crate) struct Opened {
    pub(crate) value: Value,
    /// What had to be taken off.
    pub(crate) remarks: Vec<Remark>,
}

/// Opens a body, or says why it stays closed.
pub(crate) fn open(body: &[u8], limits: Limits) -> Result<Opened, Refusal> {
    if body.len() > limits.bytes {
        let reason = format!("the body has {} bytes; at most {} are read", body.len(), limits.bytes);
        return Err(Refusal::quarantine(Code::BodyTooLarge, reason));
    }
    match dotnet::binary(body) {
        Some(text) => open_text(&text?),
        None => open_text(utf8(body)?),
    }
}

/// Opens a body and reads it; one that stays closed is a reading too.
pub(crate) fn read(body: &[u8], limits: Limits, read: impl FnOnce(Opened) -> Vec<Reading>) -> Vec<Reading> {
    match open(body, limits) {
        Ok(opened) => read(opened),
        Err(refusal) => vec![refusal.into_reading(None, || None)],
    }
}

/// The text of a whole body.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| {
        let reason = match body {
            [0x1f, 0x8b, ..] => "the body is compressed; it has to be sent as it is".to_owned(),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the body is UTF-16; it has to be UTF-8".to_owned(),
            _ => format!("the body is not UTF-8 from byte {} on", error.valid_up_to()),
        };
        Refusal::quarantine(Code::BodyEncoding, reason)
    })
}

/// Takes off what is around a document, and parses it.
pub(crate) fn open_text(text: &str) -> Result<Opened, Refusal> {
    let mut remarks = Vec::new();
    let mut text = without_mark(text, &mut remarks);
    let mut unwrapped;
    for _ in 0..=MOST_WRAPPINGS {
        dotnet::refuse_lossy(text)?;
        let inner = if let Some(inner) = dotnet::xml(text) {
            inner?
        } else if text.starts_with('"') {
            let inner = json::string(text)?;
            if !inner.trim_start().starts_with(['{', '[', '"', '<', '@', '\u{feff}']) {
                let reason = "the document is a text; it should be an object or a list";
                return Err(Refusal::quarantine(Code::ShapeTopLevel, reason));
            }
            remarks.push(Remark { code: Code::BodyNestedString, what: "the document came as a text".to_owned() });
            inner
        } else {
            return json::parse(text).map(|value| Opened { value, remarks });
        };
        unwrapped = inner;
        text = without_mark(&unwrapped, &mut remarks);
    }
    let reason = format!("the document is wrapped more than {MOST_WRAPPINGS} times");
    Err(Refusal::quarantine(Code::BodyNestedString, reason))
}

fn without_mark<'a>(text: &'a str, remarks: &mut Vec<Remark>) -> &'a str {
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            remarks.push(Remark { code: Code::BodyBom, what: "the body began with a byte order mark".to_owned() });
            rest
        }
        None => text,
    };
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests;
