//! A message of a Service Bus queue or topic, or many of them.
//!
//! Declare the trigger with `dataType: "binary"`: the body then arrives as its exact bytes. As text it arrives twice,
//! the second time spread over `Metadata`, where a member named `MessageId` stands instead of the broker's.
//!
//! Source: `ServiceBusTriggerBindingStrategy.cs` in
//! `sdk/servicebus/Microsoft.Azure.WebJobs.Extensions.ServiceBus/src/Triggers` of `Azure/azure-sdk-for-net`.

use std::{borrow::Cow, sync::OnceLock};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, value::RawValue};

use crate::{DecodeError, Invocation, Members, Value};

/// One message. Nothing in it is decoded before it is asked for.
#[derive(Clone, Debug)]
pub struct ServiceBusMessage<'a> {
    body: Value<'a>,
    metadata: Value<'a>,
    members: OnceLock<Members<'a>>,
}

impl Invocation {
    /// Reads the invocation as one Service Bus message (`cardinality: "one"`).
    ///
    /// # Errors
    ///
    /// When there is no trigger value.
    pub fn service_bus_message(&self) -> Result<ServiceBusMessage<'_>, DecodeError> {
        Ok(ServiceBusMessage { body: self.trigger()?, metadata: self.metadata_value(), members: OnceLock::new() })
    }
}

impl<'a> ServiceBusMessage<'a> {
    /// Returns the body: with `dataType: "binary"` its exact bytes, else its text in UTF-8.
    pub fn body(&self) -> Cow<'a, [u8]> {
        self.body.bytes()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, or not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body())
    }

    /// Says whether the metadata are the broker's own. If not, a JSON body may have replaced any of them.
    pub fn has_trusted_metadata(&self) -> bool {
        self.body.base64().is_some()
    }

    /// Returns `MessageId`, the key for telling a redelivery from news.
    pub fn message_id(&self) -> Option<Cow<'a, str>> {
        self.metadata().text("MessageId")
    }

    /// Returns the number of this delivery, from 1.
    pub fn delivery_count(&self) -> u32 {
        self.number("DeliveryCount").unwrap_or(1)
    }

    /// Returns the number that the broker gave to the message.
    pub fn sequence_number(&self) -> Option<i64> {
        self.number("SequenceNumber")
    }

    /// Returns when the broker took the message, in whole seconds.
    pub fn enqueued_time(&self) -> Option<Timestamp> {
        let mut names = ["EnqueuedTime", "EnqueuedTimeUtc"].into_iter();
        names.find_map(|name| self.metadata().get(name)?.time())
    }

    /// Returns `SessionId`.
    pub fn session_id(&self) -> Option<Cow<'a, str>> {
        self.metadata().text("SessionId")
    }

    /// Returns `CorrelationId`.
    pub fn correlation_id(&self) -> Option<Cow<'a, str>> {
        self.metadata().text("CorrelationId")
    }

    /// Returns `Subject`, which older software calls `Label`.
    pub fn subject(&self) -> Option<Cow<'a, str>> {
        let label = || self.metadata().text("Label");
        self.metadata().text("Subject").or_else(label)
    }

    /// Returns `ContentType`.
    pub fn content_type(&self) -> Option<Cow<'a, str>> {
        self.metadata().text("ContentType")
    }

    /// Returns the queue that gave the message up, of a message from a dead-letter queue.
    pub fn dead_letter_source(&self) -> Option<Cow<'a, str>> {
        self.metadata().text("DeadLetterSource")
    }

    /// Returns the application properties; why a message was dead-lettered is in `DeadLetterReason` of these.
    pub fn application_properties(&self) -> Map<String, serde_json::Value> {
        let mut names = ["ApplicationProperties", "UserProperties"].into_iter();
        names.find_map(|name| self.metadata().get(name)?.parse().ok()).unwrap_or_default()
    }

    /// Returns all metadata, for what has no method here.
    pub fn metadata(&self) -> &Members<'a> {
        self.members.get_or_init(|| self.metadata.members())
    }

    fn number<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.metadata().get(name)?.parse().ok()
    }
}

/// How `function.json` says that the bodies of a batch are passed; the request itself does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEncoding {
    /// `dataType: "binary"`.
    Binary,
    /// `dataType: "string"`.
    String,
    /// No `dataType`: each body is JSON.
    Json,
}

/// One message of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchMessage {
    /// The body.
    pub body: Vec<u8>,
    /// `MessageId`.
    pub message_id: Option<String>,
    /// The number of this delivery, from 1.
    pub delivery_count: u32,
    /// When the broker took the message.
    pub enqueued_time: Option<Timestamp>,
    /// `SessionId`.
    pub session_id: Option<String>,
    /// `CorrelationId`.
    pub correlation_id: Option<String>,
    /// The application properties.
    pub application_properties: Map<String, serde_json::Value>,
}

impl Invocation {
    /// Reads the invocation as many Service Bus messages (`cardinality: "many"`).
    ///
    /// # Errors
    ///
    /// When the trigger's value is not an array.
    pub fn service_bus_batch(&self, encoding: BatchEncoding) -> Result<Vec<BatchMessage>, DecodeError> {
        let bodies =
            self.trigger()?.elements().ok_or(DecodeError::UnexpectedValue { expected: "an array of messages" })?;
        let metadata = self.metadata();
        let column = |name| Column(metadata.get(name).and_then(Value::elements));
        let ids = column("MessageIdArray");
        let counts = column("DeliveryCountArray");
        let times = column("EnqueuedTimeArray");
        let sessions = column("SessionIdArray");
        let correlations = column("CorrelationIdArray");
        let properties = column("ApplicationPropertiesArray");
        let message = |(row, body): (usize, &RawValue)| BatchMessage {
            body: decode(body, encoding),
            message_id: ids.cell(row),
            delivery_count: counts.cell(row).unwrap_or(1),
            enqueued_time: times.value(row).and_then(Value::time),
            session_id: sessions.cell(row),
            correlation_id: correlations.cell(row),
            application_properties: properties.cell(row).unwrap_or_default(),
        };
        let bodies = bodies.iter().map(|body| &**body);
        Ok(bodies.enumerate().map(message).collect())
    }
}

/// One member of a batch's metadata: an array with a cell for each message.
struct Column(Option<Vec<Box<RawValue>>>);

impl Column {
    fn value(&self, row: usize) -> Option<Value<'_>> {
        Some(Value::new(self.0.as_ref()?.get(row)?.get()))
    }

    fn cell<T: DeserializeOwned>(&self, row: usize) -> Option<T> {
        serde_json::from_str(self.value(row)?.json()).ok()
    }
}

fn decode(body: &RawValue, encoding: BatchEncoding) -> Vec<u8> {
    let value = Value::new(body.get());
    let text = || value.inner_text().unwrap_or_default().into_owned();
    match encoding {
        BatchEncoding::Binary => value.base64().unwrap_or_else(|| text().into_bytes()),
        BatchEncoding::String => text().into_bytes(),
        BatchEncoding::Json => body.get().as_bytes().to_vec(),
    }
}
