//! What a job is asked for as.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pipeline::effect::JobSpec;
use runner::ports::Result;
use serde_json::{Value, json};

use super::super::place::Place;
use super::super::{AzureMl, tags};
use super::code::{PROGRAM, SNAPSHOT};
use crate::launcher;

/// The variable with the job's description.
const DESCRIPTION: &str = "TRAINYARD_JOB";
/// The output with what the launcher leaves.
pub(super) const RESULT: &str = "result";
/// The launcher ends a job that takes too long and says so; the platform ends one whose launcher is lost.
const GRACE_SECS: u64 = 900;

/// A job to be submitted.
#[derive(Debug)]
pub(super) struct Order {
    pub body: Value,
    /// Something that it names was made just now, and the service may not see it everywhere yet.
    pub is_fresh: bool,
}

impl AzureMl {
    /// The job, with all that it names there.
    pub(super) async fn order(&self, spec: &JobSpec) -> Result<Order> {
        let snapshot = self.artifacts.get(&spec.source).await?;
        let (environment, is_new) = self.ensure_environments(spec, &snapshot).await?;
        self.ensure_compute().await?;
        let datastore = self.workspace.datastore().await?;
        let (code, is_uploaded) = self.ensure_code(spec, snapshot).await?;

        // Metrics that are logged to MLflow are read from there.
        let mut command = format!(
            "python {PROGRAM} --job-variable {DESCRIPTION} --source {SNAPSHOT} --result ${{{{outputs.{RESULT}}}}} --mlflow"
        );
        if spec.image.is_some() {
            command += &format!(" --app {}", self.settings.app);
        }
        let place = Place::of_job(&datastore.name, &spec.name);
        let description = BASE64.encode(launcher::description(spec).to_string());
        let tags = tags::of(spec);
        let body = json!({"properties": {
            "jobType": "Command",
            "displayName": spec.name,
            "experimentName": spec.project,
            "command": command,
            "codeId": code,
            "environmentId": environment,
            "computeId": self.workspace.address.id(&["computes", &self.settings.compute.name]),
            "environmentVariables": {DESCRIPTION: description},
            // Mounted, for an upload at the end is left out when a job fails.
            "outputs": {RESULT: {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": place.uri() + "/"}},
            "resources": {"instanceCount": 1},
            "limits": {"jobLimitsType": "Command", "timeout": format!("PT{}S", spec.timeout_secs + GRACE_SECS)},
            "identity": {"identityType": "AMLToken"},
            "properties": {"trainyardRun": spec.reply_to.run},
            "tags": tags,
        }});
        Ok(Order { body, is_fresh: is_new || is_uploaded })
    }
}
