//! Events that Azure Event Grid delivers: as a web hook, to the Functions trigger, through Service Bus, or from its
//! container of dead letters.
//!
//! Two envelopes, [Event Grid's own](https://learn.microsoft.com/azure/event-grid/event-schema) and
//! [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md), each alone or in a list: the
//! documentation shows fewer forms than arrive, so all are taken everywhere. A delivery is all or none to Event Grid,
//! and never to us: a bad event of a batch leaves the others as they are.

mod event;
pub mod handshake;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

pub(crate) use event::Event;

use crate::body::{self, Limits, Opened};
use crate::code::Code;
use crate::draft::Draft;
use crate::fact::Fact;
use crate::member::Object;
use crate::reading::{Envelope, Reading, Refusal, Remark, Sender};
use crate::{azure_ml, container_registry, resource_notifications, storage, text};

/// What Event Grid puts into one batch: <https://learn.microsoft.com/azure/event-grid/delivery-and-retry>.
const MOST_EVENTS: usize = 5_000;

/// Reads what Event Grid delivered.
#[must_use]
pub fn read(body: &[u8], limits: Limits) -> Vec<Reading> {
    body::read(body, limits, |Opened { value, remarks }| match &value {
        Value::Array(events) if events.is_empty() => {
            let refusal = Refusal::ignore(Code::BatchEmpty, "the batch has no events");
            vec![refusal.into_reading(None, || None)]
        }
        Value::Array(events) if events.len() > MOST_EVENTS => {
            let reason = format!("the batch has {} events; a batch has at most {MOST_EVENTS}", events.len());
            vec![Refusal::quarantine(Code::BatchTooLarge, reason).into_reading(None, || None)]
        }
        Value::Array(events) => batch(events, &remarks),
        event => read_event("", event, remarks).1,
    })
}

fn batch(events: &[Value], remarks: &[Remark]) -> Vec<Reading> {
    let mut seen: HashMap<String, &Value> = HashMap::new();
    let mut readings = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let (envelope, read) = read_event(&format!("[{index}]"), event, remarks.to_vec());
        let first = envelope.as_ref().and_then(|envelope| {
            let key = envelope.duplicate_key();
            let first = seen.get(&key).copied();
            seen.entry(key).or_insert(event);
            first
        });
        readings.extend(match first {
            None => read,
            Some(first) if first == event => {
                let refusal = Refusal::ignore(Code::EventDuplicate, "the same event is already in this batch");
                vec![refusal.into_reading(envelope, || None)]
            }
            Some(_) => {
                let reason = "another event of this batch has the same id and says something else";
                let refusal = Refusal::quarantine(Code::EventIdConflict, reason);
                vec![refusal.into_reading(envelope, || Some(text::part(event)))]
            }
        });
    }
    remark_late_news(&mut readings);
    readings
}

/// Remarks on news of a job whose end is in the same batch and happened later, wherever in the batch the two are.
fn remark_late_news(readings: &mut [Reading]) {
    let ended: HashSet<String> = readings
        .iter()
        .filter_map(|reading| match reading {
            Reading::Read(notice) => match &notice.fact {
                Fact::JobChanged(job) if job.status.is_terminal() => Some(format!("{}/{}", job.workspace, job.job)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    for reading in readings {
        if let Reading::Read(notice) = reading
            && let Fact::JobChanged(job) = &notice.fact
            && !job.status.is_terminal()
            && ended.contains(&format!("{}/{}", job.workspace, job.job))
        {
            let what = "the job's end is in the same batch".to_owned();
            notice.remarks.push(Remark { code: Code::EventOutOfOrder, what });
        }
    }
}

fn read_event(path: &str, value: &Value, remarks: Vec<Remark>) -> (Option<Envelope>, Vec<Reading>) {
    let unread = |refusal: Refusal| (None, vec![refusal.into_reading(None, || Some(text::part(value)))]);
    let object = if path.is_empty() { Object::top(value) } else { Object::at(path, value) };
    let (event, draft) = match object.and_then(|object| Event::read(object, remarks)) {
        Ok(both) => both,
        Err(refusal) => return unread(refusal),
    };
    let mut draft = draft;
    let envelope = draft.envelope.clone();
    let fact = fact(&event, &mut draft);
    (Some(envelope), draft.finish(fact.map(Some), value))
}

fn fact(event: &Event<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    match draft.envelope.sender {
        Sender::AzureMl => azure_ml::read(event, draft),
        Sender::ContainerRegistry => container_registry::read(event, draft),
        Sender::Storage => storage::read(event),
        Sender::ResourceNotifications => resource_notifications::read(event, draft),
        _ => of_event_grid(event, draft),
    }
}

/// Events of Event Grid itself.
fn of_event_grid(event: &Event<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    match event.kind() {
        "Microsoft.EventGrid.SubscriptionValidationEvent" => {
            let code = event.data()?.name("validationCode")?;
            draft.remark(Code::ValidationEchoOnly, "the code is echoed; the address beside it is not called");
            Ok(Fact::SubscriptionValidation { code })
        }
        "Microsoft.EventGrid.SubscriptionDeletedEvent" => {
            let subscription = event.data()?.parsed("eventSubscriptionId", Code::ShapeMember)?;
            Ok(Fact::SubscriptionDeleted { subscription })
        }
        unknown => Err(event.unknown(unknown)),
    }
}

#[cfg(test)]
mod tests;
