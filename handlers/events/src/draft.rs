//! An event while it is being read.

use jiff::Timestamp;
use serde_json::Value;

use crate::code::Code;
use crate::fact::Fact;
use crate::member::Object;
use crate::reading::{Envelope, Notice, Reading, Refusal, Remark};
use crate::text::{self, quoted, shown};

/// An event whose envelope is known, and what was noticed so far.
pub(crate) struct Draft {
    pub(crate) envelope: Envelope,
    pub(crate) remarks: Vec<Remark>,
    /// What else the event came to: the parts of a push that are no facts.
    beside: Vec<Reading>,
}

impl Draft {
    pub(crate) fn new(envelope: Envelope, remarks: Vec<Remark>) -> Self {
        Self { envelope, remarks, beside: Vec::new() }
    }

    pub(crate) fn remark(&mut self, code: Code, what: impl Into<String>) {
        self.remarks.push(Remark { code, what: what.into() });
    }

    /// A part of the event that is no fact, while others are.
    pub(crate) fn aside(&mut self, refusal: Refusal, part: impl FnOnce() -> Option<String>) {
        self.beside.push(refusal.into_reading(Some(self.envelope.clone()), part));
    }

    /// A text that people wrote: kept in part, never trusted. What is no text is none.
    pub(crate) fn note(&mut self, object: &Object<'_>, name: &str) -> Result<Option<String>, Refusal> {
        let Some(text) = object.maybe(name)?.and_then(Value::as_str) else { return Ok(None) };
        let (note, cut) = shown(text, text::NOTE);
        if cut {
            self.remark(Code::TextTruncated, format!("`{}` has {} bytes", object.path(name), text.len()));
        }
        Ok(Some(note).filter(|note| !note.is_empty()))
    }

    pub(crate) fn time(&mut self, object: &Object<'_>, name: &str) -> Result<Option<Timestamp>, Refusal> {
        time(object, name, &mut self.remarks)
    }

    /// What the event came to: one reading, and those beside it. Nothing at all is not an answer: an event of which
    /// all parts were set aside has no fact.
    pub(crate) fn finish(self, outcome: Result<Option<Fact>, Refusal>, event: &Value) -> Vec<Reading> {
        let Self { envelope, remarks, mut beside } = self;
        match outcome {
            Ok(Some(fact)) => beside.insert(0, Reading::Read(Box::new(Notice { envelope, fact, remarks }))),
            Ok(None) => {}
            Err(refusal) => beside.insert(0, refusal.into_reading(Some(envelope), || Some(text::part(event)))),
        }
        beside
    }
}

/// A time; None with a remark when the text is none, as the time of arrival will do.
pub(crate) fn time(object: &Object<'_>, name: &str, remarks: &mut Vec<Remark>) -> Result<Option<Timestamp>, Refusal> {
    let text = match object.maybe(name)? {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => {
            let reason = format!("`{}` is no text; it should be a time", object.path(name));
            return Err(Refusal::quarantine(Code::ValueDate, reason));
        }
    };
    let time = text.parse().ok();
    if time.is_none() {
        let what = format!("`{}` is {}, which is no time", object.path(name), quoted(text));
        remarks.push(Remark { code: Code::ValueDate, what });
    }
    Ok(time)
}

/// Who did something: the name that tells people apart, else the id, else what is shown.
pub(crate) fn person(object: Option<Object<'_>>) -> Result<Option<String>, Refusal> {
    let Some(object) = object else { return Ok(None) };
    for name in ["uniqueName", "login", "id", "displayName", "name"] {
        if let Some(text) = object.maybe(name)?.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            return Ok(Some(shown(text, text::QUOTE).0));
        }
    }
    Ok(None)
}
