//! MLflow's tracking service and the run history, on a host of the region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ends::Step;
use super::pipelines::step_id;
use super::{ACCOUNT, AzureMl, id};
use crate::blob::Blob;
use crate::{Asked, Told};

impl AzureMl {
    pub(super) fn tracked(&mut self, asked: &Asked<'_>, blob: &mut Blob) -> Told {
        let path = format!("/{}", asked.path.join("/"));
        let workspace = id("");
        let mlflow = path.strip_prefix("/mlflow/v2.0").and_then(|path| path.strip_prefix(&workspace));
        let history = path.strip_prefix("/history/v1.0").and_then(|path| path.strip_prefix(&workspace));
        if asked.method == "GET" && mlflow == Some("/api/2.0/mlflow/runs/get") {
            let name = asked.query.get("run_id").map(String::as_str).unwrap_or_default();
            if let Some(step) = self.step(name) {
                return Told::json(200, &run(name, &step.metrics, "Completed", asked.now));
            }
            return match self.jobs.get(name) {
                Some(job) => {
                    let status = job.status(self.pace, asked.now);
                    let metrics = job.end.as_ref().filter(|_| status != "Running").map(|end| end.metrics.clone());
                    Told::json(200, &run(name, &metrics.unwrap_or_default(), status, asked.now))
                }
                None => unknown(name),
            };
        }
        if let Some(below) = path.strip_prefix("/pipelines/v1.0").and_then(|path| path.strip_prefix(&workspace)) {
            return self.pipelines(asked, &below.split('/').skip(1).collect::<Vec<_>>());
        }
        let history: Vec<&str> = history.unwrap_or_default().split('/').skip(1).collect();
        match (asked.method, &history[..]) {
            ("GET", ["experiments", experiment, "runs", name, "details"]) => {
                if let Some(step) = self.step(name) {
                    let body = json!({"runId": name, "status": "Completed", "tags": {}, "properties": {}});
                    return Told::json(200, &with_log(asked, blob, body, "user_logs/std_log.txt", &step.log));
                }
                let job = self.jobs.get(*name).filter(|job| self.is_shown(job, asked.now));
                return match job {
                    Some(job) if job.properties["experimentName"] == *experiment => self.details(asked, name, blob),
                    _ => unknown(name),
                };
            }
            ("GET", ["experiments", _, "runs", name, "children"]) => return self.children(asked, name),
            ("POST", ["experiments", experiment, "runs:query"]) => return self.query_runs(asked, experiment),
            _ => {}
        }
        Told::error(404, "NotFound", &path)
    }

    fn details(&self, asked: &Asked<'_>, name: &str, blob: &mut Blob) -> Told {
        let job = &self.jobs[name];
        let status = job.status(self.pace, asked.now);
        let mut body = json!({"runId": name, "status": status, "tags": {}, "properties": {}, "logFiles": {}});
        let Some(end) = &job.end else { return Told::json(200, &body) };
        if status == "Failed"
            && let Some(error) = &end.error
        {
            let error = json!({"code": "UserError", "message": error, "details": []});
            body["error"] = json!({"error": error, "correlation": {"request": "1"}, "location": "westeurope"});
        }
        // The first SDK's name for what a pipeline did.
        let is_pipeline = job.properties["jobType"] == "Pipeline";
        let log = if is_pipeline { "logs/azureml/executionlogs.txt" } else { "user_logs/std_log.txt" };
        Told::json(200, &with_log(asked, blob, body, log, &end.log))
    }

    /// A step by what the service calls it.
    fn step(&self, id: &str) -> Option<&Step> {
        let (run, _) = id.rsplit_once("-step-")?;
        self.jobs.get(run)?.steps().find(|(number, _)| step_id(run, *number) == id).map(|(_, step)| step)
    }
}

/// The details of a run, with a log that they lead to.
fn with_log(asked: &Asked<'_>, blob: &mut Blob, mut body: Value, name: &str, log: &str) -> Value {
    let run = body["runId"].as_str().unwrap();
    let (container, path) = ("azureml", format!("ExperimentRun/dcid.{run}/{name}"));
    blob.put(ACCOUNT, container, &path, log);
    let signature = blob.sas(ACCOUNT, container);
    let base = asked.address(&format!("{ACCOUNT}.blob.core.windows.net"));
    body["logFiles"] = json!({name: format!("{base}/{container}/{path}?{signature}")});
    body
}

fn run(name: &str, metrics: &BTreeMap<String, Value>, status: &str, now: Timestamp) -> Value {
    let metric = |(key, value)| json!({"key": key, "value": value, "timestamp": now.as_millisecond(), "step": 0});
    let metrics: Vec<Value> = metrics.iter().map(metric).collect();
    let word = match status {
        "Completed" => "FINISHED",
        "Failed" => "FAILED",
        "Canceled" => "KILLED",
        "NotStarted" | "Starting" | "Preparing" | "Queued" => "SCHEDULED",
        _ => "RUNNING",
    };
    json!({"run": {
        "info": {"run_id": name, "run_uuid": name, "run_name": name, "experiment_id": "1", "status": word},
        "data": {"metrics": metrics, "params": [], "tags": []},
    }})
}

fn unknown(name: &str) -> Told {
    let message = format!("Run with id {name} was not found.");
    Told::json(
        404,
        &json!({"error": {"code": "UserError", "message": message, "innerError": {"code": "NotFoundError"}}}),
    )
}
