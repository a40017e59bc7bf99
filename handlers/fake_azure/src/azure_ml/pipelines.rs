//! Published pipelines of the first SDK: `PipelineRuns/PipelineSubmit`, `PipelineEndpointSubmit`, `Execution`. There is no
//! official specification; what is taken and told follows `_restclients/aeva` of the package
//! [azureml-pipeline-core](https://pypi.org/project/azureml-pipeline-core/).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::jobs::Job;
use super::rules::{only, refused};
use super::{AzureMl, id};
use crate::{Asked, Told};

/// What a submission may have. The service reads names in any case.
const SUBMISSION: [&str; 12] = [
    "experimentname",
    "displayname",
    "description",
    "runsource",
    "runtype",
    "parameterassignments",
    "datapathassignments",
    "datasetdefinitionvalueassignments",
    "continuerunonstepfailure",
    "tags",
    "steptags",
    "properties",
];

/// A published pipeline.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    /// Its parameters and their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Nobody can start it any more.
    pub is_disabled: bool,
}

impl AzureMl {
    /// What is asked of the region's service of pipelines, below the workspace.
    pub(super) fn pipelines(&mut self, asked: &Asked<'_>, path: &[&str]) -> Told {
        match (asked.method, path) {
            ("POST", ["PipelineRuns", "PipelineSubmit", pipeline]) => self.submit_pipeline(asked, pipeline),
            ("POST", ["PipelineRuns", "PipelineEndpointSubmit", "Id", endpoint]) => {
                match self.pipeline_endpoints.get(*endpoint).cloned() {
                    Some(pipeline) => self.submit_pipeline(asked, &pipeline),
                    None => told(404, &format!("PipelineEndpoint {endpoint} not found.")),
                }
            }
            ("DELETE", ["PipelineRuns", run, "Execution"]) => {
                let pace = self.pace;
                match self.jobs.get_mut(*run).map(|job| job.cancel(pace, asked.now)) {
                    Some(true) => Told::empty(200),
                    Some(false) => told(400, "The pipeline run is in a terminal state."),
                    None => told(404, &format!("PipelineRun {run} not found.")),
                }
            }
            _ => told(404, "No such operation."),
        }
    }

    /// Each time a new run, whatever was asked before.
    fn submit_pipeline(&mut self, asked: &Asked<'_>, pipeline: &str) -> Told {
        let Some(published) = self.pipelines.get(pipeline).filter(|it| !it.is_disabled).cloned() else {
            return told(404, &format!("Pipeline {pipeline} not found or not active."));
        };
        let body = match folded(asked.body) {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let experiment = body["experimentname"].as_str().unwrap_or_default();
        if experiment.is_empty() {
            return told(400, "ExperimentName is required.");
        }
        for name in ["parameterassignments", "tags"] {
            let members = body[name].as_object().into_iter().flatten();
            if let Some((member, _)) = members.into_iter().find(|(_, value)| !value.is_string()) {
                return told(400, &format!("{name}.{member} is no text."));
            }
        }
        let mut parameters = published.parameters;
        for (name, value) in body["parameterassignments"].as_object().into_iter().flatten() {
            parameters.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
        let run = self.new_id();
        let properties = json!({
            "jobType": "Pipeline", "experimentName": experiment, "displayName": run,
            "tags": body.get("tags").cloned().unwrap_or_else(|| json!({})),
            "properties": {"azureml.runsource": "azureml.PipelineRun", "azureml.pipelineid": pipeline},
        });
        self.jobs.insert(run.clone(), Job::new(properties, asked.now).given(parameters.clone()));
        Told::json(
            200,
            &json!({
                "Id": run, "PipelineId": pipeline, "RunHistoryExperimentName": experiment, "IsSubmitted": true,
                "Status": {"StatusCode": "NotStarted", "CreationTime": asked.now.to_string()},
                "ParameterAssignments": parameters, "RunType": "HTTP", "EntityStatus": "0",
            }),
        )
    }

    /// A name that the service gives.
    pub(super) fn new_id(&self) -> String {
        let number = self.jobs.len() + 1;
        format!("5f0e{number:04x}-0000-4000-8000-{:012x}", number * 7919)
    }

    /// Runs of an experiment by their tags. The one form of filters that is known here is the SDK's:
    /// `(Tags/NAME eq "VALUE")`, joined by ` and ` within one more pair of brackets.
    pub(super) fn query_runs(&self, asked: &Asked<'_>, experiment: &str) -> Told {
        if let Err(refused) = only(asked.body, &["filter", "continuationToken", "orderBy", "top"]) {
            return refused;
        }
        let of_experiment = |job: &&Job| job.properties["experimentName"] == experiment;
        if !self.jobs.values().any(|job| of_experiment(&job)) {
            return told(404, &format!("Experiment {experiment} not found."));
        }
        let filter = asked.body["filter"].as_str().unwrap_or_default();
        let inner = match filter.contains(" and ") {
            true => filter.strip_prefix('(').and_then(|filter| filter.strip_suffix(')')),
            false => Some(filter),
        };
        let term = |term: &str| {
            let (name, value) = term.strip_prefix("(Tags/")?.strip_suffix("\")")?.split_once(" eq \"")?;
            Some((name.to_owned(), value.to_owned()))
        };
        let Some(wanted) = inner.and_then(|inner| inner.split(" and ").map(term).collect::<Option<Vec<_>>>()) else {
            return told(400, "The filter cannot be read.");
        };
        let has_tags = |job: &Job| wanted.iter().all(|(name, value)| job.properties["tags"][name] == *value);
        let runs = self.jobs.iter().filter(|(_, job)| of_experiment(job) && self.is_shown(job, asked.now));
        let runs = runs.filter(|(_, job)| has_tags(job));
        let runs: Vec<Value> = runs.map(|(name, job)| self.show_run(asked, name, job)).collect();
        Told::json(200, &json!({"value": runs}))
    }

    fn show_run(&self, asked: &Asked<'_>, name: &str, job: &Job) -> Value {
        json!({
            "runId": name, "rootRunId": name, "experimentId": "00000000-0000-0000-0000-000000000001",
            "createdUtc": job.created_at.to_string(), "status": job.status(self.pace, asked.now),
            "runType": "azureml.PipelineRun", "tags": job.properties["tags"], "properties": job.properties["properties"],
        })
    }

    /// The steps of a run, a page of them.
    pub(super) fn children(&self, asked: &Asked<'_>, name: &str) -> Told {
        let Some(job) = self.jobs.get(name) else { return told(404, &format!("Run {name} not found.")) };
        let from: usize = asked.query.get("$continuationtoken").map_or(0, |token| token.parse().unwrap());
        let all: Vec<Value> = job
            .steps()
            .map(|(number, step)| {
                json!({
                    "runId": step_id(name, number), "parentRunId": name, "rootRunId": name, "name": step.name,
                    "createdUtc": job.created_at.to_string(), "status": "Completed", "runType": "azureml.StepRun",
                })
            })
            .collect();
        let size = if self.page == 0 { all.len() } else { self.page };
        let mut body = json!({"value": all.iter().skip(from).take(size).collect::<Vec<_>>()});
        if from + size < all.len() {
            body["continuationToken"] = (from + size).to_string().into();
            body["nextLink"] = format!("{}{}", asked.address(asked.host), id("")).into();
        }
        Told::json(200, &body)
    }
}

/// What the service calls a step.
#[must_use]
pub fn step_id(run: &str, number: usize) -> String {
    format!("{run}-step-{number}")
}

/// A body with its members in small letters.
fn folded(body: &Value) -> Result<Value, Told> {
    let Some(members) = body.as_object() else { return Err(told(400, "The body is no object.")) };
    let mut folded = Map::new();
    for (name, value) in members {
        if folded.insert(name.to_ascii_lowercase(), value.clone()).is_some() {
            return Err(told(400, &format!("{name} is there twice.")));
        }
        if value.is_null() {
            return Err(refused(format!("{name} is null.")));
        }
    }
    let folded = Value::Object(folded);
    only(&folded, &SUBMISSION)?;
    Ok(folded)
}

/// An error as the region's services word it.
fn told(status: u16, message: &str) -> Told {
    let error = json!({"code": "UserError", "message": message, "details": []});
    Told::json(status, &json!({"error": error, "correlation": {"request": "1"}, "location": "westeurope"}))
}
