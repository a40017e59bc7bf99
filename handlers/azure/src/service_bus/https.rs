//! Messages over REST. One is sent as it is, several of a lot as a batch.

use std::sync::Arc;

use futures::future::join_all;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runner::ports::{Clock, Parcel, Result};
use serde_json::{Map, Value, json};

use super::lots::{Lot, cut};
use super::{BATCH_COUNT_MAX, CONTENT_TYPE, SEND, SERVICE, ServiceBusSettings, gone, too_large};
use crate::credential::Credential;
use crate::http::{self, Body, Call, CallError, Client, Kind, Patience, Transport};

/// A list of messages, each with its properties.
const BATCH: &str = "application/vnd.microsoft.servicebus.json";
/// Bytes that a message may take beside its body and what is counted.
const OVERHEAD: usize = 1 << 10;

/// A namespace over REST.
#[derive(Debug)]
pub(super) struct Https {
    client: Client,
    base: Url,
    namespace: String,
    bytes_max: usize,
}

impl Https {
    pub fn new(settings: ServiceBusSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let namespace = settings.namespace;
        let base = settings.base.unwrap_or_else(|| format!("https://{namespace}"));
        let base = http::address("the address of Service Bus", &base)?;
        let transport = Transport::to(&[&base], settings.timeout_secs);
        let client =
            Client::new(SERVICE, transport, HeaderMap::new(), credential, clock).with_patience(Patience::SHORT);
        Ok(Self { client, base, namespace, bytes_max: settings.message_bytes_max })
    }

    /// Sends all, each lot in order. Nothing is sent when one message is too large.
    pub async fn send(&self, lots: &[Lot]) -> Result<(), CallError> {
        for parcel in lots.iter().flat_map(|lot| &lot.parcels) {
            let bytes = parcel.body.len() + properties(parcel).to_string().len();
            if bytes > self.bytes_max {
                return Err(too_large(parcel, bytes, self.bytes_max, &self.namespace));
            }
        }
        join_all(lots.iter().map(|lot| self.deliver(lot))).await.into_iter().collect()
    }

    async fn deliver(&self, lot: &Lot) -> Result<(), CallError> {
        let messages: Vec<_> = lot.parcels.iter().map(message).collect();
        let sizes: Vec<_> = messages.iter().map(|message| message.to_string().len() + 1).collect();
        let budget = self.bytes_max.saturating_sub(OVERHEAD);
        for run in cut(&sizes, budget, BATCH_COUNT_MAX) {
            let parcels = &lot.parcels[run.clone()];
            if parcels.len() > 1 && parcels.iter().all(|parcel| std::str::from_utf8(&parcel.body).is_ok()) {
                match self.post(&lot.queue, Body::JsonAs(BATCH, messages[run].into()), None).await {
                    // A partitioned queue takes no batch of different ids. If that is not it, the first message says so.
                    Err(error) if error.status == 400 => {}
                    other => {
                        other?;
                        continue;
                    }
                }
            }
            for parcel in parcels {
                let properties = HeaderValue::from_str(&ascii(&properties(parcel)));
                let properties = properties.map_err(|_| {
                    CallError::refused(SERVICE, format!("message {} has an id that no header takes", parcel.id))
                })?;
                self.post(&lot.queue, Body::Bytes(CONTENT_TYPE, parcel.body.clone()), Some(properties)).await?;
            }
        }
        Ok(())
    }

    async fn post(&self, queue: &str, body: Body, properties: Option<HeaderValue>) -> Result<(), CallError> {
        let mut call = Call::new(Method::POST, http::join(&self.base, &[queue, "messages"], &[]), body, &SEND);
        if let Some(properties) = properties {
            call = call.with("brokerproperties", properties);
        }
        match self.client.call(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == Kind::Gone => Err(gone(queue, &self.namespace, &error.status.to_string())),
            // The status says the same of a queue that is full and of one that is closed to us.
            Err(error) if error.status == 403 && error.says("quota") => {
                Err(CallError::unavailable(SERVICE, format!("queue {queue} is full: {}", error.into_port())))
            }
            Err(error) => Err(error),
        }
    }
}

/// A message of a batch.
fn message(parcel: &Parcel) -> Value {
    let mut properties = properties(parcel);
    properties["ContentType"] = CONTENT_TYPE.into();
    json!({"Body": String::from_utf8_lossy(&parcel.body), "BrokerProperties": properties})
}

fn properties(parcel: &Parcel) -> Value {
    let mut properties = Map::from_iter([("MessageId".to_owned(), parcel.id.as_str().into())]);
    if let Some(session) = &parcel.session {
        properties.insert("SessionId".into(), session.as_str().into());
    }
    if let Some(at) = parcel.deliver_at {
        properties.insert("ScheduledEnqueueTimeUtc".into(), date(at).into());
    }
    properties.into()
}

/// In whole seconds, as this format has no others: the next one, as nothing may come early.
fn date(at: Timestamp) -> String {
    let part = i64::from(at.subsec_nanosecond().rem_euclid(1_000_000_000));
    let up = if part == 0 { 0 } else { 1_000_000_000 - part };
    let at = at.saturating_add(SignedDuration::from_nanos(up)).unwrap_or(at);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_else(|_| at.to_string())
}

/// JSON without anything that a header does not take.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    let mut units = [0; 2];
    for sign in value.to_string().chars() {
        if sign.is_ascii() && sign != '\u{7f}' {
            text.push(sign);
        } else {
            text.extend(sign.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}
