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
    assert_eq!(notice.envelope.id, "jobs.on_success/7/8");
    assert_eq!(notice.fact.meaning().unwrap(), "databricks/7/8/Succeeded");
}

#[test]
fn equal_numbers_of_two_workspaces_are_two_runs() {
    let id = |workspace: &str| {
        let body = json!({"event_type": "jobs.on_success", "workspace_id": workspace, "run": {"run_id": "8"}});
        let [Reading::Read(notice)] = &read(body.to_string().as_bytes(), Limits::default())[..] else { panic!() };
        notice.envelope.id.clone()
    };
    assert_eq!(id("7"), id("7"));
    assert_ne!(id("7"), id("70"));
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

#[test]
fn only_the_right_user_and_password_are_let_in() {
    let ours = Some("trainyard:a secret");
    // `trainyard:a secret` in base64.
    let shown = |word: &str| format!("Basic {word}");
    let right = shown("dHJhaW55YXJkOmEgc2VjcmV0");
    assert_eq!(verify(ours, Some(&right)), Ok(()));
    assert_eq!(verify(ours, Some(&right.replace("Basic", "basic"))), Ok(()));
    for (expected, header, error) in [
        (ours, None, SignatureError::Missing),
        (None, Some(right.clone()), SignatureError::NoSecret),
        (Some(""), Some(right.clone()), SignatureError::NoSecret),
        (ours, Some(shown("dHJhaW55YXJkOmEgc2VjcmU=")), SignatureError::Mismatch),
        (ours, Some(shown("")), SignatureError::Mismatch),
        (ours, Some(shown("!")), SignatureError::Malformed),
        (ours, Some(right.replace("Basic", "Bearer")), SignatureError::Malformed),
    ] {
        assert_eq!(verify(expected, header.as_deref()), Err(error), "{header:?}");
    }
}
