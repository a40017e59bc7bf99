//! The tracking service: metrics that a job has logged, and how its run did.

use std::collections::BTreeMap;

use pipeline::names::JobName;
use reqwest::Url;
use runner::ports::Result;
use serde::Deserialize;
use serde_json::Value;

use super::{AzureMl, ROLE, present};
use crate::http::{self, Call, Right};

const READ_METRICS: Right = Right::role("read the metrics of a job", ROLE);
const READ_RUN: Right = Right::role("read what a job said", ROLE);

/// What run history knows of a job.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    #[serde(default)]
    error: Value,
    /// Addresses that carry their own signature, by the names of the files.
    #[serde(default)]
    log_files: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Found {
    run: Run,
}

#[derive(Deserialize)]
struct Run {
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
    value: Value,
}

impl Metric {
    /// A number; the service writes those that JSON has not as text, and nothing can be compared with them.
    fn number(&self) -> Option<f64> {
        let number = self.value.as_f64().or_else(|| self.value.as_str()?.parse().ok());
        number.filter(|number| number.is_finite())
    }
}

impl AzureMl {
    /// The last value of each metric that a job has logged to MLflow; none for a job that the service does not know.
    pub(super) async fn logged(&self, job: &str) -> Result<BTreeMap<String, f64>> {
        let workspace = self.address.id(&[]);
        let path = format!("mlflow/v2.0{workspace}/api/2.0/mlflow/runs/get");
        let url = self.tracked(&path, &[("run_id", job)]).await?;
        let found: Option<Found> = present(self.client.read(Call::get(url, &READ_METRICS)).await)?;
        let metrics = found.map(|found| found.run.data.metrics).unwrap_or_default();
        Ok(metrics.into_iter().filter_map(|metric| Some((metric.key.clone(), metric.number()?))).collect())
    }

    /// What run history knows of a job; None: nothing.
    pub(super) async fn details(&self, experiment: &str, job: &JobName) -> Result<Option<Details>> {
        let workspace = self.address.id(&[]);
        let path = format!("history/v1.0{workspace}/experiments/{experiment}/runs/{job}/details");
        let url = self.tracked(&path, &[]).await?;
        present(self.client.read(Call::get(url, &READ_RUN)).await)
    }

    async fn tracked(&self, path: &str, query: &[(&str, &str)]) -> Result<Url> {
        let path: Vec<&str> = path.split('/').collect();
        Ok(http::join(&self.workspace().await?.tracking, &path, query))
    }
}

impl Details {
    /// Why the run failed, in the service's words.
    pub fn error(&self) -> Option<String> {
        let error = &self.error["error"];
        let message = error["message"].as_str().map(str::trim).filter(|message| !message.is_empty())?;
        Some(crate::text::first(&message.split_whitespace().collect::<Vec<_>>().join(" "), 600))
    }

    /// Where the log of the job's commands is.
    pub fn log(&self) -> Result<Option<Url>> {
        let files = self.log_files.iter().flatten();
        let mut logs = files.filter(|(name, _)| name.starts_with("user_logs/std_log"));
        let Some((_, address)) = logs.next() else { return Ok(None) };
        // Without its text: there is a signature in it.
        Url::parse(address).map(Some).map_err(|_| super::refused("the address of the job's log cannot be read"))
    }
}
