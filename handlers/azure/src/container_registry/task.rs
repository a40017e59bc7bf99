//! The task that runs a job: build an image from what was uploaded, start a container of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Beside the job's own time: for pulling, building, and for queueing of the two steps.
const ROOM_SECS: u64 = 600;
/// What a run may be given, in seconds.
const RUN_SECS: std::ops::RangeInclusive<u64> = 300..=28_800;

/// A job's longest time, in seconds.
pub(super) const JOB_MAX_SECS: u64 = *RUN_SECS.end();

/// What the run may open in its own registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// Nothing: the code in it is anybody's.
    Nobody,
    /// What its images are in.
    Registry {
        /// By the roles of whoever asks for the run.
        abac: bool,
    },
}

impl Login {
    /// As a request says it.
    pub fn credentials(self) -> Value {
        match self {
            Self::Nobody => json!({"sourceRegistry": {"loginMode": "None"}}),
            Self::Registry { abac: false } => json!({"sourceRegistry": {"loginMode": "Default"}}),
            Self::Registry { abac: true } => json!({"sourceRegistry": {"identity": "[caller]"}}),
        }
    }
}

/// The request of a run that executes a job. Nothing of the job is in it but its time: names that a repository chose are
/// in files, where no template and no shell reads them.
pub(super) fn request(source: &str, timeout_secs: u64, login: Login) -> Value {
    let secs = (timeout_secs + ROOM_SECS).clamp(*RUN_SECS.start(), *RUN_SECS.end());
    json!({
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": BASE64.encode(yaml(secs)),
        "platform": {"os": "Linux", "architecture": "amd64"},
        "sourceLocation": source,
        "credentials": login.credentials(),
        "timeout": secs,
    })
}

/// The container is started by Docker's own program, not as a step: a step is given Docker's socket and the folder with
/// the registry's credentials.
fn yaml(secs: u64) -> String {
    format!(
        "version: v1.1.0\n\
         stepTimeout: {secs}\n\
         steps:\n\
         \x20 - id: image\n\
         \x20   build: -t trainyard/job -f Dockerfile .\n\
         \x20 - id: job\n\
         \x20   cmd: docker run --rm --cap-drop ALL --security-opt no-new-privileges --pids-limit 4096 trainyard/job\n"
    )
}
