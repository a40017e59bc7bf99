//! Azure Resource Notifications, through Event Grid: whether a resource answers
//! (<https://learn.microsoft.com/azure/event-grid/event-schema-health-resources>). The topic is a whole subscription.

use crate::code::Code;
use crate::draft::Draft;
use crate::event_grid::Event;
use crate::fact::{Availability, Fact, ResourceHealth};
use crate::reading::Refusal;

const STATES: &[(&str, Availability)] = &[
    ("Available", Availability::Available),
    ("Degraded", Availability::Degraded),
    ("Unavailable", Availability::Unavailable),
    ("Unknown", Availability::Unknown),
];

pub(crate) fn read(event: &Event<'_>, draft: &mut Draft) -> Result<Fact, Refusal> {
    if event.kind() != "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged" {
        return Err(event.unknown(event.kind()));
    }
    let properties = event.data()?.object("resourceInfo")?.object("properties")?;
    Ok(Fact::AvailabilityChanged(ResourceHealth {
        resource: properties.parsed("targetResourceId", Code::ShapeMember)?,
        state: properties.choice("availabilityState", STATES)?,
        previous: properties.maybe_choice("previousAvailabilityState", STATES)?,
        since: draft.time(&properties, "occurredTime")?,
    }))
}

#[cfg(test)]
mod tests;
