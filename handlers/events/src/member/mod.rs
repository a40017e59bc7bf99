//! The members of a JSON object, by name and type. What is wrong is told with its path. `null` is the same as absent.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::code::Code;
use crate::names::{ModelVersion, object_id};
use crate::reading::Refusal;
use crate::text::{misleads, shown};
use pipeline::names::CommitId;

/// An id or a name that is longer is none.
const LONGEST_NAME: usize = 1_024;
/// More labels than this on one thing help nobody.
const MOST_LABELS: usize = 64;

/// An object, and where in the body it is.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
    any_case: bool,
}

type Found<T> = Result<T, Refusal>;

impl<'a> Object<'a> {
    /// The object at a path; the path of a body's top is empty.
    pub(crate) fn at(path: impl Into<String>, value: &'a Value) -> Found<Self> {
        let path = path.into();
        match value {
            Value::Object(members) => Ok(Self { members, path, any_case: false }),
            other => Err(wrong(&path, "an object", other)),
        }
    }

    /// The object that is a whole document.
    pub(crate) fn top(value: &'a Value) -> Found<Self> {
        Self::at("", value).map_err(|refusal| Refusal { code: Code::ShapeTopLevel, ..refusal })
    }

    /// The same object, whose members are found whatever their case: Azure Machine Learning writes them both ways.
    pub(crate) fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// Where a member is.
    pub(crate) fn path(&self, name: &str) -> String {
        match (self.path.is_empty(), name.starts_with('[')) {
            (true, _) => name.to_owned(),
            (false, true) => format!("{}{name}", self.path),
            (false, false) => format!("{}.{name}", self.path),
        }
    }

    pub(crate) fn maybe(&self, name: &str) -> Found<Option<&'a Value>> {
        let found = if self.any_case {
            let mut same = self.members.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let first = same.next();
            if same.next().is_some() {
                let reason = format!("`{}` is there twice, in different case", self.path(name));
                return Err(Refusal::quarantine(Code::JsonDuplicateMember, reason));
            }
            first.map(|(_, value)| value)
        } else {
            self.members.get(name)
        };
        Ok(found.filter(|value| !value.is_null()))
    }

    pub(crate) fn value(&self, name: &str) -> Found<&'a Value> {
        self.maybe(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn missing(&self, name: &str) -> Refusal {
        Refusal::quarantine(Code::ShapeMissing, format!("`{}` is missing", self.path(name)))
    }

    /// A text of any length.
    pub(crate) fn maybe_text(&self, name: &str) -> Found<Option<&'a str>> {
        self.maybe(name)?
            .map(|value| value.as_str().ok_or_else(|| wrong(&self.path(name), "a text", value)))
            .transpose()
    }

    pub(crate) fn text(&self, name: &str) -> Found<&'a str> {
        self.maybe_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that names something: not empty, not long, without characters that mislead. Ids may be numbers.
    pub(crate) fn maybe_name(&self, name: &str) -> Found<Option<String>> {
        match self.maybe(name)? {
            None => Ok(None),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(Value::String(text)) => self.checked(name, text).map(Some),
            Some(other) => Err(wrong(&self.path(name), "a name", other)),
        }
    }

    pub(crate) fn name(&self, name: &str) -> Found<String> {
        self.maybe_name(name)?.ok_or_else(|| self.missing(name))
    }

    /// As [`Object::maybe_name`], where an empty text says that there is none.
    pub(crate) fn maybe_named(&self, name: &str) -> Found<Option<String>> {
        match self.maybe(name)? {
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            _ => self.maybe_name(name),
        }
    }

    /// This text, of a member or of a part of one, if it can be a name.
    pub(crate) fn checked(&self, name: &str, text: &str) -> Found<String> {
        let bad = |what: &str| Refusal::quarantine(Code::ShapeMember, format!("`{}` {what}", self.path(name)));
        if text.is_empty() {
            return Err(Refusal::quarantine(Code::ShapeMissing, format!("`{}` is empty", self.path(name))));
        }
        if text.len() > LONGEST_NAME {
            return Err(bad(&format!("has {} bytes; a name has at most {LONGEST_NAME}", text.len())));
        }
        if text.contains(misleads) { Err(bad("has control characters")) } else { Ok(text.to_owned()) }
    }

    /// A text with a grammar, refused with this code when it does not follow it.
    pub(crate) fn maybe_parsed<T: FromStr<Err: Display>>(&self, name: &str, code: Code) -> Found<Option<T>> {
        self.maybe_text(name)?.map(|text| self.parse(name, text, code)).transpose()
    }

    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, name: &str, code: Code) -> Found<T> {
        self.parse(name, self.text(name)?, code)
    }

    fn parse<T: FromStr<Err: Display>>(&self, name: &str, text: &str, code: Code) -> Found<T> {
        let refuse = |error: T::Err| {
            let error = shown(&error.to_string(), crate::text::NOTE).0;
            Refusal::quarantine(code, format!("`{}`: {error}", self.path(name)))
        };
        text.parse().map_err(refuse)
    }

    /// One of the words that a sender has for something; any other is a status that is not known.
    pub(crate) fn maybe_choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Found<Option<T>> {
        let Some(value) = self.maybe(name)? else { return Ok(None) };
        let known = value.as_str().and_then(|word| choices.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)));
        let unknown = || {
            let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            let found = shown(&value.to_string(), crate::text::QUOTE).0;
            let reason = format!("`{}` is {found}; known are {words}", self.path(name));
            Refusal::quarantine(Code::ValueStatus, reason)
        };
        known.map(|(_, meaning)| Some(*meaning)).ok_or_else(unknown)
    }

    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Found<T> {
        self.maybe_choice(name, choices)?.ok_or_else(|| self.missing(name))
    }

    /// A model's version, which is a number in one registry's events and a text in another's.
    pub(crate) fn version(&self, name: &str) -> Found<ModelVersion> {
        let text = match self.value(name)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            other => return Err(wrong(&self.path(name), "a version", other)),
        };
        // A number with a fraction is not a name that happens to have a dot.
        if self.value(name)?.is_f64() {
            let reason = format!("`{}` is {text}; versions are counted", self.path(name));
            return Err(Refusal::quarantine(Code::ValueRange, reason));
        }
        self.parse(name, &text, Code::ValueRange)
    }

    /// A git object's id; None when it is absent or zeros.
    pub(crate) fn maybe_commit(&self, name: &str) -> Found<Option<CommitId>> {
        let Some(text) = self.maybe_text(name)? else { return Ok(None) };
        object_id(text)
            .map_err(|error| Refusal::quarantine(Code::RefObjectId, format!("`{}`: {error}", self.path(name))))
    }

    pub(crate) fn maybe_number(&self, name: &str) -> Found<Option<u64>> {
        self.maybe(name)?.map(|value| self.count(name, value)).transpose()
    }

    pub(crate) fn number(&self, name: &str) -> Found<u64> {
        self.count(name, self.value(name)?)
    }

    fn count(&self, name: &str, value: &Value) -> Found<u64> {
        match value {
            Value::Number(number) => number.as_u64().ok_or_else(|| {
                let reason = format!("`{}` is {number}; it counts from 0", self.path(name));
                Refusal::quarantine(Code::ValueRange, reason)
            }),
            other => Err(wrong(&self.path(name), "a number", other)),
        }
    }

    pub(crate) fn decimal(&self, name: &str) -> Found<f64> {
        let value = self.value(name)?;
        value.as_f64().ok_or_else(|| wrong(&self.path(name), "a number", value))
    }

    pub(crate) fn maybe_flag(&self, name: &str) -> Found<Option<bool>> {
        self.maybe(name)?
            .map(|value| value.as_bool().ok_or_else(|| wrong(&self.path(name), "true or false", value)))
            .transpose()
    }

    pub(crate) fn maybe_object(&self, name: &str) -> Found<Option<Object<'a>>> {
        let Some(value) = self.maybe(name)? else { return Ok(None) };
        let object = Object::at(self.path(name), value)?;
        Ok(Some(Self { any_case: self.any_case, ..object }))
    }

    pub(crate) fn object(&self, name: &str) -> Found<Object<'a>> {
        self.maybe_object(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn maybe_list(&self, name: &str) -> Found<Option<&'a [Value]>> {
        self.maybe(name)?
            .map(|value| value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(&self.path(name), "a list", value)))
            .transpose()
    }

    /// One object of a list.
    pub(crate) fn item(&self, list: &str, index: usize, value: &'a Value) -> Found<Object<'a>> {
        Object::at(self.path(&format!("{list}[{index}]")), value)
    }

    /// Names and texts that people put on things. They are never more than texts: what is no text is left out.
    pub(crate) fn labels(&self, name: &str) -> Found<BTreeMap<String, String>> {
        let Some(object) = self.maybe_object(name)? else { return Ok(BTreeMap::new()) };
        let texts = object.members.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        Ok(texts
            .take(MOST_LABELS)
            .map(|(name, text)| (shown(name, crate::text::QUOTE).0, shown(text, crate::text::NOTE).0))
            .collect())
    }
}

fn wrong(path: &str, wanted: &str, found: &Value) -> Refusal {
    let path = if path.is_empty() { "the document" } else { path };
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Refusal::quarantine(Code::ShapeMember, format!("`{path}` is {found}; it should be {wanted}"))
}

#[cfg(test)]
mod tests;
