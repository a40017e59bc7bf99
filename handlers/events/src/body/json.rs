//! JSON that means one thing: no name twice, no number that does not fit, nothing after the document.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::code::Code;
use crate::reading::Refusal;
use crate::text::quoted;

/// An object is heavy, however little is in it.
const OBJECT: usize = 4;
/// What one body may hold, an object counting for more: the largest batch of Event Grid has a third of it. It bounds
/// the memory of bodies that are all brackets, of which 2 MB would become hundreds.
const MOST_VALUES: usize = 500_000;

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Value, Refusal> {
    if text.is_empty() {
        return Err(Refusal::quarantine(Code::BodyEmpty, "the body is empty"));
    }
    let budget = Budget { left: Cell::new(MOST_VALUES), why: Cell::new(None) };
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Strict(&budget).deserialize(&mut parser).map_err(|error| refuse(&error, budget.why.get()))?;
    parser.end().map_err(|error| {
        let reason = format!("the document ends and something follows: {error}");
        Refusal::quarantine(Code::JsonTrailing, reason)
    })?;
    if value.is_object() || value.is_array() {
        Ok(value)
    } else {
        let reason = "the document is a single value; it should be an object or a list";
        Err(Refusal::quarantine(Code::ShapeTopLevel, reason))
    }
}

/// Parses a string that is the whole document.
pub(super) fn string(text: &str) -> Result<String, Refusal> {
    serde_json::from_str(text).map_err(|error| refuse(&error, None))
}

fn refuse(error: &serde_json::Error, why: Option<Code>) -> Refusal {
    let told = error.to_string();
    // serde_json tells these two apart by their words only; a test holds on to them.
    let code = if let Some(why) = why {
        why
    } else if told.starts_with("recursion limit exceeded") {
        Code::JsonDepth
    } else if told.starts_with("number out of range") {
        Code::ValueRange
    } else if told.starts_with("trailing characters") {
        Code::JsonTrailing
    } else {
        Code::JsonSyntax
    };
    Refusal::quarantine(code, told)
}

/// What is left to allocate, and what stopped the parser when it was not the syntax.
struct Budget {
    left: Cell<usize>,
    why: Cell<Option<Code>>,
}

impl Budget {
    fn spend<E: serde::de::Error>(&self, cost: usize) -> Result<(), E> {
        match self.left.get().checked_sub(cost) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.stop(Code::BodyTooLarge, format_args!("the document has more than {MOST_VALUES} values"))),
        }
    }

    fn stop<E: serde::de::Error>(&self, code: Code, what: fmt::Arguments<'_>) -> E {
        self.why.set(Some(code));
        E::custom(what)
    }
}

#[derive(Clone, Copy)]
struct Strict<'a>(&'a Budget);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.spend(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.spend(OBJECT)?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let what = format!("{} is there twice in one object", quoted(&name));
                return Err(self.0.stop(Code::JsonDuplicateMember, format_args!("{what}")));
            }
            let member = members.next_value_seed(self)?;
            object.insert(name, member);
        }
        Ok(object.into())
    }
}
