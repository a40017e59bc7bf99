//! What the tests of this crate share: one project, the numbers of its model, and a way to tell a step its news.
//!
//! A [`Scene`] is one step of one run; a [`Delivery`] is a whole run beside real environments, whose outside world is
//! the test.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Context, Decision};
use crate::effect::Effect;
use crate::environment::Environment;
use crate::event::{Answer, EnvironmentEvent, Event, JobOutputs, JobResult, Message, StepKey, Verdict};
use crate::manifest::Manifest;
use crate::names::{Digest, EnvironmentName, RunId};
use crate::plan::plan;
use crate::release::{Limits, Model, Release};
use crate::run::{Facts, Letter, On, Progress, Run, SCHEMA, StepRecord, Trigger, Wait};
use crate::{advance, start, steps};

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

/// A run beside real environments. Whoever calls plays the platforms and the people.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) run: Run,
    pub(crate) environments: BTreeMap<EnvironmentName, Environment>,
    pub(crate) now: Timestamp,
    /// Everything that was done in the world, in order.
    pub(crate) done: Vec<Effect>,
    /// Everything that was sent and is to arrive at once, in order.
    pub(crate) sent: Vec<Message>,
    inbox: VecDeque<Message>,
    news: u32,
}

impl Delivery {
    /// A run that was just started; its first step has not been told yet.
    pub(crate) fn new(run: Run) -> Self {
        let environments = run.manifest.environments.iter().map(|(name, _)| name);
        let environments =
            environments.map(|name| (name.clone(), Environment::new(run.project.clone(), name.clone()))).collect();
        let (now, inbox) = (noon(), VecDeque::new());
        let mut delivery = Self { run, environments, now, done: Vec::new(), sent: Vec::new(), inbox, news: 0 };
        start(&mut delivery.run, now);
        delivery.collect();
        delivery
    }

    /// A run that has gone well so far and waits in this step.
    pub(crate) fn at(step: &str) -> Self {
        Self::new(run()).until(step)
    }

    /// Goes on well until the step waits.
    pub(crate) fn until(mut self, step: &str) -> Self {
        self.deliver();
        for _ in 0..50 {
            if self.waiting() == step {
                return self;
            }
            assert!(self.goes_well(), "{step} is never reached: {:?}", self.run.ended);
        }
        panic!("{step} is never reached");
    }

    /// Goes on well to the end.
    pub(crate) fn to_the_end(mut self) -> Self {
        self.deliver();
        while self.goes_well() {}
        self
    }

    /// One step on, as it should be. Answers whether there was anything to wait for.
    pub(crate) fn goes_well(&mut self) -> bool {
        let Some((key, _, wait)) = self.run.waiting() else { return false };
        let (step, on) = (key.to_string(), wait.on.clone());
        let event = match on {
            On::Start => Event::RetryRequested { by: "berta".into() },
            On::Environment { .. } => Event::PollDue,
            on => right_answer(&step, &on, self.champion()),
        };
        self.hears(&step, event);
        true
    }

    /// Tells a step something, and all that follows from it at once.
    pub(crate) fn hears(&mut self, step: &str, event: Event) -> bool {
        self.news += 1;
        let key = key(step);
        let attempt = self.run.step(&key).map_or(1, |record| record.attempt);
        let id = format!("news-{}", self.news);
        self.takes(Message { id, run: self.run.id.clone(), step: key, attempt, event })
    }

    /// Hands in a message, and all that follows from it at once.
    pub(crate) fn takes(&mut self, message: Message) -> bool {
        let changed = advance(&mut self.run, &message, self.now);
        self.collect();
        self.deliver();
        changed
    }

    /// Delivers what was sent and has not arrived yet.
    pub(crate) fn deliver(&mut self) {
        while let Some(message) = self.inbox.pop_front() {
            advance(&mut self.run, &message, self.now);
            self.collect();
        }
    }

    /// Performs and sends what was decided, but delivers nothing: a person may come in between.
    pub(crate) fn takes_alone(&mut self, step: &str, event: Event) -> bool {
        self.news += 1;
        let key = key(step);
        let attempt = self.run.step(&key).map_or(1, |record| record.attempt);
        let message = Message { id: format!("news-{}", self.news), run: self.run.id.clone(), step: key, attempt, event };
        let changed = advance(&mut self.run, &message, self.now);
        self.collect();
        changed
    }

    /// The step that waits; empty: none does.
    pub(crate) fn waiting(&self) -> String {
        self.run.waiting().map(|(key, _, _)| key.to_string()).unwrap_or_default()
    }

    /// How the run ended, in a word; empty: it has not.
    pub(crate) fn outcome(&self) -> &str {
        self.run.ended.as_ref().map_or("", |ended| ended.outcome.word())
    }

    /// The environment's document.
    pub(crate) fn environment(&self, name: &str) -> &Environment {
        &self.environments[&environment(name)]
    }

    /// The same beside an environment with a past.
    pub(crate) fn beside(mut self, environment: Environment) -> Self {
        self.environments.insert(environment.name.clone(), environment);
        self
    }

    fn champion(&self) -> Option<Release> {
        self.environments.get(self.run.manifest.production()?)?.champion().cloned()
    }

    fn collect(&mut self) {
        while !self.run.pending.is_empty() {
            let pending = self.run.pending.remove(0);
            self.done.push(pending.effect.clone());
            let Effect::TellEnvironment { environment, event } = &pending.effect else { continue };
            let environment = self.environments.get_mut(environment).expect("it is in the manifest");
            let Some(event) = environment.take(&self.run.id, event, &pending.id, self.now) else { continue };
            let (id, step, attempt) = (pending.id, pending.step, pending.attempt);
            advance(&mut self.run, &Message { id, run: self.run.id.clone(), step, attempt, event }, self.now);
        }
        for letter in std::mem::take(&mut self.run.outbox) {
            if letter.deliver_at.is_none() {
                self.sent.push(letter.message.clone());
                self.inbox.push_back(letter.message);
            }
        }
        for environment in self.environments.values_mut() {
            let id = &self.run.id;
            let (ours, others): (Vec<Letter>, _) =
                std::mem::take(&mut environment.outbox).into_iter().partition(|letter| letter.message.run == *id);
            environment.outbox = others;
            self.inbox.extend(ours.into_iter().map(|letter| letter.message));
        }
    }
}

/// The answer of a world in which all is well.
pub(crate) fn right_answer(step: &str, on: &On, champion: Option<Release>) -> Event {
    match on {
        On::Job { job } => {
            Event::JobFinished { job: job.clone(), result: JobResult::Completed(right_outputs(step)) }
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
