//! One request of the host: a function's name, the invocation's id, `Data` and `Metadata`.
//!
//! Parsing finds where each value lies in the body and decodes none of them: most functions look at one or two of some
//! thirty. The views, one for each trigger, are in [`crate::views`].

use std::{fmt, ops::Range, str, sync::Arc};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Unexpected, Visitor},
};
use serde_json::value::RawValue;

use crate::value::{Members, Text, Value};

/// One invocation of one function.
#[derive(Clone)]
pub struct Invocation {
    function: Arc<str>,
    id: String,
    body: Bytes,
    data: Vec<(String, Range<usize>)>,
    metadata: Range<usize>,
}

/// What is wrong with an invocation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body is not UTF-8.
    #[error("the invocation's body is not UTF-8")]
    NotUtf8(#[from] str::Utf8Error),
    /// The body is not a JSON object.
    #[error("the invocation's body is not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
    /// `Data` is empty, so there is no trigger value.
    #[error("the invocation has no trigger value")]
    NoTriggerValue,
    /// The trigger value is not what this view reads.
    #[error("the trigger value is not {expected}")]
    UnexpectedValue {
        /// What the view reads.
        expected: &'static str,
    },
}

/// Where an invocation stands in the host's own retries, which exist only under a retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryContext {
    /// How many attempts went before this one.
    pub retry_count: u32,
    /// How many attempts may follow the first, `None` for no end.
    pub max_retry_count: Option<u32>,
}

impl Invocation {
    /// Parses the body of the host's request.
    ///
    /// # Errors
    ///
    /// When the body is not a JSON object. Unknown members are ignored, missing ones are tolerated.
    pub fn parse(
        function: impl Into<Arc<str>>,
        id: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Result<Self, DecodeError> {
        let mut body = body.into();
        if body.starts_with(b"\xef\xbb\xbf") {
            body = body.slice(3..);
        }
        let text = str::from_utf8(&body)?;
        let envelope: Envelope<'_> = serde_json::from_str(text)?;
        let place = |value: &str| {
            let start = value.as_ptr().addr() - text.as_ptr().addr();
            start..start + value.len()
        };
        let members = envelope.data.iter();
        let data = members.map(|(name, value)| (name.to_owned(), place(value.json()))).collect();
        let metadata = envelope.metadata.map_or(0..0, place);
        Ok(Self { function: function.into(), id: id.into(), data, metadata, body })
    }

    /// Returns the name of the function.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Returns the host's id of this invocation, for logs.
    ///
    /// It is empty if the caller sent none, and it is no key: a redelivery has another one, a retry the same one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the trigger's value, which is the first of `Data`.
    ///
    /// # Errors
    ///
    /// When `Data` is empty.
    pub fn trigger(&self) -> Result<Value<'_>, DecodeError> {
        let (_, place) = self.data.first().ok_or(DecodeError::NoTriggerValue)?;
        Ok(self.value(place))
    }

    /// Returns the value of the input binding `name`, the trigger's included.
    pub fn data(&self, name: &str) -> Option<Value<'_>> {
        let (_, place) = self.data.iter().find(|(key, _)| key == name)?;
        Some(self.value(place))
    }

    /// Reads the names and the places of all of `Metadata`; the views do it, once each.
    ///
    /// Under a trigger that passes text, the sender of a JSON object decides what is in here, whatever the names say.
    pub fn metadata(&self) -> Members<'_> {
        self.metadata_value().members()
    }

    /// Returns all of `Metadata` as it came.
    pub(crate) fn metadata_value(&self) -> Value<'_> {
        self.value(&self.metadata)
    }

    /// Returns where this attempt stands under the host's retry policy, `None` without one.
    pub fn retry_context(&self) -> Option<RetryContext> {
        let context = self.metadata().get("RetryContext")?.members();
        Some(RetryContext {
            retry_count: context.get("RetryCount")?.parse().ok()?,
            max_retry_count: context.get("MaxRetryCount")?.parse().ok(),
        })
    }

    fn value(&self, place: &Range<usize>) -> Value<'_> {
        let json = str::from_utf8(&self.body[place.clone()]);
        Value::new(json.expect("`parse` has checked that the body is UTF-8"))
    }
}

/// Shows the names alone: bodies hold secrets, and logs should not.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data: Vec<_> = self.data.iter().map(|(name, _)| name).collect();
        f.debug_struct("Invocation")
            .field("function", &self.function)
            .field("id", &self.id)
            .field("data", &data)
            .finish_non_exhaustive()
    }
}

/// The two members of the body.
#[derive(Default)]
struct Envelope<'a> {
    data: Members<'a>,
    metadata: Option<&'a str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvelopeVisitor;

        impl<'de> Visitor<'de> for EnvelopeVisitor {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `Data` and `Metadata`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut envelope = Envelope::default();
                while let Some(Text(name)) = map.next_key()? {
                    if name.eq_ignore_ascii_case("Data") {
                        envelope.data = map.next_value()?;
                    } else if name.eq_ignore_ascii_case("Metadata") {
                        envelope.metadata = Some(map.next_value::<&'de RawValue>()?.get());
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(envelope)
            }

            /// An error would show all of the text, and errors are logged.
            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(E::invalid_type(Unexpected::Other("a string"), &self))
            }
        }

        // As anything: asked for a map, serde_json makes the error of a string by itself.
        deserializer.deserialize_any(EnvelopeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_unknown_does_no_harm() {
        for body in [
            "{}",
            r#"{"Data":null}"#,
            r#"{"Data":[1,{"a":2}],"Metadata":"x"}"#,
            r#"{"Metadata":[]}"#,
            r#"{"Data":{},"Metadata":{},"More":{"deep":[[[]]]}}"#,
            "\u{feff}{}",
        ] {
            let invocation = Invocation::parse("f", "", body).unwrap();
            assert!(invocation.trigger().is_err(), "{body}");
            assert_eq!(invocation.metadata().iter().count(), 0, "{body}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "null", "[]", "\"{}\"", "{", "{}{}", "{\"Data\":{}"] {
            assert!(Invocation::parse("f", "", body).is_err(), "{body}");
        }
        assert!(Invocation::parse("f", "", &b"{\"Data\":\"\xff\"}"[..]).is_err());
    }

    #[test]
    fn an_error_shows_nothing_of_the_body() {
        let error = Invocation::parse("f", "", r#""c2VjcmV0 \u001b[2J""#).unwrap_err().to_string();
        assert!(error.contains("invalid type: a string") && !error.contains("c2VjcmV0"), "{error}");
    }

    #[test]
    fn nesting_deeper_than_any_stack_is_only_bytes() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let body = format!(r#"{{"Data":{{"a":{deep}}},"Metadata":{{"b":{deep}}}}}"#);
        let invocation = Invocation::parse("f", "", body).unwrap();
        assert_eq!(invocation.trigger().unwrap().json(), deep);
        assert_eq!(invocation.metadata().get("b").unwrap().json(), deep);
    }

    #[test]
    fn debug_shows_no_values() {
        let body = r#"{"Data":{"message":"c2VjcmV0"},"Metadata":{"MessageId":"\"secret\""}}"#;
        let shown = format!("{:?}", Invocation::parse("train", "42", body).unwrap());
        assert_eq!(shown, r#"Invocation { function: "train", id: "42", data: ["message"], .. }"#);
    }
}
