use serde_json::json;

use super::*;
use crate::Limits;
use crate::reading::Reading;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("resource_notifications");
}

#[test]
fn a_state_that_is_not_known_is_kept_for_a_person() {
    let file = "HealthResources.AvailabilityStatusChanged.Available.eventgrid.json";
    let mut event = samples::json(&samples::folder("resource_notifications"), file);
    event[0]["data"]["resourceInfo"]["properties"]["availabilityState"] = json!("Fine");
    let readings = crate::event_grid::read(event.to_string().as_bytes(), Limits::default());
    assert!(matches!(&readings[..], [Reading::Quarantined { code: Code::ValueStatus, .. }]), "{readings:?}");
}
