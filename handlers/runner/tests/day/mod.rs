//! A day of deliveries on the real runner over ports in memory: people, the world and the clock do their part.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;

use pipeline::event::{Answer, Event, JobOutputs, JobResult, Message, Step, Verdict};
use pipeline::names::{Digest, EnvironmentName, Project};
use pipeline::run::{On, Outcome, Run};
use runner::intake::{Start, Wish};
use runner::memory::{JobPlan, Machine};
use runner::ports::{PortError, StatusState};
use runner::{Handled, Runner, keys};

/// Messages and sweeps after which a day has gone on for too long.
const TOO_LONG: usize = 3000;

/// What the checks leave.
const REPORTS: [(&str, &str); 2] = [
    ("coverage.xml", r#"<coverage line-rate="0.81" lines-covered="81" lines-valid="100"/>"#),
    ("unit-testresults.xml", r#"<testsuite tests="1"><testcase classname="tests" name="test_score"/></testsuite>"#),
];

/// What the people and the world of a day do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Approved and released.
    Happy,
    /// A person says no.
    Reject,
    /// The second release answers wrongly in PROD.
    RollBack,
    /// Nobody answers for two days.
    Expire,
}

/// What is left of a day.
#[derive(Debug, PartialEq)]
pub struct End {
    pub outcome: Option<Outcome>,
    pub serving: BTreeMap<&'static str, Option<String>>,
    pub jobs: usize,
    pub versions: usize,
    pub images: usize,
    pub runs: usize,
    pub twice: Vec<String>,
    pub left: usize,
    /// What people were told of the last run: its status, and how many tests were published.
    pub told: (Option<StatusState>, Vec<usize>),
}

pub struct Day {
    pub machine: Machine,
    pub path: Path,
    pub doubled: bool,
}

impl Day {
    pub fn new(path: Path, atomic: bool) -> Self {
        let machine = if atomic { Machine::new() } else { Machine::save_then_send() };
        let source = machine.source.clone();
        let main = "main".parse().unwrap();
        let first = source.commit(&project(), &main, files());
        let model = machine.artifacts.keep(b"model".to_vec());
        let better = machine.artifacts.keep(b"better model".to_vec());
        for (_, report) in REPORTS {
            machine.artifacts.keep(report.into());
        }
        machine.jobs.plan(move |job| {
            let is_second = job.variables["TRAINYARD_COMMIT"] != first.as_str();
            let (model, mse) = if is_second { (better.clone(), 3200.0) } else { (model.clone(), 3295.7) };
            JobPlan::Finish(JobResult::Completed(outputs(job, model, mse)))
        });
        machine.deployments.scoring(move |release, _| {
            let in_prod = release.deployment.as_str().contains("-prod-");
            let wrong = path == Path::RollBack && in_prod && release.model.metrics["mse"] < 3290.0;
            let body = if wrong { r#"{"error": "no"}"# } else { r#"{"result": [1.0]}"# };
            Answer::Answered { status: 200, body: body.into() }
        });
        Self { machine, path, doubled: false }
    }

    /// Lives until nothing moves: starts runs, delivers messages, answers gates, sweeps, and starts the process again
    /// whenever it has died.
    pub async fn live(&self) {
        self.deliver_run(1).await;
        if self.path == Path::RollBack {
            let main = "main".parse().unwrap();
            let files = files().into_iter().chain([("training/train.py".to_owned(), b"better".to_vec())]);
            self.machine.source.commit(&project(), &main, files);
            self.deliver_run(2).await;
        }
        self.quiesce().await;
    }

    /// Checks a pull request of the main branch into itself.
    pub async fn check_pull_request(&self, number: u64) {
        let main = "main".parse().unwrap();
        let base = "main".parse().unwrap();
        self.deliver(1, Wish::PullRequest { number, branch: main, base }).await;
        self.quiesce().await;
    }

    pub async fn deliver_run(&self, nth: usize) {
        self.deliver(nth, Wish::Push { branch: "main".parse().unwrap(), commit: None }).await;
    }

    async fn deliver(&self, nth: usize, wish: Wish) {
        let is_over = |run: &Run| run.ended.is_some() && run.pending.is_empty() && run.outbox.is_empty();
        self.deliver_until(nth, wish, is_over).await;
    }

    pub async fn deliver_until(&self, nth: usize, wish: Wish, is_over: impl Fn(&Run) -> bool) {
        let start = Start { project: project(), wish, by: "ann".into(), cause: None, only_if_wanted: false };
        let mut runner = self.runner();
        let mut is_started = false;
        for _ in 0..TOO_LONG {
            if self.machine.faults.is_dead() {
                self.machine.faults.revive();
                self.machine.queue.give_all_back();
                runner = self.runner();
            }
            if !is_started {
                is_started = runner.start(&start).await.is_ok();
                continue;
            }
            if self.deliver_one(&runner).await {
                continue;
            }
            let run = self.run(nth).expect("it was started");
            if is_over(&run) {
                return;
            }
            self.turn(&runner, &run).await;
        }
        let run = self.run(nth).map(|run| (run.steps, run.pending, run.outbox, run.ended));
        panic!("run {nth} did not end: {run:#?}; waiting: {:?}", self.machine.queue.waiting());
    }

    /// Delivers one message, as a bus does: a failure gives it back.
    pub async fn deliver_one(&self, runner: &Runner) -> bool {
        let Some(delivery) = self.machine.queue.take() else { return false };
        let message: Message = serde_json::from_slice(&delivery.parcel.body).expect("only messages are sent");
        for _ in 0..if self.doubled { 2 } else { 1 } {
            match runner.handle(&message).await {
                Ok(Handled::Done) => {}
                Ok(Handled::Unknown(reason)) => panic!("{reason}"),
                Err(PortError::Permanent { reason, .. }) => panic!("{reason}"),
                Err(_) => {
                    self.machine.queue.give_back(&delivery);
                    return true;
                }
            }
        }
        self.machine.queue.settle(&delivery);
        true
    }

    /// Nothing is on its way: a person answers, or time passes until something is due.
    async fn turn(&self, runner: &Runner, run: &Run) {
        if let Some((key, record, wait)) = run.waiting()
            && matches!(wait.on, On::Approval { .. })
            && self.path != Path::Expire
        {
            let verdict = if self.path == Path::Reject { Verdict::Reject } else { Verdict::Approve };
            let event = Event::ApprovalAnswered { verdict, by: "bob".into(), reason: None };
            let id = format!("{}/{key}/{}/by-bob", run.id, record.attempt);
            let message = Message { id, run: run.id.clone(), step: key.clone(), attempt: record.attempt, event };
            if runner.tell(&message).await.is_ok() {
                return;
            }
        }
        match self.machine.queue.next_due() {
            Some(due) => self.machine.clock.advance_to(due),
            None => self.machine.clock.advance_secs(60),
        }
        let _ = runner.sweep().await;
    }

    /// All messages that are still on their way arrive.
    pub async fn quiesce(&self) {
        let mut runner = self.runner();
        let mut sweeps = 0;
        for _ in 0..TOO_LONG {
            if self.machine.faults.is_dead() {
                self.machine.faults.revive();
                self.machine.queue.give_all_back();
                runner = self.runner();
            }
            if self.deliver_one(&runner).await {
                continue;
            }
            match self.machine.queue.next_due() {
                Some(due) => self.machine.clock.advance_to(due),
                None if sweeps == 3 => return,
                None => {
                    sweeps += 1;
                    self.machine.clock.advance_secs(600);
                    let _ = runner.sweep().await;
                }
            }
        }
        panic!("messages do not come to an end: {:?}", self.machine.queue.waiting());
    }

    pub fn runner(&self) -> Runner {
        Runner::new(self.machine.ports())
    }

    /// The nth run, from 1. A crash between counting and starting leaves a number that no run has.
    pub fn run(&self, nth: usize) -> Option<Run> {
        let documents = self.keys(keys::RUNS).into_iter().filter_map(|key| self.machine.store.look(&key));
        let mut runs: Vec<Run> = documents.map(|document| serde_json::from_slice(&document.body).unwrap()).collect();
        runs.sort_by_key(|run| run.number);
        runs.into_iter().nth(nth - 1)
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.machine.store.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }

    pub fn last_run(&self) -> Run {
        self.run(if self.path == Path::RollBack { 2 } else { 1 }).expect("it was started")
    }

    pub fn end(&self) -> End {
        let machine = &self.machine;
        let serving = |name: &'static str| {
            let environment: EnvironmentName = name.parse().unwrap();
            let serving = machine.deployments.serving(&project(), &environment);
            (name, serving.map(|release| format!("mse {}", release.model.metrics["mse"])))
        };
        // A rollback starts the last good release again, on purpose.
        let twice = machine.tally.twice().into_iter().filter(|it| !it.starts_with("deployment")).collect();
        let run = self.last_run();
        let commit = run.commit.as_ref().expect("it was started for one");
        let status = machine.source.statuses(&project(), commit).get(runner::STATUS_CONTEXT).map(|status| status.state);
        let reports = machine.source.reports(&project(), commit);
        End {
            told: (status, reports.iter().map(|report| report.cases.len()).collect()),
            outcome: self.last_run().ended.map(|ended| ended.outcome),
            serving: [serving("qa"), serving("prod")].into(),
            jobs: machine.tally.applied("job").len(),
            versions: machine.tally.applied("version").len(),
            images: machine.tally.applied("image").len(),
            runs: self.keys(keys::RUNS).len(),
            twice,
            left: self.keys(keys::ACTIVE).len() + machine.queue.waiting().len(),
        }
    }
}

pub fn outputs(job: &pipeline::effect::JobSpec, model: Digest, mse: f64) -> JobOutputs {
    let mut outputs = JobOutputs::default();
    match job.reply_to.step.step {
        Step::Check => {
            outputs.metrics.insert("coverage_line_percent".into(), 81.0);
            for (name, report) in REPORTS {
                outputs.files.insert(name.into(), Digest::of(report.as_bytes()));
            }
        }
        Step::Train => {
            outputs.metrics.insert("mse".into(), mse);
            outputs.files.insert("model.pkl".into(), model);
        }
        Step::Profile => {
            outputs.metrics.insert("latency_ms_p95".into(), 4.0);
            outputs.metrics.insert("memory_mib".into(), 180.0);
        }
        _ => {}
    }
    outputs
}

pub fn project() -> Project {
    "diabetes".parse().unwrap()
}

pub fn files() -> Vec<(String, Vec<u8>)> {
    let manifest = "version: 1\nproject: diabetes\nscoring:\n  tests: scoring/image_tests\n  profile: { payload: smoke.json }\n  smoke:\n    - { payload: smoke.json, expect: { result: [1.0] } }\n";
    let files = [("trainyard.yml", manifest), ("training/train.py", "good"), ("smoke.json", "{}")];
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).to_vec()
}
