use serde_json::{Value, json};

use super::*;
use crate::Limits;
use crate::reading::Reading;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("azure_ml");
}

#[test]
fn three_statuses_end_a_job() {
    let folder = samples::folder("azure_ml");
    let mut ends = std::collections::BTreeSet::new();
    for file in samples::table::<Value>(&folder).samples.keys().filter(|file| file.starts_with("RunStatusChanged/")) {
        let Fact::JobChanged(job) = fact(&samples::json(&folder, file)).unwrap() else { panic!("{file}") };
        if job.status.is_terminal() {
            ends.insert(format!("{:?}", job.status));
        }
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["Canceled", "Completed", "Failed"]);
}

#[test]
fn a_job_is_named_by_its_data_or_by_its_subject_and_by_both_the_same() {
    let mut event = sample("RunCompleted.eventgrid.json");
    let job = |event: &Value| {
        fact(event).map(|fact| match fact {
            Fact::JobChanged(job) => job.job,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(job(&event).unwrap(), "diabetes-train_1773738901_5b7f1c2d");
    event[0]["data"]["runId"] = Value::Null;
    assert_eq!(job(&event).unwrap(), "diabetes-train_1773738901_5b7f1c2d");
    for bad in ["a\nINFO approved", "a\u{202e}b", &"a".repeat(1_025)] {
        event[0]["subject"] = json!(format!("experiments/x/runs/{bad}"));
        assert_eq!(job(&event), Err(Code::ShapeMember), "a name is one wherever it stands");
    }
    event[0]["subject"] = json!("");
    assert_eq!(job(&event), Err(Code::ShapeMissing));
    event[0]["data"]["runId"] = json!("a");
    assert_eq!(job(&event).unwrap(), "a");
    event[0]["subject"] = json!("experiments/x/runs/b");
    assert_eq!(job(&event), Err(Code::EventInconsistent));
}

#[test]
fn a_member_in_two_cases_is_refused() {
    let mut event = sample("ModelRegistered.eventgrid.json");
    event[0]["data"]["modelVersion"] = json!(99);
    assert_eq!(fact(&event), Err(Code::JsonDuplicateMember));
}

#[test]
fn an_event_of_something_else_than_a_workspace_is_none_of_a_workspace() {
    let mut event = sample("ModelRegistered.eventgrid.json");
    event[0]["topic"] = json!("/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e");
    assert_eq!(fact(&event), Err(Code::ShapeMember));
    event[0]["topic"] = Value::Null;
    assert_eq!(fact(&event), Err(Code::ShapeMissing));
}

#[test]
fn a_service_s_models_are_names_and_versions() {
    let mut event = sample("ModelDeployed.eventgrid.json");
    let models = |event: &Value| {
        fact(event).map(|fact| match fact {
            Fact::ModelDeployed(deployment) => deployment.models.len(),
            other => panic!("{other:?}"),
        })
    };
    for (ids, told) in [
        ("a:1", Ok(1)),
        ("a:1, b:2,", Ok(2)),
        ("", Ok(0)),
        ("a", Err(Code::ModelName)),
        ("a/b:1", Err(Code::ModelName)),
        ("a:-1", Err(Code::ValueRange)),
    ] {
        event[0]["data"]["ModelIds"] = json!(ids);
        assert_eq!(models(&event), told, "{ids}");
    }
}

#[test]
fn drift_is_a_number_that_is_one() {
    let mut event = sample("DatasetDriftDetected.eventgrid.json");
    for bad in [json!("0.8"), json!(-0.1)] {
        event[0]["data"]["DriftCoefficient"] = bad;
        assert!(fact(&event).is_err());
    }
}

fn sample(file: &str) -> Value {
    samples::json(&samples::folder("azure_ml"), file)
}

fn fact(event: &Value) -> Result<Fact, Code> {
    match crate::event_grid::read(event.to_string().as_bytes(), Limits::default()).remove(0) {
        Reading::Read(notice) => Ok(notice.fact),
        Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => Err(code),
    }
}
