//! MLflow's tracking service and the run history, on a host of the region.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jobs::Job;
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
            return match self.jobs.get(name) {
                Some(job) => Told::json(200, &run(name, job, job.status(self.pace, asked.now), asked.now)),
                None => unknown(name),
            };
        }
        let history: Vec<&str> = history.unwrap_or_default().split('/').skip(1).collect();
        if let ("GET", ["experiments", experiment, "runs", name, "details"]) = (asked.method, &history[..]) {
            return match self.jobs.get(*name) {
                Some(job) if job.properties["experimentName"] == *experiment => self.details(asked, name, blob),
                _ => unknown(name),
            };
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
        let (container, path) = ("azureml", format!("ExperimentRun/dcid.{name}/user_logs/std_log.txt"));
        blob.put(ACCOUNT, container, &path, end.log.clone());
        let signature = blob.sas(ACCOUNT, container);
        let base = asked.address(&format!("{ACCOUNT}.blob.core.windows.net"));
        body["logFiles"] = json!({"user_logs/std_log.txt": format!("{base}/{container}/{path}?{signature}")});
        Told::json(200, &body)
    }
}

fn run(name: &str, job: &Job, status: &str, now: Timestamp) -> Value {
    let metrics = job.end.as_ref().filter(|_| status != "Running").map(|end| end.metrics.clone()).unwrap_or_default();
    let metric = |(key, value)| json!({"key": key, "value": value, "timestamp": now.as_millisecond(), "step": 0});
    let metrics: Vec<Value> = metrics.into_iter().map(metric).collect();
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
