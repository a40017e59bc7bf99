//! Messages of AMQP, read as the service reads them.

use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
use fe2o3_amqp_types::messaging::{
    AmqpValue, ApplicationProperties, Body, Message as AmqpMessage, MessageId, Properties,
};
use fe2o3_amqp_types::primitives::{SimpleValue, Symbol, Value};
use jiff::Timestamp;

use super::namespace::PutToken;
use super::queues::Message;

const BATCH_FORMAT: u32 = 0x8001_3700;

/// The messages of one transfer; None: it cannot be read.
pub(super) fn messages(format: u32, payload: &[u8]) -> Option<Vec<Message>> {
    let envelope = read(payload)?;
    match (format, &envelope.body) {
        (BATCH_FORMAT, Body::Data(sections)) => {
            let messages: Option<Vec<_>> = sections.iter().map(|section| message(&read(&section.0)?)).collect();
            let messages = messages?;
            // A queue finds its place by the envelope.
            let outer = envelope.properties?;
            let first = messages.first()?;
            let is_labelled = outer.message_id == Some(MessageId::String(first.id.clone()));
            (is_labelled && outer.group_id == first.session).then_some(messages)
        }
        (0, Body::Data(_)) => Some(vec![message(&envelope)?]),
        _ => None,
    }
}

fn message(message: &AmqpMessage<Body<Value>>) -> Option<Message> {
    let properties = message.properties.as_ref()?;
    let Some(MessageId::String(id)) = &properties.message_id else { return None };
    let Body::Data(sections) = &message.body else { return None };
    let scheduled = message.message_annotations.as_ref().map(|annotations| {
        let mut annotations = annotations.0.iter();
        annotations.find_map(|(key, value)| match (key, value) {
            (key, Value::Timestamp(at)) if *key == "x-opt-scheduled-enqueue-time".into() => {
                Timestamp::from_millisecond(at.milliseconds()).ok()
            }
            _ => None,
        })
    });
    Some(Message {
        id: id.clone(),
        session: properties.group_id.clone(),
        content_type: properties.content_type.as_ref().map(|kind| kind.0.clone()),
        // Annotations that the service does not know are nothing that we send.
        scheduled_for: match scheduled {
            None => None,
            Some(at) => Some(at?),
        },
        body: sections.iter().flat_map(|section| section.0.iter().copied()).collect(),
    })
}

/// A request at `$cbs`, and the id that its answer is to have.
pub(super) fn put_token(payload: &[u8]) -> Option<(PutToken, MessageId)> {
    let request = read(payload)?;
    let Body::Value(AmqpValue(Value::String(token))) = request.body else { return None };
    let properties = request.application_properties?;
    let text = |name: &str| match properties.0.get(name) {
        Some(SimpleValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    if text("operation")? != "put-token" {
        return None;
    }
    let expires_at = match properties.0.get("expiration") {
        Some(SimpleValue::Timestamp(at)) => Timestamp::from_millisecond(at.milliseconds()).ok(),
        _ => None,
    };
    Some((
        PutToken { kind: text("type")?, audience: text("name")?, token, expires_at },
        request.properties?.message_id?,
    ))
}

/// The answer to such a request.
pub(super) fn token_answer(id: MessageId, status: u16, description: &str) -> Vec<u8> {
    let properties = ApplicationProperties::builder()
        .insert("status-code", i32::from(status))
        .insert("status-description", description)
        .build();
    let message = AmqpMessage::builder()
        .properties(Properties::builder().correlation_id(id).build())
        .application_properties(properties)
        .value(Value::Null)
        .build();
    serde_amqp::to_vec(&Serializable(message)).unwrap()
}

pub(super) fn error(condition: &str, description: &str) -> Error {
    let condition = ErrorCondition::Custom(Symbol::from(condition));
    Error { condition, description: Some(description.to_owned()), info: None }
}

fn read(payload: &[u8]) -> Option<AmqpMessage<Body<Value>>> {
    serde_amqp::from_slice::<Deserializable<AmqpMessage<Body<Value>>>>(payload).ok().map(|message| message.0)
}
