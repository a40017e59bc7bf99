//! Batch endpoints, whose deployments are pipelines: they are read by Azure Resource Manager and invoked at an address of
//! their own, in a dialect of its own.
//!
//! What is shown follows `mfe.json` of version 2024-10-01. How they are invoked has no official specification; it follows
//! `operations/_batch_endpoint_operations.py` of the package [azure-ai-ml](https://pypi.org/project/azure-ai-ml/).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::jobs::Job;
use super::rules::{only, refused, text};
use super::{AzureMl, LOCATION, MANAGEMENT, id, missing, resource};
use crate::{Asked, Told};

/// Types, as an endpoint spells them.
const DATA: [&str; 6] = ["UriFile", "UriFolder", "MLTable", "MLFlowModel", "CustomModel", "TritonModel"];
/// And as Azure Resource Manager does.
const SHOWN: [&str; 6] = ["uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"];
const INVOCATION: [&str; 8] =
    ["inputData", "outputData", "name", "compute", "retrySettings", "errorThreshold", "miniBatchSize", "properties"];

/// An endpoint.
#[derive(Debug, Clone, Default)]
pub struct BatchEndpoint {
    pub deployments: Vec<String>,
    /// The one that is meant when nobody names one.
    pub default: Option<String>,
    /// Invocations by what repeats are known by, and the jobs that they are.
    pub repeats: BTreeMap<String, String>,
}

/// The host of an endpoint.
#[must_use]
pub fn batch_host(name: &str) -> String {
    format!("{name}.{LOCATION}.inference.ml.azure.com")
}

impl AzureMl {
    pub(super) fn batch_endpoint(&self, asked: &Asked<'_>, name: &str) -> Told {
        let Some(endpoint) = self.batch_endpoints.get(name).filter(|_| asked.method == "GET") else {
            return missing(asked);
        };
        let address = asked.address(&batch_host(name));
        let properties = json!({
            "authMode": "AADToken", "scoringUri": format!("{address}/jobs"),
            "swaggerUri": format!("{address}/swagger.json"), "provisioningState": "Succeeded",
            "defaults": {"deploymentName": endpoint.default},
        });
        let mut told = resource(asked, &format!("batchEndpoints/{name}"), &properties);
        told["location"] = LOCATION.into();
        Told::json(200, &told)
    }

    /// Whether an address is a batch endpoint's.
    pub(crate) fn is_batch(&self, asked: &Asked<'_>) -> bool {
        let name = asked.host.split('.').next().unwrap_or_default();
        self.batch_endpoints.contains_key(name) && asked.segments().first() == Some(&"jobs")
    }

    pub(crate) fn invoke(&mut self, asked: &Asked<'_>) -> Told {
        if !asked.header("authorization").starts_with("Bearer ") {
            return Told::error(401, "Unauthorized", "The token is missing.");
        }
        if (asked.method, &asked.segments()[..]) != ("POST", &["jobs"]) {
            return missing(asked);
        }
        let name = asked.host.split('.').next().unwrap().to_owned();
        let endpoint = &self.batch_endpoints[&name];
        let wanted = match asked.header("azureml-model-deployment") {
            "" => endpoint.default.clone(),
            wanted => Some(wanted.to_owned()),
        };
        let Some(deployment) = wanted.filter(|wanted| endpoint.deployments.contains(wanted)) else {
            return Told::error(404, "DeploymentNotFound", "There is no such deployment, or no default one.");
        };
        let (inputs, outputs) = match allowed(asked.body) {
            Ok(allowed) => allowed,
            Err(refused) => return refused,
        };
        let repeat = asked.header("repeatability_request-id").to_owned();
        if !repeat.is_empty() && repeat.len() != 36 {
            return refused("repeatability_request-id is no UUID.");
        }
        let job = match endpoint.repeats.get(&repeat) {
            Some(job) => job.clone(),
            None => {
                let job = format!("pipelinejob-{}", self.new_id());
                let experiment = asked.body["properties"]["properties"]["experimentName"].as_str();
                let properties = json!({
                    "jobType": "Pipeline", "displayName": job, "experimentName": experiment.unwrap_or(&name),
                    "outputs": outputs, "tags": {"azureml.batchrun": "true", "azureml.deploymentname": deployment},
                    "properties": {"azureml.endpointname": name, "azureml.runsource": "azureml.PipelineRun"},
                });
                self.jobs.insert(job.clone(), Job::new(properties, asked.now).given(inputs));
                if !repeat.is_empty() {
                    self.batch_endpoints.get_mut(&name).unwrap().repeats.insert(repeat, job.clone());
                }
                job
            }
        };
        let status = self.jobs[&job].status(self.pace, asked.now);
        Told::json(
            200,
            &json!({
                "id": format!("{}/jobs/{job}", id(&format!("batchEndpoints/{name}"))), "name": job,
                "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs",
                "properties": {"name": job, "status": status, "provisioningState": "Succeeded"},
            }),
        )
        .with("location", format!("{}{}", asked.address(MANAGEMENT), id(&format!("jobs/{job}"))))
    }
}

/// The values of the inputs by their names, and the outputs as Azure Resource Manager shows them.
fn allowed(body: &Value) -> Result<(BTreeMap<String, String>, Value), Told> {
    let properties = &body["properties"];
    if !properties.is_object() {
        return Err(refused("The body has no properties."));
    }
    only(properties, &INVOCATION)?;
    let mut inputs = BTreeMap::new();
    for (name, input) in properties["inputData"].as_object().into_iter().flatten() {
        only(input, &["jobInputType", "uri", "value", "mode"])?;
        let value = match text(input, "jobInputType")? {
            "Literal" if input["value"].is_null() => return Err(refused(format!("The literal {name} has no value."))),
            "Literal" => input["value"].as_str().map_or_else(|| input["value"].to_string(), str::to_owned),
            kind if DATA.contains(&kind) => text(input, "uri")?.to_owned(),
            kind => return Err(refused(format!("Error converting value {kind:?} to type 'JobInputType'."))),
        };
        inputs.insert(name.clone(), value);
    }
    let mut outputs = json!({});
    for (name, output) in properties["outputData"].as_object().into_iter().flatten() {
        only(output, &["jobOutputType", "uri", "mode"])?;
        let kind = text(output, "jobOutputType")?;
        let Some(at) = DATA.iter().position(|known| *known == kind) else {
            return Err(refused(format!("Error converting value {kind:?} to type 'JobOutputType'.")));
        };
        let uri = text(output, "uri")?;
        if !uri.starts_with("azureml:") && !uri.starts_with("https://") {
            return Err(refused(format!("The output {name} is at {uri:?}, which is no place.")));
        }
        outputs[name] = json!({"jobOutputType": SHOWN[at], "mode": "ReadWriteMount", "uri": uri});
    }
    Ok((inputs, outputs))
}
