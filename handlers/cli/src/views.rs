//! What the host says, as far as people are shown it. Unknown fields pass; what may be missing has a default.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// A page of the list of runs.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Runs {
    pub runs: Vec<Summary>,
}

/// A run in a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Summary {
    pub id: String,
    pub number: u64,
    pub project: String,
    #[serde(default)]
    pub branch: Option<String>,
    #[serde(default)]
    pub commit: Option<String>,
    pub trigger: String,
    #[serde(default)]
    pub requested_by: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub outcome: Option<String>,
    #[serde(default)]
    pub waiting_for: Option<String>,
    #[serde(default)]
    pub step: Option<String>,
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub id: String,
    pub number: u64,
    pub project: String,
    #[serde(default)]
    pub commit: Option<String>,
    #[serde(default)]
    pub branch: Option<String>,
    pub trigger: String,
    #[serde(default)]
    pub requested_by: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub outcome: Option<String>,
    #[serde(default)]
    pub waiting_for: Option<String>,
    #[serde(default)]
    pub because: Vec<String>,
    #[serde(default)]
    pub advice: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    #[serde(default)]
    pub champion: Option<Champion>,
    #[serde(default)]
    pub model: Option<Model>,
    #[serde(default)]
    pub image: Option<Image>,
    #[serde(default)]
    pub environments: BTreeMap<String, Environment>,
    #[serde(default)]
    pub reports: BTreeMap<String, String>,
}

/// A step of a run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub step: String,
    #[serde(default)]
    pub environment: Option<String>,
    pub status: String,
    #[serde(default)]
    pub attempt: u32,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub because: Vec<String>,
    #[serde(default)]
    pub waiting_for: Option<String>,
}

/// What served in production when the challenger was compared.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Champion {
    #[serde(default)]
    pub number: Option<u64>,
    #[serde(default)]
    pub model: Option<Model>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
}

/// A registered model.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Model {
    pub name: String,
    pub version: u64,
    #[serde(default)]
    pub digest: Option<String>,
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

/// An image.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Image {
    pub digest: String,
}

/// What a run knows of one environment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Environment {
    #[serde(default)]
    pub endpoint: Option<String>,
    #[serde(default)]
    pub release: Option<Release>,
    #[serde(default)]
    pub approval: Option<Approval>,
}

/// What a run put into an environment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Release {
    pub number: u64,
    pub model: Model,
    pub image: String,
}

/// A gate before an environment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Approval {
    pub opened_at: Timestamp,
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    #[serde(default)]
    pub answers: Vec<GateAnswer>,
    #[serde(default)]
    pub granted: bool,
}

/// A person's answer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GateAnswer {
    pub by: String,
    pub verdict: String,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why a run stands where it stands.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Why {
    pub sentences: Vec<String>,
    #[serde(default)]
    pub action: Option<String>,
}

/// A part of a step's log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Log {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub next: u64,
    #[serde(default)]
    pub ended: bool,
}

/// What became of a request for a run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Begun {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub number: Option<u64>,
    pub project: String,
    #[serde(default)]
    pub created: bool,
    #[serde(default)]
    pub outcome: Option<String>,
    #[serde(default)]
    pub because: Vec<String>,
}

/// What the host says to an approval, a cancellation, another try.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub said: String,
}

/// What serves where.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Places {
    pub environments: Vec<Place>,
}

/// One environment of one project.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Place {
    pub project: String,
    pub environment: String,
    #[serde(default)]
    pub current: Option<Current>,
    #[serde(default)]
    pub proven: bool,
    #[serde(default)]
    pub holder: Option<u64>,
    #[serde(default)]
    pub queue: Vec<u64>,
    #[serde(default)]
    pub quarantine: Vec<String>,
}

/// What serves in an environment now.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Current {
    pub number: u64,
    pub model: Model,
    pub image: String,
    #[serde(default)]
    pub deployed_at: Option<Timestamp>,
    #[serde(default)]
    pub endpoint: Option<String>,
}

/// Messages that were given up.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DeadLetters {
    pub dead_letters: Vec<DeadLetter>,
}

/// A message that was given up.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DeadLetter {
    pub id: String,
    pub queue: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub at: Option<Timestamp>,
    #[serde(default)]
    pub run: Option<serde_json::Value>,
}

/// A page of the list of events.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Events {
    pub events: Vec<Event>,
}

/// An event that came in.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub id: String,
    pub at: Timestamp,
    #[serde(default)]
    pub door: String,
    #[serde(default)]
    pub verified: String,
    pub reading: Reading,
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    pub did: Vec<Did>,
}

/// What an event came to when it was read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Reading {
    pub outcome: String,
    #[serde(default)]
    pub envelope: Option<Envelope>,
    #[serde(default)]
    pub fact: Option<serde_json::Value>,
    #[serde(default)]
    pub remarks: Vec<Remark>,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub part: Option<String>,
}

/// Who sent an event, and as what.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Envelope {
    pub sender: String,
    pub id: String,
    pub kind: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub at: Option<Timestamp>,
    #[serde(default)]
    pub subject: Option<String>,
}

/// What was noticed while an event was read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Remark {
    pub code: String,
    #[serde(default)]
    pub what: String,
}

/// What was done about an event.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub(crate) enum Did {
    Asked {
        what: String,
        #[serde(default)]
        came_to: Option<CameTo>,
    },
    Told {
        number: u64,
    },
    Ignored {
        why: String,
    },
    #[serde(other)]
    Other,
}

/// What a wish for a run came to.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "came_to", rename_all = "snake_case")]
pub(crate) enum CameTo {
    Started {
        number: u64,
    },
    Known {
        number: u64,
    },
    Nothing {
        why: String,
    },
    #[serde(other)]
    Other,
}

/// What projects take events from.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WatchList {
    pub projects: BTreeMap<String, serde_json::Value>,
}

/// How the host's surroundings are.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Doctor {
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, serde::Serialize, Deserialize)]
pub(crate) struct Check {
    pub name: String,
    pub ok: bool,
    #[serde(default)]
    pub found: String,
    #[serde(default)]
    pub advice: Option<String>,
}

impl Run {
    /// What people type to mean this run: numbers are counted by project.
    pub fn handle(&self) -> String {
        format!("{}/{}", self.project, self.number)
    }

    /// The step that is at work or waits.
    pub fn current(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.is_waiting())
    }

    /// The step that waits for a person.
    pub fn needs_person(&self) -> Option<&Step> {
        if self.outcome.is_some() { None } else { self.steps.iter().find(|step| step.needs_person()) }
    }

    /// The environments in the order of the delivery; those that no step names come last.
    pub fn environments(&self) -> Vec<(&str, &Environment)> {
        let at = |name: &str| self.steps.iter().position(|step| step.environment.as_deref() == Some(name));
        let mut found: Vec<_> = self.environments.iter().map(|(name, one)| (name.as_str(), one)).collect();
        found.sort_by_key(|(name, _)| at(name).unwrap_or(usize::MAX));
        found
    }
}

impl Step {
    /// The step's word with its environment: `deploy:qa`.
    pub fn key(&self) -> String {
        match &self.environment {
            Some(environment) => format!("{}:{environment}", self.step),
            None => self.step.clone(),
        }
    }

    pub fn has_begun(&self) -> bool {
        self.status != "not_started"
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.status.as_str(), "waiting" | "running")
    }

    pub fn needs_person(&self) -> bool {
        let asks_a_person = |what: &String| what.starts_with("a person") || what.starts_with("approval");
        self.is_waiting() && (self.step == "approve" || self.waiting_for.as_ref().is_some_and(asks_a_person))
    }
}

impl Champion {
    /// Its numbers, wherever they stand.
    pub fn metrics(&self) -> &BTreeMap<String, f64> {
        match &self.model {
            Some(model) if self.metrics.is_empty() => &model.metrics,
            _ => &self.metrics,
        }
    }

    /// What people call it.
    pub fn describe(&self) -> String {
        match (&self.model, self.number) {
            (Some(model), Some(number)) => format!("{model} of run {number}"),
            (Some(model), None) => model.to_string(),
            (None, Some(number)) => format!("the model of run {number}"),
            (None, None) => "the model in production".into(),
        }
    }
}

impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}
