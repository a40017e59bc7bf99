//! A message of a Service Bus queue, as a trigger with `dataType: "binary"` and `cardinality: "one"` passes it on.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{
    Call,
    json::{DateForm, push_date, push_guid, push_number, push_quoted, push_string},
};

/// What the broker says of a message.
#[derive(Clone, Copy, Debug)]
pub struct QueueMessage<'a> {
    /// The body.
    pub body: &'a [u8],
    /// The broker's host name.
    pub namespace: &'a str,
    /// The receiver's name for itself.
    pub client: &'a str,
    /// The number of this delivery, from 1.
    pub delivery_count: u32,
    /// The queue that gave the message up.
    pub dead_letter_source: Option<&'a str>,
    /// What settles the message.
    pub lock_token: u128,
    /// When the message goes away by itself; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When the queue took it.
    pub enqueued_at: Timestamp,
    /// The sender's id.
    pub message_id: &'a str,
    /// What the body is.
    pub content_type: Option<&'a str>,
    /// The number that the broker gave to it.
    pub sequence_number: i64,
    /// The application properties.
    pub properties: &'a [(&'a str, &'a str)],
    /// The session.
    pub session_id: Option<&'a str>,
}

impl Call<'_> {
    /// Renders a message of a queue.
    pub fn message(&self, message: &QueueMessage<'_>) -> String {
        let mut out = self.open(message.body.len() * 4 / 3 + 1280);
        out.push('"');
        STANDARD.encode_string(message.body, &mut out);
        out.push_str(
            r#""},"Metadata":{"MessageReceiver":{},"MessageSession":{},"MessageActions":{},"SessionActions":{},"ReceiveActions":{},"Client":{"FullyQualifiedNamespace":"#,
        );
        push_string(&mut out, message.namespace);
        out.push_str(r#","IsClosed":false,"TransportType":0,"Identifier":"#);
        push_string(&mut out, message.client);
        out.push_str(r#"},"DeliveryCount":""#);
        push_number(&mut out, i64::from(message.delivery_count));
        out.push('"');
        push_member(&mut out, r#","DeadLetterSource":"#, message.dead_letter_source);
        out.push_str(r#","LockToken":"\""#);
        push_guid(&mut out, message.lock_token);
        out.push_str(r#"\"","ExpiresAtUtc":"#);
        push_expiry(&mut out, message.expires_at, DateForm::Bare);
        out.push_str(r#","ExpiresAt":"#);
        push_expiry(&mut out, message.expires_at, DateForm::Offset);
        out.push_str(r#","EnqueuedTimeUtc":"#);
        push_date(&mut out, message.enqueued_at, DateForm::Bare);
        out.push_str(r#","EnqueuedTime":"#);
        push_date(&mut out, message.enqueued_at, DateForm::Offset);
        push_member(&mut out, r#","MessageId":"#, Some(message.message_id));
        push_member(&mut out, r#","ContentType":"#, message.content_type);
        out.push_str(r#","SequenceNumber":""#);
        push_number(&mut out, message.sequence_number);
        out.push('"');
        for name in [r#","ApplicationProperties":"#, r#","UserProperties":"#] {
            out.push_str(name);
            push_properties(&mut out, message.properties);
        }
        push_member(&mut out, r#","SessionId":"#, message.session_id);
        out.push(',');
        self.close(out, "sys")
    }
}

fn push_member(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push_str(name);
        push_quoted(out, value);
    }
}

/// Without an expiry, .NET's last second stands there.
fn push_expiry(out: &mut String, expires_at: Option<Timestamp>, form: DateForm) {
    match (expires_at, form) {
        (Some(time), form) => push_date(out, time, form),
        (None, DateForm::Bare) => out.push_str(r#""9999-12-31T23:59:59""#),
        (None, _) => out.push_str(r#""9999-12-31T23:59:59+00:00""#),
    }
}

fn push_properties(out: &mut String, properties: &[(&str, &str)]) {
    out.push('{');
    for (at, (name, value)) in properties.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push_string(out, value);
    }
    out.push('}');
}
