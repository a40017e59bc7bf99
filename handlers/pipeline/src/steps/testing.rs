//! What the tests of this crate share: one project, the numbers of its model, and a way to tell a step its news.
//!
//! A [`Scene`] is one step of one run. For whole runs there is `Delivery`, beside the tests of `advance`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Context, Decision};
use crate::effect::Effect;
use crate::event::{Answer, EnvironmentEvent, Event, JobOutputs, JobResult, StepKey, Verdict};
use crate::manifest::{Infrastructure, Manifest};
use crate::names::{Digest, EnvironmentName, RunId};
use crate::plan::plan;
use crate::release::{Limits, Model, Release};
use crate::run::{Facts, On, Progress, Run, SCHEMA, StepRecord, Trigger, Wait};
use crate::steps;

/// The mean squared error of the diabetes model with alpha 0.4, 0.45 and 0.5: smaller is better.
pub(crate) const MSE_04: f64 = 3295.741064355809;
pub(crate) const MSE_045: f64 = 3296.3168;
pub(crate) const MSE_05: f64 = 3298.9096058070622;
/// What the model with alpha 0.4 answers to the two rows of the smoke test.
pub(crate) const RIGHT: &str = r#"{"result": [5215.198131579873, 3726.9954859385775]}"#;

const MANIFEST: &str = "
version: 1
project: diabetes
check: { coverage: { min_line: 40 } }
train: { data: data/diabetes.csv, timeout_minutes: 60 }
register: { name: diabetes_model, tags: [mse] }
scoring:
  tests: scoring/image_tests
  profile: { payload: scoring/smoke.json }
  smoke:
    - { payload: scoring/smoke.json, expect: { result: [5215.198131579873, 3726.9954859385775], tolerance: 0.001 } }
environments:
  qa: {}
  prod: { approval: { timeout_hours: 48 } }
";

/// One step of one run, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) run: Run,
    pub(crate) key: StepKey,
    pub(crate) progress: Progress,
    pub(crate) attempt: u32,
    pub(crate) now: Timestamp,
}

impl Scene {
    /// A step that has not begun, in a run that has found out all that the step needs.
    pub(crate) fn of(step: &str) -> Self {
        Self { run: half_way(), key: key(step), progress: Progress::NotStarted, attempt: 1, now: noon() }
    }

    /// A step that has begun.
    pub(crate) fn begun(step: &str) -> Self {
        Self::of(step).after(Event::Requested)
    }

    /// The same with another manifest or other facts.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Run)) -> Self {
        change(&mut self.run);
        self
    }

    /// Later.
    pub(crate) fn in_secs(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    /// What the step decides about an event; None: it changes nothing.
    pub(crate) fn hears(&self, event: Event) -> Option<Decision> {
        let record = StepRecord {
            progress: self.progress.clone(),
            attempt: self.attempt,
            started_at: noon(),
            ended_at: None,
            because: Vec::new(),
        };
        let cx = Context { run: &self.run, key: &self.key, attempt: self.attempt, now: self.now };
        steps::decide(&record, &event, &cx)
    }

    /// What the step decides about an event that does change something.
    pub(crate) fn decides(&self, event: Event) -> Decision {
        self.hears(event.clone()).unwrap_or_else(|| panic!("{} does nothing about {event:?}", self.key))
    }

    /// The scene after an event: the step stands elsewhere, and the run knows more.
    pub(crate) fn after(mut self, event: Event) -> Self {
        let decision = self.decides(event);
        for fact in decision.facts {
            self.run.facts.learn(fact);
        }
        let record = StepRecord {
            progress: decision.progress.clone(),
            attempt: self.attempt,
            started_at: noon(),
            ended_at: None,
            because: decision.because,
        };
        self.run.steps.insert(self.key.clone(), record);
        self.progress = decision.progress;
        self
    }

    /// What the step waits for.
    pub(crate) fn wait(&self) -> &Wait {
        wait(&self.progress)
    }
}

/// The answer of a world in which all is well.
pub(crate) fn right_answer(step: &str, on: &On, champion: Option<Release>) -> Event {
    match on {
        On::Job { job } => Event::JobFinished { job: job.clone(), result: JobResult::Completed(right_outputs(step)) },
        On::Infrastructure { name, .. } => {
            Event::InfrastructureApplied { name: name.clone(), outputs: BTreeMap::new() }
        }
        On::Answer if step == "register" => Event::ModelRegistered { model: model(7, MSE_04) },
        On::Answer => Event::ChampionRead { champion },
        On::Build { build } => Event::ImageBuilt { build: build.clone(), digest: digest("image 7") },
        On::Deployment { deployment } => ready(deployment.as_str()),
        On::Round { round } => Event::EndpointCalled { round: *round, answers: vec![answered(200, RIGHT)] },
        On::Approval { .. } => approved_by("berta"),
        On::Environment { .. } => Event::EnvironmentGranted { current: None, last_good: None },
        On::Start => Event::Requested,
    }
}

/// What a good job of this step leaves behind.
pub(crate) fn right_outputs(step: &str) -> JobOutputs {
    let metrics: &[(&str, f64)] = match step {
        "check" => &[("coverage_line_percent", 48.1)],
        "train" => &[("mse", MSE_04), ("r2", 0.357)],
        "profile" => &[
            ("latency_ms_p50", 1.5),
            ("latency_ms_p95", 3.25),
            ("requests_per_second", 900.0),
            ("cpu_cores", 0.9),
            ("memory_mib", 150.0),
        ],
        _ => &[],
    };
    let files: &[&str] = if step == "train" { &["model.pkl", "data"] } else { &[] };
    outputs(metrics, files)
}

pub(crate) fn outputs(metrics: &[(&str, f64)], files: &[&str]) -> JobOutputs {
    JobOutputs {
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        files: files.iter().map(|name| ((*name).to_owned(), digest(name))).collect(),
        said: Vec::new(),
    }
}

pub(crate) fn completed(job: &str, outputs: JobOutputs) -> Event {
    Event::JobFinished { job: job.parse().unwrap(), result: JobResult::Completed(outputs) }
}

pub(crate) fn job_failed(job: &str, reason: &str, outputs: JobOutputs) -> Event {
    Event::JobFinished { job: job.parse().unwrap(), result: JobResult::Failed { reason: reason.into(), outputs } }
}

pub(crate) fn job_canceled(job: &str) -> Event {
    Event::JobFinished { job: job.parse().unwrap(), result: JobResult::Canceled }
}

pub(crate) fn refused(reason: &str) -> Event {
    Event::Refused { what: "something".into(), reason: reason.into() }
}

pub(crate) fn ready(deployment: &str) -> Event {
    Event::DeploymentReady { deployment: deployment.parse().unwrap(), endpoint: "http://127.0.0.1:8000/qa".into() }
}

pub(crate) fn broken(deployment: &str) -> Event {
    Event::DeploymentFailed { deployment: deployment.parse().unwrap(), reason: "it exits with 3".into() }
}

pub(crate) fn answered(status: u16, body: &str) -> Answer {
    Answer::Answered { status, body: body.into() }
}

pub(crate) fn unreachable() -> Answer {
    Answer::Unreachable { reason: "connection refused".into() }
}

pub(crate) fn approved_by(name: &str) -> Event {
    Event::ApprovalAnswered { verdict: Verdict::Approve, by: name.into(), reason: None }
}

pub(crate) fn rejected_by(name: &str) -> Event {
    Event::ApprovalAnswered { verdict: Verdict::Reject, by: name.into(), reason: Some("not on a Friday".into()) }
}

pub(crate) fn granted(current: Option<Release>, last_good: Option<Release>) -> Event {
    Event::EnvironmentGranted { current, last_good }
}

pub(crate) fn busy() -> Event {
    Event::EnvironmentBusy { holder: run_id(6) }
}

pub(crate) fn tell(name: &str, event: EnvironmentEvent) -> Effect {
    Effect::TellEnvironment { environment: environment(name), event }
}

/// What a decision waits for.
pub(crate) fn wait(progress: &Progress) -> &Wait {
    match progress {
        Progress::Waiting(wait) => wait,
        other => panic!("it does not wait: {other:?}"),
    }
}

/// Seconds from `noon` to a time.
pub(crate) fn secs(time: Timestamp) -> i64 {
    time.duration_since(noon()).as_secs()
}

pub(crate) fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub(crate) fn key(text: &str) -> StepKey {
    text.parse().unwrap()
}

pub(crate) fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

pub(crate) fn digest(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

pub(crate) fn run_id(number: u64) -> RunId {
    format!("r-{number}").parse().unwrap()
}

pub(crate) fn model(version: u64, mse: f64) -> Model {
    Model {
        name: "diabetes_model".parse().unwrap(),
        version,
        digest: digest(&format!("model {version}")),
        metrics: BTreeMap::from([("mse".to_owned(), mse)]),
    }
}

/// The release of an older or newer run. Its model and image are its own.
pub(crate) fn release(number: u64, mse: f64) -> Release {
    Release {
        deployment: format!("diabetes-prod-{number}").parse().unwrap(),
        run: run_id(number),
        number,
        model: model(number, mse),
        image: digest(&format!("image {number}")),
        config: digest("settings"),
        limits: Limits { cpu_cores: 1.0, memory_mib: 1024 },
        deployed_at: Some(noon()),
        endpoint: Some("http://127.0.0.1:8000/prod".into()),
    }
}

pub(crate) fn manifest() -> Manifest {
    crate::manifest::read("trainyard.yml", MANIFEST).unwrap()
}

/// What a repository may declare.
pub(crate) fn infrastructure() -> Infrastructure {
    Infrastructure { template: "infra/main.json".into(), parameters: None, timeout_minutes: 120 }
}

/// Run 7: Anna pushed to main.
pub(crate) fn run() -> Run {
    run_for(Trigger::Push, manifest())
}

pub(crate) fn run_for(trigger: Trigger, manifest: Manifest) -> Run {
    Run {
        schema: SCHEMA,
        id: run_id(7),
        number: 7,
        project: manifest.project.clone(),
        branch: Some("main".parse().unwrap()),
        commit: Some("a".repeat(40).parse().unwrap()),
        source: Some(digest("snapshot")),
        requested_by: "anna".into(),
        created_at: noon(),
        plan: plan(&trigger, &manifest),
        trigger,
        manifest,
        steps: BTreeMap::new(),
        facts: Facts::default(),
        ended: None,
        superseded_by: None,
        pending: Vec::new(),
        outbox: Vec::new(),
        early: Vec::new(),
        journal: Vec::new(),
    }
}

/// Run 7 with all that it can find out before its first deployment.
fn half_way() -> Run {
    let mut run = run();
    run.facts.metrics = BTreeMap::from([("mse".to_owned(), MSE_04)]);
    run.facts.model_file = Some(digest("model 7"));
    run.facts.data = Some(digest("data"));
    run.facts.model = Some(model(7, MSE_04));
    run.facts.image = Some(digest("image 7"));
    run
}
