//! Jobs, which go through their states by the clock.
//!
//! ```text
//! NotStarted -> Starting -> Preparing -> Queued -> Running -> Finalizing -> Completed | Failed
//!                                                     `-> CancelRequested -> Canceled
//! ```

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ends::{JobEnd, JobOrder, Step};
use super::orders::FIXED;
use super::pipelines::step_id;
use super::rules::{refused, unchanged};
use super::{
    ACCOUNT, ARTIFACTS_CONTAINER, AzureMl, CONTAINER, DATASTORE, LOCATION, MANAGEMENT, SUBSCRIPTION, id, missing,
    resource,
};
use crate::blob::Blob;
use crate::{Asked, Told};

/// How long a job is in each state, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    pub starting: i64,
    pub preparing: i64,
    pub queued: i64,
    pub finalizing: i64,
    pub canceling: i64,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// As it was asked for.
    pub properties: Value,
    /// What a pipeline was given.
    pub given: BTreeMap<String, String>,
    pub(super) created_at: Timestamp,
    pub canceled_at: Option<Timestamp>,
    pub end: Option<JobEnd>,
    /// Its files are where they belong.
    is_delivered: bool,
}

impl Job {
    pub(super) fn new(properties: Value, now: Timestamp) -> Self {
        let (given, canceled_at, end, is_delivered) = Default::default();
        Self { properties, given, created_at: now, canceled_at, end, is_delivered }
    }

    /// Asked for with these values.
    pub(super) fn given(self, given: BTreeMap<String, String>) -> Self {
        Self { given, ..self }
    }

    /// Ends it, unless it has ended.
    pub(super) fn cancel(&mut self, pace: Pace, now: Timestamp) -> bool {
        let goes_on = !["Completed", "Failed", "Canceled"].contains(&self.status(pace, now));
        if goes_on {
            self.canceled_at.get_or_insert(now);
        }
        goes_on
    }

    /// The steps of a pipeline that has ended, with their numbers.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.end.iter().flat_map(|end| &end.steps).enumerate()
    }

    fn runs_at(&self, pace: Pace) -> Timestamp {
        self.created_at + SignedDuration::from_secs(pace.starting + pace.preparing + pace.queued)
    }

    /// When its commands have ended, if they will.
    fn ends_at(&self, pace: Pace) -> Option<Timestamp> {
        let secs = self.end.as_ref()?.secs?;
        Some(self.runs_at(pace) + SignedDuration::from_secs(secs))
    }

    /// A cancel counts as long as the job has not ended.
    fn is_canceled(&self, pace: Pace) -> Option<Timestamp> {
        let done = self.ends_at(pace).map(|end| end + SignedDuration::from_secs(pace.finalizing));
        self.canceled_at.filter(|canceled| done.is_none_or(|done| *canceled < done))
    }

    pub(super) fn status(&self, pace: Pace, now: Timestamp) -> &'static str {
        let secs = SignedDuration::from_secs;
        if let Some(canceled) = self.is_canceled(pace) {
            return if now < canceled + secs(pace.canceling) { "CancelRequested" } else { "Canceled" };
        }
        let states = [("Starting", pace.starting), ("Preparing", pace.preparing), ("Queued", pace.queued)];
        let mut until = self.created_at;
        for (state, long) in states {
            until += secs(long);
            if now < until {
                return state;
            }
        }
        match (self.ends_at(pace), &self.end) {
            (Some(end), Some(how)) if now >= end => match (now < end + secs(pace.finalizing), how.is_good) {
                (true, _) => "Finalizing",
                (false, true) => "Completed",
                (false, false) => "Failed",
            },
            _ => "Running",
        }
    }
}

impl AzureMl {
    /// Puts a job there that runs from this moment on and ends so.
    pub fn add_job(&mut self, name: &str, now: Timestamp, end: JobEnd) {
        let uri = format!("azureml://datastores/{DATASTORE}/paths/trainyard/{name}/");
        let output = json!({"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": uri});
        let properties = json!({
            "jobType": "Command", "experimentName": "diabetes", "command": "python launch.py",
            "environmentId": id("environments/theirs/versions/1"), "outputs": {"result": output},
        });
        let job = Job { end: Some(end), ..Job::new(properties, now) };
        self.jobs.entry(name.to_owned()).or_insert(job);
    }

    /// Goes on to this moment: jobs begin to run, and what they leave is put where it belongs.
    pub(super) fn advance(&mut self, now: Timestamp, blob: &mut Blob) {
        let pace = self.pace;
        let names: Vec<String> = self.jobs.keys().cloned().collect();
        for name in names {
            let job = &self.jobs[&name];
            if job.end.is_none() && now >= job.runs_at(pace) && job.canceled_at.is_none() {
                let order = self.order(&name, blob);
                let end = self.on_job.as_mut().map_or_else(JobEnd::good, |on_job| on_job(&order));
                self.jobs.get_mut(&name).unwrap().end = Some(end);
            }
            let job = self.jobs.get_mut(&name).unwrap();
            let has_ended = job.ends_at(pace).is_some_and(|end| now >= end) && job.is_canceled(pace).is_none();
            if has_ended && !job.is_delivered {
                job.is_delivered = true;
                deliver(&name, job, blob);
            }
        }
    }

    fn order(&self, name: &str, blob: &Blob) -> JobOrder {
        let properties = &self.jobs[name].properties;
        let asset = |member: &str| {
            let id = properties[member].as_str().unwrap_or_default();
            self.assets
                .get(id.strip_prefix(&self::id("")).unwrap_or(id).trim_start_matches('/'))
                .cloned()
                .unwrap_or_default()
        };
        let (code, environment) = (asset("codeId"), asset("environmentId"));
        let container = code["codeUri"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let files = blob.list(ACCOUNT, container, "").into_iter();
        let variables = properties["environmentVariables"].as_object().into_iter().flatten();
        JobOrder {
            name: name.to_owned(),
            command: properties["command"].as_str().unwrap_or_default().to_owned(),
            variables: variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
            code: files.map(|file| (file.clone(), blob.get(ACCOUNT, container, &file).unwrap())).collect(),
            image: environment["image"].as_str().unwrap_or_default().to_owned(),
            conda: environment["condaFile"].as_str().map(str::to_owned),
            given: self.jobs[name].given.clone(),
        }
    }

    pub(super) fn job(&mut self, asked: &Asked<'_>, path: &[&str]) -> Told {
        match (asked.method, path) {
            ("GET", [name]) => match self.jobs.get(*name).filter(|job| self.is_shown(job, asked.now)) {
                Some(_) => Told::json(200, &self.show_job(asked, name, None)),
                None => missing(asked),
            },
            ("PUT", [name]) => self.put_job(asked, name),
            ("POST", [name, "cancel"]) => {
                let pace = self.pace;
                let Some(job) = self.jobs.get_mut(*name) else { return missing(asked) };
                if !job.cancel(pace, asked.now) {
                    return refused("The run is in a terminal state and cannot be canceled.");
                }
                let base = asked.address(MANAGEMENT);
                let location = format!(
                    "{base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/{LOCATION}/\
                     mfeOperationResults/{name}?api-version=2024-10-01"
                );
                Told::empty(202).with("location", location).with("retry-after", "10")
            }
            _ => missing(asked),
        }
    }

    /// Whether it is old enough to be seen.
    pub(super) fn is_shown(&self, job: &Job, now: Timestamp) -> bool {
        now >= job.created_at + SignedDuration::from_secs(self.lag_secs)
    }

    pub(super) fn cancel_operation(&self, asked: &Asked<'_>, name: &str) -> Told {
        match self.jobs.get(name).map(|job| job.status(self.pace, asked.now)) {
            None => missing(asked),
            Some("CancelRequested") => {
                Told::empty(202).with("location", asked.path.join("/")).with("retry-after", "10")
            }
            Some(_) => Told::empty(200),
        }
    }

    fn put_job(&mut self, asked: &Asked<'_>, name: &str) -> Told {
        let properties = &asked.body["properties"];
        if let Err(refused) = self.allowed(name, properties) {
            return refused;
        }
        if let Some(job) = self.jobs.get_mut(name) {
            if let Err(refused) = unchanged(&job.properties, properties, &FIXED) {
                return refused;
            }
            job.properties["tags"] = properties["tags"].clone();
            return Told::json(200, &self.show_job(asked, name, None));
        }
        self.jobs.insert(name.to_owned(), Job::new(properties.clone(), asked.now));
        Told::json(201, &self.show_job(asked, name, Some("NotStarted")))
    }

    fn show_job(&self, asked: &Asked<'_>, name: &str, status: Option<&str>) -> Value {
        let job = &self.jobs[name];
        let mut properties = job.properties.clone();
        properties["status"] = status.unwrap_or_else(|| job.status(self.pace, asked.now)).into();
        let tracking = format!("azureml://{}/mlflow/v1.0{}?", super::TRACKING, id(""));
        let page = format!("https://ml.azure.com/runs/{name}?wsid={}", id(""));
        properties["services"] = json!({
            "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking},
            "Studio": {"jobServiceType": "Studio", "endpoint": page},
        });
        resource(asked, &format!("jobs/{name}"), &properties)
    }
}

/// Puts what a job leaves where it belongs.
fn deliver(name: &str, job: &Job, blob: &mut Blob) {
    let end = job.end.as_ref().unwrap();
    for (path, bytes) in &end.left {
        blob.put(ACCOUNT, CONTAINER, path, bytes.clone());
    }
    for (number, step) in job.steps() {
        for (path, bytes) in &step.artifacts {
            let path = format!("ExperimentRun/dcid.{}/{path}", step_id(name, number));
            blob.put(ACCOUNT, ARTIFACTS_CONTAINER, &path, bytes.clone());
        }
    }
    let uri = job.properties["outputs"]["result"]["uri"].as_str().unwrap_or_default();
    let Some((_, path)) = uri.split_once("/paths/") else { return };
    for (name, bytes) in &end.files {
        blob.put(ACCOUNT, CONTAINER, &format!("{}/{name}", path.trim_end_matches('/')), bytes.clone());
    }
}
