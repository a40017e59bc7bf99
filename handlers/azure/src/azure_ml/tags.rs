//! Tags by which people find jobs.

use pipeline::effect::JobSpec;
use serde_json::{Value, json};

/// Those of a job.
pub(super) fn of(spec: &JobSpec) -> Value {
    let mut tags = json!({
        "project": spec.project,
        "run": spec.reply_to.run,
        "step": spec.reply_to.step.to_string(),
    });
    let more = [("number", "TRAINYARD_RUN_NUMBER"), ("commit", "TRAINYARD_COMMIT"), ("branch", "TRAINYARD_BRANCH")];
    for (tag, variable) in more {
        if let Some(value) = spec.variables.get(variable).filter(|value| !value.is_empty()) {
            tags[tag] = value.as_str().into();
        }
    }
    tags
}
