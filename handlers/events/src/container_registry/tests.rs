use serde_json::json;

use super::*;
use crate::tests::samples;

#[test]
fn every_sample_reads_as_told() {
    samples::read_as_told("container_registry");
}

#[test]
fn a_web_hook_says_whose_image_it_is() {
    let mut hook = samples::json(&samples::folder("container_registry"), "webhook.push.json");
    hook["request"] = Value::Null;
    assert_eq!(code(&hook), Some(Code::ShapeMissing));
    hook["request"] = json!({"host": "crdiabetesmlops.azurecr.io@attacker.example"});
    assert_eq!(code(&hook), Some(Code::RegistryNotAllowed));
}

#[test]
fn what_is_deployed_is_a_digest_so_an_image_has_one() {
    let mut hook = samples::json(&samples::folder("container_registry"), "webhook.push.json");
    hook["target"]["tag"] = Value::Null;
    assert_eq!(code(&hook), None, "an image needs no tag");
    hook["target"]["digest"] = Value::Null;
    assert_eq!(code(&hook), Some(Code::ShapeMissing));
    hook["target"]["digest"] = json!("sha256:00");
    assert_eq!(code(&hook), Some(Code::ImageInvalid));
}

#[test]
fn a_subject_that_says_something_else_is_remarked_and_the_target_believed() {
    let mut event = samples::json(&samples::folder("container_registry"), "ImagePushed.eventgrid.json");
    event[0]["subject"] = json!("scoring/diabetes-regression-2:1");
    let readings = crate::event_grid::read(event.to_string().as_bytes(), Limits::default());
    let [Reading::Read(notice)] = readings.as_slice() else { panic!("{readings:?}") };
    assert_eq!(notice.remarks[0].code, Code::EventInconsistent);
}

fn code(hook: &Value) -> Option<Code> {
    match read_webhook(hook.to_string().as_bytes(), Limits::default()).remove(0) {
        Reading::Read(_) => None,
        Reading::Ignored { code, .. } | Reading::Quarantined { code, .. } => Some(code),
    }
}
