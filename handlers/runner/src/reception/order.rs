//! Orders: wishes for runs that events caused, fulfilled apart from them, for it may take its time.

use pipeline::names::{Digest, RunId};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::START;
use super::record::{CameTo, Did, EventRecord};
use crate::intake::{Start, StartError, Started};
use crate::keys;
use crate::later;
use crate::ports::{Expect, Parcel, PortError, Result};
use crate::records::parse;
use crate::runner::Runner;

/// A wish for a run, as the queue `start` carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The event that caused it, which is told what it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<RunId>,
    /// The wish.
    #[serde(flatten)]
    pub start: Start,
    /// How often it was put off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub put_off: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Runner {
    /// Starts the run that is ordered, or finds it, and tells the event what it came to. A refusal is an answer, too.
    ///
    /// # Errors
    ///
    /// `Transient`: the same order may be handed in again and harms nothing.
    pub async fn fulfil(&self, order: &Order) -> Result<CameTo> {
        let came_to = match self.start(&order.start).await {
            Ok(Started { run, created: true }) => CameTo::Started { run: run.id, number: run.number },
            Ok(Started { run, created: false }) => CameTo::Known { run: run.id, number: run.number },
            Err(StartError::Unwanted(why) | StartError::Refused(why)) => CameTo::Nothing { why },
            Err(StartError::Port(PortError::Permanent { reason, .. })) => CameTo::Nothing { why: reason },
            Err(StartError::Port(error)) => return Err(error),
        };
        let wish = order.start.wish.describe();
        info!(project = %order.start.project, "{wish}: {}", came_to.describe());
        if let Some(event) = &order.event
            && let Err(error) = self.tell_event(event, &order.start, &came_to).await
        {
            // The run counts, and the event's record is for people.
            warn!("Event {event} was not told what it came to: {error}");
        }
        Ok(came_to)
    }

    /// The same, but an order that cannot be fulfilled now goes back to its queue for later, and there is no answer yet.
    ///
    /// # Errors
    ///
    /// `Transient`: it could not be put off, or was for a day.
    pub async fn fulfil_or_put_off(&self, order: &Order) -> Result<Option<CameTo>> {
        let error = match self.fulfil(order).await {
            Ok(came_to) => return Ok(Some(came_to)),
            Err(error) => error,
        };
        let Some(pause) = later::pause(order.put_off) else { return Err(error) };
        let next = Order { put_off: order.put_off + 1, ..order.clone() };
        let body = serde_json::to_vec(&next).expect("an order is plain data");
        // Delivered twice, it is put off once.
        let id = format!("start/{}/again-{}", next.start.project, Digest::of(&body).short());
        let deliver_at = Some(self.ports.clock.now() + pause);
        self.ports.bus.send(vec![Parcel { queue: START.to_owned(), id, session: None, deliver_at, body }]).await?;
        warn!(project = %order.start.project, "{}: put off for {} s: {error}", order.start.wish.describe(), pause.as_secs());
        Ok(None)
    }

    async fn tell_event(&self, event: &RunId, start: &Start, came: &CameTo) -> Result<()> {
        let key = keys::event(event);
        let Some(document) = self.ports.store.get(&key).await? else { return Ok(()) };
        let mut record: EventRecord = parse(&key, &document.body)?;
        let wanted = start.wish.describe();
        for did in &mut record.did {
            match did {
                Did::Asked { order, what, came_to }
                    if *what == wanted && order.starts_with(&format!("start/{}/", start.project)) =>
                {
                    *came_to = Some(came.clone());
                }
                _ => {}
            }
        }
        let body = serde_json::to_vec(&record).expect("a record is plain data");
        self.ports.store.put(&key, body, Expect::Version(document.version)).await.map(|_| ())
    }
}

impl CameTo {
    /// A sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Started { number, .. } => format!("started run {number}"),
            Self::Known { number, .. } => format!("is run {number}"),
            Self::Nothing { why } => format!("no run: {why}"),
        }
    }
}
