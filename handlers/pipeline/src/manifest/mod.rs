//! `trainyard.yml`: what a model repository says about its delivery.
//!
//! All defaults are what MLOpsPython does, so the smallest manifest is `version: 1` and `project: name`. Unknown keys,
//! wrong types and impossible values are errors that name the line.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{Branch, Digest, EnvironmentName, ModelName, Project};

mod defaults;
mod explain;
mod init;
mod ordered;
mod paths;
mod places;
mod read;
mod toggle;
mod validate;

pub use init::{Derived, derive};
pub use paths::Concern;
pub use read::{ManifestError, Problem, json_schema, read};
pub use toggle::{Need, Toggle};

/// A model repository's `trainyard.yml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this file's shape: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The project's name.
    pub project: Project,
    /// What starts a run.
    #[serde(default)]
    pub triggers: Triggers,
    /// Lint and tests; `check: false` leaves them out.
    #[serde(default)]
    pub check: Toggle<Check>,
    /// The training job; `train: false` for a repository that trains elsewhere.
    #[serde(default)]
    pub train: Toggle<Train>,
    /// When a challenger may replace the champion.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// How a model version is registered.
    #[serde(default)]
    pub register: Register,
    /// The scoring image and its tests.
    #[serde(default)]
    pub scoring: Scoring,
    /// What the model needs of Azure, as code; None: nothing is declared, and nothing is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure: Option<Infrastructure>,
    /// Where releases go, in this order.
    #[serde(default = "defaults::environments", with = "ordered")]
    #[schemars(with = "BTreeMap<String, Environment>")]
    pub environments: Vec<(EnvironmentName, Environment)>,
}

/// What starts a run, and what does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Triggers {
    /// Branches whose pushes are delivered: at least one.
    #[schemars(length(min = 1))]
    pub branches: Vec<Branch>,
    /// Whether pull requests are checked; nothing is trained or deployed for them.
    pub pull_requests: bool,
    /// Which changed files count.
    pub paths: Paths,
    /// A change of these files alone packages the live model anew and trains nothing.
    pub scoring_paths: Vec<String>,
    /// Whether a newer push ends older waiting runs of the same branch.
    pub supersede: bool,
    /// Tags whose pushes are delivered, as globs: `v*`. None of them by default.
    pub tags: Vec<String>,
    /// Whether a version that somebody else registered, of this project's model, is packaged and released.
    pub models: bool,
    /// When the model is trained again although nobody changed the code.
    pub retrain: Retrain,
}

/// When the model is trained again although nobody changed the code. A retraining that comes too early is recorded and
/// not done, so that a loop (new data make a model, whose use makes new data) ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retrain {
    /// NCRONTAB, in UTC: `0 0 3 * * 0` is each Sunday at three. After a downtime it is made up for once.
    pub schedule: Option<String>,
    /// Whether new data that the project watches do.
    pub on_data: bool,
    /// Whether drift that is detected in the data that the project watches does.
    pub on_drift: bool,
    /// So long after a retraining no other one begins.
    #[schemars(range(max = 720))]
    pub cooldown_hours: f64,
    /// So many retrainings begin within seven days, and no more.
    #[schemars(range(min = 1, max = 1000))]
    pub most_in_a_week: u32,
}

/// Globs over paths from the repository's root: `*` and `?` stay in a folder, `**` crosses folders, and the plain name
/// of a folder means all that is in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// Only these; empty means all.
    pub include: Vec<String>,
    /// Never these.
    pub exclude: Vec<String>,
}

/// Lint, unit tests, data tests and coverage. All commands run even if one is red.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// The dependency file of the environment that the commands run in.
    pub environment: String,
    /// The linter's command; may leave `lint-testresults.xml` (JUnit).
    pub lint: Option<String>,
    /// The tests' command; leaves `unit-testresults.xml` (JUnit) and `coverage.xml` (Cobertura).
    pub test: Option<String>,
    /// What the coverage report must show.
    pub coverage: Coverage,
    /// After this long the check has failed.
    #[schemars(range(min = 1, max = 43200))]
    pub timeout_minutes: u32,
}

/// What the coverage report must show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    /// The least share of lines, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub min_line: f64,
    /// Whether a missing or empty report fails the check.
    pub required: bool,
}

/// The training job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Train {
    /// `false`: a run waits for nobody and stops after the check; people start the training.
    pub auto: bool,
    /// The dependency file of the environment that trains: pip requirements or a conda file.
    pub environment: String,
    /// The command, run in a snapshot of the commit.
    pub command: String,
    /// The file of parameters, told to the command as `TRAINYARD_PARAMETERS`.
    pub parameters: Option<String>,
    /// The training data, told to the command as `TRAINYARD_DATA`.
    pub data: Option<String>,
    /// The model file that the command leaves in the folder `TRAINYARD_OUTPUTS`.
    pub model: String,
    /// After this long the job is canceled and the run has failed.
    #[schemars(range(min = 1, max = 43200))]
    pub timeout_minutes: u32,
}

/// What the model needs of Azure. On a pull request people are told what it would change; on a branch that is delivered it is
/// applied when it is another than before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Infrastructure {
    /// The template: JSON, as `az bicep build` makes it of Bicep.
    pub template: String,
    /// The file of its parameters: JSON, as `az bicep build-params` makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// After this long its application is canceled and the run has failed.
    #[serde(default = "defaults::infrastructure_minutes")]
    #[schemars(range(min = 1, max = 1440))]
    pub timeout_minutes: u32,
}

/// When a challenger may replace the champion: the model that is **deployed** in the last environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluate {
    /// `RUN_EVALUATION`: `false` registers and releases without comparing.
    pub run: bool,
    /// `ALLOW_RUN_CANCEL`: `stop` ends the run when the challenger is not better; `register` registers it all the same,
    /// and ends the run after that.
    pub on_worse: OnWorse,
    /// All must hold.
    pub rules: Vec<Rule>,
}

/// What happens to a model that is not better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnWorse {
    /// Nothing: the run ends as `not_better`.
    Stop,
    /// It is registered for the record, and the run ends as `not_better`.
    Register,
}

/// One metric's rule. Equal is not better, and a missing metric fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The metric's name, exactly as the training job reports it.
    pub metric: String,
    /// Which way is better.
    pub goal: Goal,
    /// By how much the challenger must be better, in the metric's unit. Strictly better is always asked.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub min_improvement: f64,
    /// A bound that must hold whatever the champion does: at most (minimize) or at least (maximize) this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

/// How a model version is registered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// The model's name; the project's with `_model` when absent.
    pub name: Option<ModelName>,
    /// Metrics that become tags of the version.
    pub tags: Vec<String>,
}

/// The scoring image and its tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scoring {
    /// The script with `init()` and `run(...)`, as Azure ML expects it.
    pub entry: String,
    /// The dependency file of the environment that serves.
    pub environment: String,
    /// Files and folders that go into the image beside the model.
    pub include: Vec<String>,
    /// A folder of pytest tests, run inside the image's content; None: there are none.
    pub tests: Option<String>,
    /// The load test; None: nothing is measured.
    pub profile: Option<Load>,
    /// Requests and what they must answer.
    pub smoke: Vec<Smoke>,
}

/// A load test against the packaged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The file with the request's body.
    pub payload: String,
    /// How long.
    #[serde(default = "defaults::load_seconds")]
    #[schemars(range(min = 1, max = 600))]
    pub seconds: u32,
    /// How many requests are under way at a time.
    #[serde(default = "defaults::load_concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: u32,
}

/// One request of a smoke test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smoke {
    /// The file with the request's body.
    pub payload: String,
    /// What it must answer.
    #[serde(default)]
    pub expect: Expect,
}

/// What a smoke test's answer must be. An answer with a member `error` fails, whatever its status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// The numbers of the member `result`, in order; None: any.
    pub result: Option<Vec<f64>>,
    /// How many there must be; None: any.
    pub length: Option<usize>,
    /// How far each number may be off.
    #[schemars(range(min = 0))]
    pub tolerance: f64,
}

/// Where releases go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Environment {
    /// On what an environment runs is the app's setting, so that one manifest is right on a laptop and in the cloud.
    /// Manifests of 0.1.0 say `local`, and it is still written: approvals are bound to a digest of what is written.
    #[schemars(skip)]
    target: Target,
    /// The gate before it; None: there is none.
    pub approval: Option<Approval>,
    /// Whether a failing release is replaced by the last good one. None: only in the last environment.
    pub rollback: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    #[default]
    Local,
}

/// The gate before an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Approval {
    /// Who may answer; empty: anyone.
    pub approvers: Vec<String>,
    /// How many must approve.
    pub need: Need,
    /// After this long the gate is closed and the run has expired.
    #[schemars(range(max = 720))]
    pub timeout_hours: f64,
    /// Whether who asked for the run may approve it.
    pub requester_may_approve: bool,
}

impl Manifest {
    /// The name that the project's models are registered under.
    #[must_use]
    pub fn model_name(&self) -> ModelName {
        let default = || format!("{}_model", self.project).parse().expect("a project's name fits a model's name");
        self.register.name.clone().unwrap_or_else(default)
    }

    /// The environment's settings.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|(known, _)| known == name).map(|(_, environment)| environment)
    }

    /// The environment whose releases are the champions: the last.
    #[must_use]
    pub fn production(&self) -> Option<&EnvironmentName> {
        self.environments.last().map(|(name, _)| name)
    }

    /// Whether a failing release in this environment is replaced by the last good one.
    #[must_use]
    pub fn rolls_back(&self, name: &EnvironmentName) -> bool {
        let is_last = self.production() == Some(name);
        self.environment(name).and_then(|environment| environment.rollback).unwrap_or(is_last)
    }

    /// The digest of the settings that decide how a release serves in this environment.
    #[must_use]
    pub fn config_digest(&self, name: &EnvironmentName) -> Digest {
        let settings = (self.environment(name), &self.scoring.entry, &self.scoring.environment);
        Digest::of(&serde_json::to_vec(&settings).expect("settings are plain data"))
    }
}

#[cfg(test)]
mod tests;
