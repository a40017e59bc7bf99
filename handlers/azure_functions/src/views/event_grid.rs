//! The events of an Event Grid trigger, in either schema, as they were sent.
//!
//! The host went through every string that looks like a date: compare such strings as instants, never as text.
//!
//! Source: `sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid/src/TriggerBinding` in
//! `Azure/azure-sdk-for-net`.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{DecodeError, Invocation, Value};

/// One event, a JSON object: of the Event Grid schema, or a CloudEvent if it has `specversion`.
#[derive(Clone)]
pub struct EventGridEvent<'a>(Cow<'a, str>);

impl Invocation {
    /// Reads the invocation as events: one with `cardinality: "one"`, any number with `"many"`.
    ///
    /// # Errors
    ///
    /// When the trigger's value is neither an object nor an array.
    pub fn event_grid_events(&self) -> Result<Vec<EventGridEvent<'_>>, DecodeError> {
        let value = self.trigger()?;
        if value.json().starts_with('{') {
            return Ok(vec![EventGridEvent(Cow::Borrowed(value.json()))]);
        }
        let text = value.text();
        if text.starts_with('{') && serde_json::from_str::<&RawValue>(&text).is_ok() {
            return Ok(vec![EventGridEvent(text)]);
        }
        let events =
            value.elements().ok_or(DecodeError::UnexpectedValue { expected: "an event or an array of events" })?;
        let own = |event: Box<RawValue>| EventGridEvent(Cow::Owned(Box::<str>::from(event).into()));
        Ok(events.into_iter().map(own).collect())
    }
}

impl EventGridEvent<'_> {
    /// Returns the event's JSON text.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// Returns the event's id, by which a repeat is known.
    pub fn id(&self) -> Option<String> {
        self.text("id")
    }

    /// Returns the event's type: `eventType`, or a CloudEvent's `type`.
    pub fn event_type(&self) -> Option<String> {
        self.text("eventType").or_else(|| self.text("type"))
    }

    /// Says whether the event is a CloudEvent.
    pub fn is_cloud_event(&self) -> bool {
        Value::new(&self.0).members().get("specversion").is_some()
    }

    /// Reads the event; `T` may borrow from it.
    ///
    /// # Errors
    ///
    /// When the event is not a `T`.
    pub fn parse<'e, T: Deserialize<'e>>(&'e self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    fn text(&self, name: &str) -> Option<String> {
        let members = Value::new(&self.0).members();
        Some(members.get(name)?.inner_text()?.into_owned())
    }
}

/// Shows id and type alone.
impl fmt::Debug for EventGridEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventGridEvent")
            .field("id", &self.id())
            .field("type", &self.event_type())
            .finish_non_exhaustive()
    }
}
