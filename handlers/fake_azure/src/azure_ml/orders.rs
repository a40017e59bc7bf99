//! What a job may be asked for as.

use serde_json::Value;

use super::rules::{only, refused, text, texts};
use super::{AzureMl, id};
use crate::Told;

/// What can be asked for.
const JOB: [&str; 18] = [
    "codeId",
    "command",
    "componentId",
    "computeId",
    "description",
    "displayName",
    "environmentId",
    "environmentVariables",
    "experimentName",
    "identity",
    "inputs",
    "isArchived",
    "jobType",
    "limits",
    "outputs",
    "properties",
    "resources",
    "tags",
];
/// What cannot change once it is there.
pub(super) const FIXED: [&str; 10] = [
    "codeId",
    "command",
    "computeId",
    "displayName",
    "environmentId",
    "environmentVariables",
    "experimentName",
    "inputs",
    "outputs",
    "limits",
];

impl AzureMl {
    pub(super) fn allowed(&self, name: &str, properties: &Value) -> Result<(), Told> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.len() > 255 || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_word) {
            return Err(refused("The name of a job has letters, digits, - and _."));
        }
        match text(properties, "jobType")? {
            "Command" => {}
            other => return Err(refused(format!("{other:?} is not a known jobType; they are spelled as in Command."))),
        }
        only(properties, &JOB)?;
        texts(properties)?;
        text(properties, "command")?;
        let environment = text(properties, "environmentId")?;
        let mut wanted = vec![environment];
        wanted.extend(properties["codeId"].as_str());
        for wanted in wanted {
            let key = wanted.strip_prefix(&id("")).unwrap_or_default().trim_start_matches('/');
            if !self.assets.contains_key(key) {
                return Err(refused(format!("{wanted} is not there.")));
            }
        }
        let compute = text(properties, "computeId")?;
        let compute = compute.strip_prefix(&id("computes/")).and_then(|name| self.computes.get(name));
        if compute.is_none() {
            return Err(refused("Unknown compute target: it is not in the workspace."));
        }
        let outputs = properties["outputs"].as_object().into_iter().flatten();
        for (name, output) in outputs {
            let kinds = ["uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"];
            let modes = ["ReadWriteMount", "Upload", "Direct"];
            if !kinds.contains(&text(output, "jobOutputType")?) || !modes.contains(&text(output, "mode")?) {
                return Err(refused(format!("The output {name} has no known type or mode.")));
            }
        }
        if properties["limits"].is_object() {
            let timeout = properties["limits"]["timeout"].as_str().unwrap_or("PT1S").parse::<jiff::Span>();
            if text(&properties["limits"], "jobLimitsType")? != "Command" || timeout.is_err() {
                return Err(refused("The limits are not those of a Command."));
            }
        }
        let identity = properties["identity"]["identityType"].as_str().unwrap_or("AMLToken");
        if !["AMLToken", "Managed", "UserIdentity"].contains(&identity) {
            return Err(refused("The identityType is not known."));
        }
        Ok(())
    }
}
