//! Numbers that a run has left: in its notebook's last word, in `metrics.json`, or in the workspace's MLflow.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::run::Run;
use super::{DatabricksJobs, is_gone};
use crate::http::{self, Call, CallError, Right};
use crate::metrics;

const READ: Right = Right::role("read the metrics of a run", "CAN READ on the MLflow experiment");
const MLFLOW: [&str; 4] = ["api", "2.0", "mlflow", "runs"];
/// Databricks itself puts this tag on what a job logs to MLflow.
const TAG: &str = "mlflow.databricks.jobRunID";

/// Numbers, and sentences about what is none.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metrics {
    pub numbers: BTreeMap<String, f64>,
    pub problems: Vec<String>,
    /// What of a log is left out. It may hold much that nobody asked for.
    pub said: Vec<String>,
}

/// Of `mlflow/runs/get`.
#[derive(Deserialize)]
struct Got {
    run: Logged,
}

/// Of `mlflow/runs/search`.
#[derive(Deserialize)]
struct Searched {
    #[serde(default)]
    runs: Vec<Logged>,
}

#[derive(Deserialize)]
struct Logged {
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    key: String,
    #[serde(default)]
    value: Value,
}

impl From<metrics::Metrics> for Metrics {
    fn from(metrics::Metrics { numbers, problems }: metrics::Metrics) -> Self {
        Self { numbers, problems, said: Vec::new() }
    }
}

impl Metrics {
    /// From names and values. What is no number, or one that cannot be compared, is a problem.
    pub fn of(members: Map<String, Value>) -> Self {
        metrics::Metrics::of(members).into()
    }

    fn logged(run: Logged) -> Self {
        let Self { numbers, problems, .. } =
            Self::of(run.data.metrics.into_iter().map(|metric| (metric.key, metric.value)).collect());
        Self { numbers, said: problems, problems: Vec::new() }
    }
}

impl DatabricksJobs {
    /// The last values of an MLflow run.
    pub(super) async fn metrics_of(&self, run_id: &str) -> Result<Metrics, CallError> {
        let url = http::join(&self.base, &[&MLFLOW[..], &["get"]].concat(), &[("run_id", run_id)]);
        match self.client.read::<Got>(Call::get(url, &READ)).await {
            Ok(got) => Ok(Metrics::logged(got.run)),
            Err(error) if is_gone(&error) => {
                let problems = vec![format!("the workspace's MLflow has no run {run_id:?}")];
                Ok(Metrics { problems, ..Metrics::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// What a run of ours has logged to these experiments, by the tag that Databricks puts on it. Which of a run's two ids
    /// it carries depends on the runtime.
    pub(super) async fn metrics_logged(&self, run: &Run, experiments: &[String]) -> Result<Metrics, CallError> {
        if experiments.is_empty() {
            return Ok(Metrics::default());
        }
        for id in run.task().into_iter().chain([run.run_id]) {
            let body = json!({
                "experiment_ids": experiments,
                "filter": format!("tags.`{TAG}` = '{id}'"),
                "run_view_type": "ACTIVE_ONLY",
                "max_results": 1,
                "order_by": ["attributes.start_time DESC"],
            });
            let url = http::join(&self.base, &[&MLFLOW[..], &["search"]].concat(), &[]);
            let searched: Searched = self.client.read(Call::send(Method::POST, url, body, &READ)).await?;
            if let Some(logged) = searched.runs.into_iter().next() {
                return Ok(Metrics::logged(logged));
            }
        }
        Ok(Metrics::default())
    }
}
