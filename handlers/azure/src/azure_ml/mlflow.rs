//! The tracking service: metrics that a job has logged, and how its run did.

use std::collections::BTreeMap;

use reqwest::Url;
use reqwest::header::HeaderValue;
use runner::ports::Result;
use serde::Deserialize;
use serde_json::Value;

use super::workspace::Workspace;
use super::{ROLE, present};
use crate::http::{self, Call, Kind, Right};

const READ_METRICS: Right = Right::role("read the metrics of a job", ROLE);
const READ_LOG: Right = Right::role("read the log of a job", ROLE);
const READ_RUN: Right = Right::role("read what a job said", ROLE);

/// As much of a log as is read at a time, in bytes.
pub(super) const LOG_PART: usize = 256 << 10;
/// Names of logs begin so: those of commands, those of the first SDK, those of its pipelines.
const LOGS: [&str; 5] = [
    "user_logs/std_log",
    "azureml-logs/70_driver_log",
    "logs/azureml/executionlogs",
    "logs/azureml/stderrlogs",
    "logs/azureml/stdoutlogs",
];
const STORAGE_VERSION: &str = "2025-01-05";

/// What run history knows of a job.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    #[serde(default)]
    pub status: String,
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

impl Workspace {
    /// The last value of each metric that a job has logged to MLflow; none for a job that the service does not know.
    pub async fn logged(&self, job: &str) -> Result<BTreeMap<String, f64>> {
        let url = self.tracked("mlflow/v2.0", "api/2.0/mlflow/runs/get", &[("run_id", job)]).await?;
        let found: Option<Found> = present(self.client.read(Call::get(url, &READ_METRICS)).await)?;
        let metrics = found.map(|found| found.run.data.metrics).unwrap_or_default();
        Ok(metrics.into_iter().filter_map(|metric| Some((metric.key.clone(), metric.number()?))).collect())
    }

    /// What run history knows of a job; None: nothing.
    pub async fn details(&self, experiment: &str, job: &str) -> Result<Option<Details>> {
        let below = format!("experiments/{experiment}/runs/{job}/details");
        let url = self.tracked("history/v1.0", &below, &[]).await?;
        present(self.client.read(Call::get(url, &READ_RUN)).await)
    }

    /// What a file at an address that carries its own signature has from this byte on, a little more than a part of it.
    pub async fn log_part(&self, address: Url, from: u64) -> Result<Vec<u8>> {
        let to = from.saturating_add(LOG_PART as u64);
        let range = HeaderValue::from_str(&format!("bytes={from}-{to}")).map_err(super::refused)?;
        let call = Call::get(address, &READ_LOG)
            .with("x-ms-range", range)
            .with("x-ms-version", HeaderValue::from_static(STORAGE_VERSION));
        match self.opened.call(call).await {
            Ok(answer) => Ok(answer.body),
            // Nothing beyond what was read already, or nothing yet.
            Err(error) if error.status == 416 || error.kind == Kind::Gone => Ok(Vec::new()),
            Err(error) => Err(error.into_port()),
        }
    }

    /// The address of something that a service of the region has of the workspace.
    pub async fn tracked(&self, service: &str, below: &str, query: &[(&str, &str)]) -> Result<Url> {
        let path = format!("{service}{}/{below}", self.address.id(&[]));
        let path: Vec<&str> = path.split('/').collect();
        Ok(http::join(&self.facts().await?.tracking, &path, query))
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
        Ok(self.logs()?.into_iter().find(|(name, _)| name.starts_with("user_logs/std_log")).map(|(_, address)| address))
    }

    /// Where files are that people read to learn what a job, a step or a pipeline did, by their names.
    pub fn logs(&self) -> Result<Vec<(&str, Url)>> {
        let mut found = Vec::new();
        for (name, address) in self.log_files.iter().flatten() {
            if LOGS.iter().any(|beginning| name.starts_with(beginning)) {
                // Without its text: there is a signature in it.
                let address = Url::parse(address);
                let address = address.map_err(|_| super::refused("the address of the job's log cannot be read"))?;
                found.push((name.as_str(), address));
            }
        }
        Ok(found)
    }
}
