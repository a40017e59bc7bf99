//! A bad day: the real runner over the happy, the reject and the rollback path, with every message doubled, with every
//! event lost, and with a crash at each call of each port in turn. It ends every time as on a good day, and nothing
//! happens twice.

use std::collections::BTreeMap;

use pipeline::event::{Answer, Event, JobOutputs, JobResult, Message, Step, StepKey, Verdict};
use pipeline::names::{Digest, EnvironmentName, Project};
use pipeline::run::{On, Outcome, Run};
use runner::intake::{Start, Wish};
use runner::memory::{Fault, Faults, JobPlan, Machine};
use runner::ports::PortError;
use runner::{Handled, Runner, keys};

/// Messages and sweeps after which a day has gone on for too long.
const TOO_LONG: usize = 3000;

/// What the people and the world of a day do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Approved and released.
    Happy,
    /// A person says no.
    Reject,
    /// The second release answers wrongly in PROD.
    RollBack,
    /// Nobody answers for two days.
    Expire,
}

const PATHS: [(Path, Outcome); 4] = [
    (Path::Happy, Outcome::Released),
    (Path::Reject, Outcome::Rejected),
    (Path::RollBack, Outcome::RolledBack),
    (Path::Expire, Outcome::Expired),
];

#[tokio::test(start_paused = true)]
async fn a_good_day_ends_as_it_should() {
    for (path, outcome) in PATHS {
        let day = Day::new(path, true);
        day.live().await;
        assert_eq!(day.end().outcome, Some(outcome), "{path:?}: {:#?}", day.last_run().journal);
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_twice_changes_nothing() {
    for (path, _) in PATHS {
        let good = good_day(path, true).await;
        let mut day = Day::new(path, true);
        day.doubled = true;
        day.live().await;
        assert_eq!(day.end(), good, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn l_terminates_with_every_event_of_the_world_lost() {
    for (path, _) in PATHS {
        let good = good_day(path, true).await;
        let day = Day::new(path, true);
        day.machine.lose_events(true);
        day.live().await;
        assert_eq!(day.end(), good, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn i_effect_once_with_a_crash_at_each_point() {
    each_point(true, &[Fault::CrashBefore, Fault::CrashAfter]).await;
}

#[tokio::test(start_paused = true)]
async fn i_effect_once_with_a_crash_at_each_point_where_saving_and_sending_are_two() {
    each_point(false, &[Fault::CrashBefore, Fault::CrashAfter]).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_a_refusal_or_a_conflict_at_each_point_is_survived() {
    each_point(true, &[Fault::LostReply, Fault::Busy, Fault::Conflict]).await;
}

async fn each_point(atomic: bool, faults: &[Fault]) {
    for (path, _) in PATHS {
        let good = good_day(path, atomic).await;
        let points = {
            let day = Day::new(path, atomic);
            day.machine.faults.forget();
            day.live().await;
            day.machine.faults.count()
        };
        assert!(points > 50, "{path:?} passes only {points} points");
        for point in 1..=points {
            for &fault in faults {
                let day = Day::new(path, atomic);
                day.machine.faults.forget();
                day.machine.faults.at(point, fault);
                day.live().await;
                let trace = day.machine.faults.trace();
                let at = trace.get(point - 1).cloned().unwrap_or_default();
                assert_eq!(day.end(), good, "{path:?} with {fault:?} at point {point}: {at}");
            }
        }
    }
}

async fn good_day(path: Path, atomic: bool) -> End {
    let day = Day::new(path, atomic);
    day.live().await;
    day.end()
}

/// What is left of a day.
#[derive(Debug, PartialEq)]
struct End {
    outcome: Option<Outcome>,
    serving: BTreeMap<&'static str, Option<u64>>,
    jobs: usize,
    versions: usize,
    images: usize,
    runs: usize,
    twice: Vec<String>,
    left: usize,
}

struct Day {
    machine: Machine,
    path: Path,
    doubled: bool,
}

impl Day {
    fn new(path: Path, atomic: bool) -> Self {
        let machine = if atomic { Machine::new() } else { Machine::save_then_send() };
        let source = machine.source.clone();
        let main = "main".parse().unwrap();
        source.commit(&project(), &main, files());
        let model = machine.artifacts.keep(b"model".to_vec());
        let better = machine.artifacts.keep(b"better model".to_vec());
        machine.jobs.plan(move |job| {
            let is_second = job.name.as_str().ends_with("-2");
            let (model, mse) = if is_second { (better.clone(), 3200.0) } else { (model.clone(), 3295.7) };
            JobPlan::Finish(JobResult::Completed(outputs(job, model, mse)))
        });
        machine.deployments.scoring(move |release, _| {
            let in_prod = release.deployment.as_str().contains("-prod-");
            let wrong = path == Path::RollBack && in_prod && release.number == 2;
            let body = if wrong { r#"{"error": "no"}"# } else { r#"{"result": [1.0]}"# };
            Answer::Answered { status: 200, body: body.into() }
        });
        Self { machine, path, doubled: false }
    }

    /// Lives until nothing moves: starts runs, delivers messages, answers gates, sweeps, and starts the process again
    /// whenever it has died.
    async fn live(&self) {
        self.deliver_run(1).await;
        if self.path == Path::RollBack {
            let main = "main".parse().unwrap();
            let files = files().into_iter().chain([("training/train.py".to_owned(), b"better".to_vec())]);
            self.machine.source.commit(&project(), &main, files);
            self.deliver_run(2).await;
        }
        self.quiesce().await;
    }

    async fn deliver_run(&self, number: u64) {
        let start = Start {
            project: project(),
            wish: Wish::Push { branch: "main".parse().unwrap(), commit: None },
            by: "ann".into(),
            cause: None,
        };
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
            let run = self.run(number).expect("it was started");
            if run.ended.is_some() && run.pending.is_empty() && run.outbox.is_empty() {
                return;
            }
            self.turn(&runner, &run).await;
        }
        let run = self.run(number).map(|run| (run.steps, run.pending, run.outbox, run.ended));
        panic!("run {number} did not end: {run:#?}; waiting: {:?}", self.machine.queue.waiting());
    }

    /// Delivers one message, as a bus does: a failure gives it back.
    async fn deliver_one(&self, runner: &Runner) -> bool {
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
    async fn quiesce(&self) {
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

    fn runner(&self) -> Runner {
        Runner::new(self.machine.ports())
    }

    fn run(&self, number: u64) -> Option<Run> {
        let documents = self.keys(keys::RUNS).into_iter().filter_map(|key| self.machine.store.look(&key));
        let mut runs = documents.map(|document| serde_json::from_slice::<Run>(&document.body).unwrap());
        runs.find(|run| run.number == number)
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.machine.store.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }

    fn last_run(&self) -> Run {
        self.run(if self.path == Path::RollBack { 2 } else { 1 }).expect("it was started")
    }

    fn end(&self) -> End {
        let machine = &self.machine;
        let serving = |name: &'static str| {
            let environment: EnvironmentName = name.parse().unwrap();
            (name, machine.deployments.serving(&project(), &environment).map(|release| release.number))
        };
        // A rollback starts the last good release again, on purpose.
        let twice = machine.tally.twice().into_iter().filter(|it| !it.starts_with("deployment")).collect();
        End {
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

#[tokio::test(start_paused = true)]
async fn an_approval_after_the_end_changes_nothing() {
    let day = Day::new(Path::Expire, true);
    day.live().await;
    let run = day.last_run();
    let key = StepKey::at(Step::Approve, &"prod".parse().unwrap());
    let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "bob".into(), reason: None };
    let late = Message { id: "late".into(), run: run.id.clone(), step: key, attempt: 1, event };

    day.runner().handle(&late).await.unwrap();

    assert_eq!(day.last_run().ended, run.ended);
    assert_eq!(day.end().serving["prod"], None);
    assert!(!Faults::is_crash(&PortError::transient("x", "y")));
}

fn outputs(job: &pipeline::effect::JobSpec, model: Digest, mse: f64) -> JobOutputs {
    let mut outputs = JobOutputs::default();
    match job.reply_to.step.step {
        Step::Check => {
            outputs.metrics.insert("coverage_line_percent".into(), 81.0);
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

fn project() -> Project {
    "diabetes".parse().unwrap()
}

fn files() -> Vec<(String, Vec<u8>)> {
    let manifest = "version: 1\nproject: diabetes\nscoring:\n  tests: scoring/image_tests\n  profile: { payload: smoke.json }\n  smoke:\n    - { payload: smoke.json, expect: { result: [1.0] } }\n";
    let files = [("trainyard.yml", manifest), ("training/train.py", "good"), ("smoke.json", "{}")];
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).to_vec()
}
