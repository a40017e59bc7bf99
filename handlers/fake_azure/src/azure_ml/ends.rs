//! What becomes of jobs, as tests want it.

use std::collections::BTreeMap;

use serde_json::Value;

/// What becomes of a job, decided when it begins to run.
pub type OnJob = Box<dyn FnMut(&JobOrder) -> JobEnd + Send>;

/// A job, as the machine that runs it sees it.
#[derive(Debug, Clone)]
pub struct JobOrder {
    pub name: String,
    pub command: String,
    pub variables: BTreeMap<String, String>,
    /// The files of its code.
    pub code: BTreeMap<String, Vec<u8>>,
    /// The image of its environment.
    pub image: String,
    /// What its environment installs, if anything.
    pub conda: Option<String>,
    /// What a pipeline was given: its parameters, or its inputs.
    pub given: BTreeMap<String, String>,
}

/// What becomes of it.
#[derive(Debug, Clone, Default)]
pub struct JobEnd {
    pub is_good: bool,
    /// How long it runs, in seconds. None: until somebody cancels it.
    pub secs: Option<i64>,
    /// What it leaves in its output `result`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the service says about a failure.
    pub error: Option<String>,
    /// What it prints.
    pub log: String,
    /// What it logs to MLflow.
    pub metrics: BTreeMap<String, Value>,
    /// What it leaves elsewhere on the default datastore, by path.
    pub left: BTreeMap<String, Vec<u8>>,
    /// What a pipeline's steps did.
    pub steps: Vec<Step>,
}

/// A step of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub name: String,
    /// What it logs to MLflow.
    pub metrics: BTreeMap<String, Value>,
    /// What it prints.
    pub log: String,
    /// What it uploads as artifacts, by path.
    pub artifacts: BTreeMap<String, Vec<u8>>,
}

impl JobEnd {
    /// At once and well.
    #[must_use]
    pub fn good() -> Self {
        Self { is_good: true, secs: Some(0), ..Self::default() }
    }

    /// At once and badly.
    #[must_use]
    pub fn bad(error: &str) -> Self {
        Self { secs: Some(0), error: Some(error.to_owned()), ..Self::default() }
    }

    /// Never.
    #[must_use]
    pub fn endless() -> Self {
        Self::default()
    }
}
