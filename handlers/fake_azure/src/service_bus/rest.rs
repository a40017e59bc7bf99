//! The namespace over HTTP.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::queues::{Message, Queues, Refusal};
use super::signature;
use crate::{Asked, Told};

const BATCH: &str = "application/vnd.microsoft.servicebus.json";
/// Bytes of a request.
const BYTES_MAX: usize = 256 << 10;
/// What a sender may say of a message.
const PROPERTIES: [&str; 4] = ["ContentType", "MessageId", "ScheduledEnqueueTimeUtc", "SessionId"];

/// A namespace.
#[derive(Debug, Default)]
pub struct Rest {
    pub queues: Queues,
}

impl Rest {
    pub fn answer(&mut self, asked: &Asked<'_>) -> Told {
        let ("POST", [queue, "messages"]) = (asked.method, &asked.segments()[..]) else {
            return error(404, "40400: Endpoint not found.");
        };
        let authorization = asked.header("authorization");
        if authorization.starts_with("SharedAccessSignature") {
            let audience = format!("sb://{}/{queue}", asked.host);
            if let Err(why) = signature::check(authorization, &audience, asked.now) {
                return error(401, &why);
            }
        } else if !authorization.starts_with("Bearer ") {
            return error(401, "40100: claim 'Send' is required");
        }
        if asked.bytes.len() > BYTES_MAX {
            return error(403, "40302: the message is too large");
        }
        let messages = match asked.header("content-type") {
            "" => return error(400, "40000: no content type"),
            BATCH => asked.body.as_array().map(|list| list.iter().map(of_batch).collect()).unwrap_or_default(),
            content_type => {
                let properties = serde_json::from_str(asked.header("brokerproperties")).unwrap_or_default();
                vec![message(&properties, Some(content_type), asked.bytes.to_vec())]
            }
        };
        let messages: Option<Vec<Message>> = messages.into_iter().collect();
        match messages.filter(|messages| !messages.is_empty()) {
            None => error(400, "40000: a message cannot be read"),
            Some(messages) => match self.queues.take(queue, messages, asked.now) {
                Ok(()) => Told::empty(201),
                Err(Refusal { status, description, .. }) => error(status, &description),
            },
        }
    }
}

fn of_batch(member: &Value) -> Option<Message> {
    let properties = &member["BrokerProperties"];
    message(properties, properties["ContentType"].as_str(), member["Body"].as_str()?.into())
}

fn message(properties: &Value, content_type: Option<&str>, body: Vec<u8>) -> Option<Message> {
    let members = properties.as_object()?;
    if members.iter().any(|(name, value)| !PROPERTIES.contains(&name.as_str()) || !value.is_string()) {
        return None;
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let scheduled_for = match text("ScheduledEnqueueTimeUtc") {
        None => None,
        Some(date) if date.ends_with(" GMT") => Some(DateTimeParser::new().parse_timestamp(&date).ok()?),
        Some(_) => return None,
    };
    let content_type = content_type.map(str::to_owned);
    Some(Message { id: text("MessageId")?, session: text("SessionId"), content_type, scheduled_for, body })
}

/// The service's own form.
fn error(status: u16, detail: &str) -> Told {
    let id = Timestamp::UNIX_EPOCH;
    let text = format!("<Error><Code>{status}</Code><Detail>{detail} TrackingId:{id}</Detail></Error>");
    Told::bytes(status, "application/xml; charset=utf-8", text)
}
