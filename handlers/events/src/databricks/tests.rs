use serde_json::json;

use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("databricks");
}

#[test]
fn numbers_may_be_numbers() {
    let body = json!({"event_type": "jobs.on_success", "workspace_id": 7, "run": {"run_id": 8}, "job": {"job_id": 9}});
    let [Reading::Read(notice)] = &read(body.to_string().as_bytes(), Limits::default())[..] else { panic!() };
    assert_eq!(notice.envelope.id, "jobs.on_success/8");
    assert_eq!(notice.fact.meaning().unwrap(), "databricks/7/8/Succeeded");
}

#[test]
fn a_run_that_is_not_named_cannot_be_asked_for() {
    for body in [
        json!({"event_type": "jobs.on_success", "workspace_id": "7"}),
        json!({"event_type": "jobs.on_success", "workspace_id": "7", "run": {}}),
        json!({"event_type": "jobs.on_success", "run": {"run_id": "8"}}),
    ] {
        let readings = read(body.to_string().as_bytes(), Limits::default());
        assert!(matches!(&readings[..], [Reading::Quarantined { code: Code::ShapeMissing, .. }]), "{readings:?}");
    }
}

#[test]
fn streaming_and_maintenance_are_nobody_s_news() {
    for kind in ["jobs.on_streaming_backlog_exceeded", "maintenance"] {
        let body = json!({"event_type": kind, "workspace_id": "7"});
        let readings = read(body.to_string().as_bytes(), Limits::default());
        assert!(matches!(&readings[..], [Reading::Ignored { code: Code::EventUnknownType, .. }]), "{readings:?}");
    }
}
