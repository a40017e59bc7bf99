//! One value as the host wrote it, and the lenient ways of reading it.
//!
//! The host quotes what it sends by rules of its own: an object goes as it is, bytes go as base64, and everything else
//! goes as JSON text *inside* a JSON string, so that the text `abc` arrives as `"\"abc\""` and the number 3 as `"3"`.
//! Older hosts, other hosts and the documentation's samples quote less. Each reading here takes all of them.
//!
//! Nothing is copied or decoded before it is asked for: a [`Value`] is a slice of the request's body.
//!
//! Source: `src/WebJobs.Script/Workers/MessageExtensions/ScriptInvocationContextExtensions.cs` in
//! `Azure/azure-functions-host`.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// One value of an invocation, not yet decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    /// Takes `json`, the text of one JSON value.
    pub(crate) fn new(json: &'a str) -> Self {
        Self(json)
    }

    /// Returns the JSON text, as it was sent.
    pub fn json(self) -> &'a str {
        self.0
    }

    /// Says whether the value is null, in either of the host's spellings.
    pub fn is_null(self) -> bool {
        matches!(self.0, "null" | "\"null\"")
    }

    /// Returns the text: unquoted twice, or once if it was quoted once, or else the JSON text.
    pub fn text(self) -> Cow<'a, str> {
        let Some(once) = unquote(self.0) else {
            return Cow::Borrowed(self.0);
        };
        match unquote(&once).map(Cow::into_owned) {
            Some(twice) => Cow::Owned(twice),
            None => once,
        }
    }

    /// Returns the bytes: of base64 what it encodes, of anything else the text in UTF-8.
    ///
    /// A string that is quoted once and happens to be valid base64 counts as base64: the host quotes a text twice.
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self.base64() {
            Some(bytes) => Cow::Owned(bytes),
            None => match self.text() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// Returns what the value encodes, if it is a base64 string, which is how the host sends bytes.
    pub fn base64(self) -> Option<Vec<u8>> {
        STANDARD.decode(&*unquote(self.0)?).ok()
    }

    /// Reads the text as JSON or, failing that, takes it as a plain string.
    ///
    /// # Errors
    ///
    /// When neither of the two is a `T`.
    pub fn parse<T: DeserializeOwned>(self) -> serde_json::Result<T> {
        let text = self.text();
        serde_json::from_str(&text)
            .or_else(|error| serde_json::from_value(serde_json::Value::String(text.into_owned())).map_err(|_| error))
    }

    /// Reads a time; one without a zone is in UTC. `None` also for .NET's `MaxValue`, which means "never".
    pub fn time(self) -> Option<Timestamp> {
        let text = self.text();
        text.parse().ok().or_else(|| {
            let civil: DateTime = text.parse().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()
        })
    }

    /// Returns the members, none if the value is not an object.
    pub fn members(self) -> Members<'a> {
        serde_json::from_str(self.0).unwrap_or_default()
    }

    /// Returns the text of a value that lies inside an object, where the host quotes once, as JSON has it.
    pub(crate) fn inner_text(self) -> Option<Cow<'a, str>> {
        match self.0 {
            "null" => None,
            json => Some(unquote(json).unwrap_or(Cow::Borrowed(json))),
        }
    }

    /// Splits an array, also one that is JSON text in a string. `None` if it is neither.
    pub(crate) fn elements(self) -> Option<Vec<Box<RawValue>>> {
        serde_json::from_str(&self.text()).ok()
    }
}

/// Shows the size alone: values hold secrets, and logs should not.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

/// The members of an object, in the order in which they were sent, each not yet decoded.
#[derive(Clone, Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Members<'a> {
    /// Finds a member; names compare without case, as the host's do.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let mut all = self.iter();
        all.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Iterates over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// Finds a member that is a text; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.get(name)?.text();
        (!text.is_empty()).then_some(text)
    }
}

/// Takes an object; anything else has no members.
impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name.0, Value(value.get())));
                }
                Ok(Members(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Members::default())
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Members::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Members::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Members::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Members::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Members::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Members::default())
            }
        }

        deserializer.deserialize_any(MembersVisitor)
    }
}

/// A JSON string, borrowed when nothing in it is escaped. Half a surrogate pair becomes a replacement character.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                // Nearly always it is whole, and seeing that is quicker than looking for what is not.
                Ok(Text(str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }

        // As bytes, because as a string serde_json refuses half a surrogate pair, which .NET may well send.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// Returns the text of a JSON string, `None` if `json` is not exactly one.
fn unquote(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'_>>(json).ok().map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_however_it_was_quoted() {
        for (json, text) in [
            (r#""\"abc\"""#, "abc"),
            (r#""abc""#, "abc"),
            (r#""\"{\\\"a\\\":1}\"""#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#""3""#, "3"),
            ("3", "3"),
            (r#""\"a\" and \"b\"""#, r#""a" and "b""#),
            (r#""\"\"""#, ""),
            (r#""\ud800""#, "\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(Value(json).text(), text, "{json}");
        }
    }

    #[test]
    fn bytes_are_base64_unless_the_string_is_quoted_twice() {
        for (json, bytes) in [
            (r#""aGk=""#, "hi"),
            (r#""\"aGk=\"""#, "aGk="),
            (r#""not base64""#, "not base64"),
            (r#""""#, ""),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(Value(json).bytes(), bytes.as_bytes(), "{json}");
        }
    }

    #[test]
    fn numbers_texts_and_objects_parse_however_they_were_quoted() {
        for json in ["3", r#""3""#, r#""\"3\"""#] {
            assert_eq!(Value(json).parse::<u32>().unwrap(), 3, "{json}");
        }
        for json in [r#""abc""#, r#""\"abc\"""#] {
            assert_eq!(Value(json).parse::<String>().unwrap(), "abc", "{json}");
        }
        for json in ["[1,2]", r#""[1,2]""#] {
            assert_eq!(Value(json).parse::<Vec<u8>>().unwrap(), [1, 2], "{json}");
        }
        assert!(Value(r#""abc""#).parse::<u32>().is_err());
    }

    #[test]
    fn a_time_without_a_zone_is_in_utc() {
        let noon: Timestamp = "2026-03-17T12:00:00Z".parse().unwrap();
        for json in [
            r#""2026-03-17T12:00:00""#,
            r#""2026-03-17T12:00:00+00:00""#,
            r#""2026-03-17T14:00:00+02:00""#,
            r#""\"2026-03-17T12:00:00.000\"""#,
        ] {
            assert_eq!(Value(json).time(), Some(noon), "{json}");
        }
        assert_eq!(Value(r#""9999-12-31T23:59:59+00:00""#).time(), None);
        assert_eq!(Value(r#""03/17/2026 12:00:00""#).time(), None);
    }

    #[test]
    fn members_are_found_without_case_and_without_copying() {
        let json = r#"{"A":{"b":[1]},"c\u0064":null}"#;
        let members = Value(json).members();
        assert_eq!(members.get("a").unwrap().json(), r#"{"b":[1]}"#);
        assert!(members.get("cd").unwrap().is_null());
        assert!(members.get("e").is_none());
        for other in ["[{}]", "1", "-1", "1.5", "true", "null", r#""x""#, ""] {
            assert_eq!(Value(other).members().iter().count(), 0, "{other}");
        }
    }
}
