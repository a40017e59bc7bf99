//! What every request must be like.

use serde_json::Value;

use super::API_VERSION;
use crate::{Asked, Told};

pub(super) fn refused(message: impl AsRef<str>) -> Told {
    Told::error(400, "UserError", message.as_ref())
}

pub(super) fn conflict(message: impl AsRef<str>) -> Told {
    Told::error(409, "Conflict", message.as_ref())
}

/// The version, the body's wrapping, and no null anywhere.
pub(super) fn check(asked: &Asked<'_>) -> Result<(), Told> {
    if asked.query.get("api-version").is_none_or(|version| version != API_VERSION) {
        let message = format!("The api-version is not {API_VERSION}.");
        return Err(Told::error(400, "InvalidApiVersionParameter", &message));
    }
    if asked.method == "PUT" && !asked.body["properties"].is_object() {
        return Err(refused("The body has no properties."));
    }
    match null_in(asked.body, String::new()) {
        Some(place) if !asked.bytes.is_empty() => Err(refused(format!("{place} is null, which it cannot be."))),
        _ => Ok(()),
    }
}

fn null_in(value: &Value, place: String) -> Option<String> {
    match value {
        Value::Null => Some(place),
        Value::Object(members) => members.iter().find_map(|(name, value)| null_in(value, format!("{place}/{name}"))),
        Value::Array(items) => items.iter().find_map(|value| null_in(value, format!("{place}/*"))),
        _ => None,
    }
}

/// A member that must be there and a text.
pub(super) fn text<'a>(properties: &'a Value, name: &str) -> Result<&'a str, Told> {
    let text = properties[name].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| refused(format!("{name} is required and a text.")))
}

/// Members that the service knows, and no others.
pub(super) fn only(properties: &Value, names: &[&str]) -> Result<(), Told> {
    let members = properties.as_object().into_iter().flat_map(|members| members.keys());
    match members.into_iter().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(refused(format!("{name} is not known, or read-only."))),
        None => Ok(()),
    }
}

/// Members that cannot change once they are there.
pub(super) fn unchanged(held: &Value, wanted: &Value, names: &[&str]) -> Result<(), Told> {
    match names.iter().find(|name| held[**name] != wanted[**name]) {
        Some(name) => Err(conflict(format!("{name} cannot be changed: the name is taken already."))),
        None => Ok(()),
    }
}

/// Tags and properties are texts.
pub(super) fn texts(properties: &Value) -> Result<(), Told> {
    for name in ["tags", "properties", "environmentVariables"] {
        let members = properties[name].as_object().into_iter().flatten();
        for (member, value) in members {
            if !value.is_string() {
                return Err(refused(format!("{name}.{member} is no text.")));
            }
        }
    }
    Ok(())
}
