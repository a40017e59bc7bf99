//! A day of deliveries: what the bus took is handed to the runner as the functions do it, people answer, and time passes
//! when nothing is due.

use std::collections::BTreeMap;

use events::Limits;
use events::fact::Host;
use events::github::read;
use events::watched::WatchedRepository;
use fake_azure::{Fault, service_bus};
use jiff::{SignedDuration, Timestamp};
use pipeline::environment::Environment;
use pipeline::event::{Event, Message, Step, Verdict};
use pipeline::run::{On, Run};
use runner::ports::{Clock as _, PortError};
use runner::reception::{Arrival, Order, START, Verified};
use runner::watch::{Watch, WatchList};
use runner::{Handled, Runner, keys};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cloud::{Cloud, STORE, project};
use crate::repository::{Fit, files};

/// Messages and sweeps after which a day has gone on for too long.
const TOO_LONG: usize = 1000;
/// As the queues are set.
const MOST_DELIVERIES: u32 = 10;
/// What happens to requests when the weather is bad. Nobody asks us to wait: by a clock that stands still we would wait
/// for ever.
const WEATHER: [Fault; 5] = [Fault::LostReply, Fault::Status(500), Fault::Cut, Fault::Status(502), Fault::Garbage];
/// The repository's number at GitHub.
const NUMBER: u64 = 791_204_417;

/// A message that is somewhere on its way.
#[derive(Debug)]
struct Waiting {
    queue: &'static str,
    message: service_bus::Message,
    deliveries: u32,
}

/// What one message cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    pub step: Step,
    /// Requests to the storage account.
    pub reads: usize,
    pub writes: usize,
    /// Transfers to the bus.
    pub sends: usize,
}

pub struct Day {
    pub cloud: Cloud,
    pub runner: Runner,
    pub trips: Vec<Trip>,
    /// A new process takes each message, and another one takes it again.
    pub is_rough: bool,
    /// How often something went wrong with a request; None: nothing ever does.
    pub storms: Option<usize>,
    waiting: Vec<Waiting>,
    /// Messages of each queue that were looked at.
    taken: BTreeMap<&'static str, usize>,
    next_sweep: Timestamp,
}

impl Day {
    pub async fn new(cloud: Cloud) -> Self {
        let repository = WatchedRepository { host: Host::Github, id: NUMBER.to_string() };
        let watch = Watch { repository: Some(repository), ..Watch::default() };
        WatchList::set(&cloud.ports, &project(), Some(watch)).await.unwrap();
        let runner = Runner::new(cloud.ports.clone());
        let next_sweep = cloud.clock.now() + SignedDuration::from_mins(1);
        let (trips, waiting, taken) = Default::default();
        Self { cloud, runner, trips, is_rough: false, storms: None, waiting, taken, next_sweep }
    }

    /// Somebody pushes a commit, and GitHub says so.
    pub async fn push(&self, fit: Fit) -> String {
        let (before, after) = {
            let repository = &mut self.cloud.fake.world().github.repository;
            let before = repository.branches.get("main").cloned();
            (before, repository.commit("main", &files(fit)))
        };
        let created = before.is_none();
        let body = json!({
            "ref": "refs/heads/main",
            "before": before.unwrap_or_else(|| "0".repeat(40)),
            "after": after,
            "created": created,
            "deleted": false,
            "forced": false,
            "commits": [],
            "repository": {"id": NUMBER, "full_name": "contoso/diabetes", "default_branch": "main"},
            "pusher": {"name": "ann"},
        });
        let body = body.to_string().into_bytes();
        let delivery =
            format!("{}-{}-{}-{}-{}", &after[..8], &after[8..12], &after[12..16], &after[16..20], &after[20..32]);
        let readings = read("push", &delivery, &body, Limits::GITHUB);
        let arrival = Arrival { door: "github_event", verified: Verified::Signature, body: &body, readings };
        let received = self.runner.receive(arrival).await.unwrap();
        assert_eq!(received.acted, 1, "{received}");
        after
    }

    /// One of the next requests goes wrong, if any may.
    fn storm(&mut self) {
        if let Some(storms) = &mut self.storms {
            *storms += 1;
            // Seven and five have no factor in common, so that all kinds meet all calls.
            self.cloud.fake.spoil(1 + *storms % 7, WEATHER[*storms % WEATHER.len()]);
        }
    }

    /// Whoever only looks has good weather.
    fn calm(&self) {
        self.cloud.fake.spoil(usize::MAX / 2, Fault::Garbage);
    }

    /// Lives until the nth run is over.
    pub async fn deliver(&mut self, nth: usize) -> Run {
        for _ in 0..TOO_LONG {
            if self.deliver_one().await {
                continue;
            }
            match self.runs().await.into_iter().nth(nth - 1) {
                Some(run) if run.ended.is_some() && run.pending.is_empty() && run.outbox.is_empty() => return run,
                Some(run) if self.approve(&run).await => {}
                _ => self.pass_time().await,
            }
        }
        let run = self.runs().await.into_iter().nth(nth - 1).map(|run| (run.steps, run.pending, run.outbox));
        panic!("run {nth} did not end: {run:#?}; on their way: {:#?}", self.waiting);
    }

    /// Hands on one message that is due. A failure gives it back, as the host does.
    async fn deliver_one(&mut self) -> bool {
        self.collect();
        let now = self.cloud.clock.now();
        let is_due = |it: &Waiting| it.message.scheduled_for.is_none_or(|at| at <= now);
        let Some(at) = self.waiting.iter().position(is_due) else { return false };
        let mut waiting = self.waiting.remove(at);
        waiting.deliveries += 1;
        self.cloud.containers.look(&self.cloud.fake.world());
        for _ in 0..if self.is_rough { 2 } else { 1 } {
            if self.is_rough {
                self.runner = Runner::new(self.cloud.ports.clone());
            }
            // What a model answers is judged, whatever it is.
            if waiting.queue != Step::SmokeTest.name() {
                self.storm();
            }
            let handed_on = self.hand_on(&waiting).await;
            self.calm();
            if let Err(error) = handed_on {
                assert!(waiting.deliveries < MOST_DELIVERIES, "{error}: {waiting:?}");
                self.waiting.push(waiting);
                break;
            }
        }
        true
    }

    async fn hand_on(&mut self, waiting: &Waiting) -> Result<(), PortError> {
        let body = &waiting.message.body;
        if waiting.queue == START {
            let order: Order = serde_json::from_slice(body).unwrap();
            return self.runner.fulfil_or_put_off(&order).await.map(|_| ());
        }
        let message: Message = serde_json::from_slice(body).unwrap();
        assert_eq!(message.step.step.name(), waiting.queue);
        let before = self.asked();
        self.cloud.namespace.forget_wire();
        let handled = self.runner.handle(&message).await;
        let asked = self.asked();
        let sends = self.cloud.namespace.take_wire().into_iter().filter(|frame| *frame == "<- transfer").count();
        self.trips.push(Trip {
            step: message.step.step,
            reads: asked.0 - before.0,
            writes: asked.1 - before.1,
            sends: sends - (asked.2 - before.2),
        });
        match handled? {
            Handled::Done => Ok(()),
            Handled::Unknown(reason) => panic!("{reason}"),
        }
    }

    /// Reads and writes of the store, and tokens that were put to the bus.
    fn asked(&self) -> (usize, usize, usize) {
        let asked = self.cloud.fake.asked();
        let is_store = |asked: &&String| asked.contains(&format!(" /{STORE}/"));
        let (reads, writes): (Vec<_>, Vec<_>) =
            asked.iter().filter(is_store).partition(|asked| asked.starts_with("GET") || asked.starts_with("HEAD"));
        (reads.len(), writes.len(), self.cloud.namespace.tokens().len())
    }

    /// Looks what the bus has taken since the last time.
    fn collect(&mut self) {
        for queue in Step::ALL.into_iter().map(|step| step.name()).chain([START]) {
            let received = self.cloud.namespace.received(queue);
            let seen = self.taken.insert(queue, received.len()).unwrap_or_default();
            let new = received.into_iter().skip(seen);
            self.waiting.extend(new.map(|message| Waiting { queue, message, deliveries: 0 }));
        }
    }

    /// Bob approves what waits for it.
    async fn approve(&self, run: &Run) -> bool {
        let Some((step, record, wait)) = run.waiting() else { return false };
        if !matches!(wait.on, On::Approval { .. }) {
            return false;
        }
        let event = Event::ApprovalAnswered { verdict: Verdict::Approve, by: "bob".into(), reason: None };
        let id = format!("{}/{step}/{}/approved-by-bob", run.id, record.attempt);
        let message = Message { id, run: run.id.clone(), step: step.clone(), attempt: record.attempt, event };
        self.patiently(async || self.runner.tell(&message).await).await;
        true
    }

    /// Nothing is due: the clock goes on to the next message, or to the next sweep.
    async fn pass_time(&mut self) {
        // What really runs has a clock of its own.
        while self.cloud.containers.is_busy() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let due = self.waiting.iter().filter_map(|it| it.message.scheduled_for).min();
        if let Some(due) = due.filter(|due| *due < self.next_sweep) {
            return self.cloud.clock.advance_to(due);
        }
        self.cloud.clock.advance_to(self.next_sweep);
        self.next_sweep += SignedDuration::from_mins(1);
        self.cloud.containers.look(&self.cloud.fake.world());
        self.storm();
        let swept = self.runner.sweep().await;
        self.calm();
        assert!(swept.is_ok() || self.storms.is_some(), "{swept:?}");
    }

    /// All runs, the first one first.
    pub async fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for key in self.patiently(async || self.cloud.ports.store.list(keys::RUNS, None, 100).await).await {
            runs.extend(self.document(&key).await);
        }
        runs.sort_by_key(|run| run.number);
        runs
    }

    pub async fn environment(&self, name: &str) -> Environment {
        self.document(&keys::environment(&project(), &name.parse().unwrap())).await.unwrap()
    }

    /// Does it again as long as a service asks to wait.
    pub async fn patiently<T: std::fmt::Debug>(&self, work: impl AsyncFn() -> Result<T, PortError>) -> T {
        for _ in 0..if self.storms.is_some() { 100 } else { 0 } {
            match work().await {
                Err(PortError::Transient { .. }) => self.cloud.clock.advance_secs(1),
                other => return other.unwrap(),
            }
        }
        work().await.unwrap()
    }

    async fn document<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let document = self.patiently(async || self.cloud.ports.store.get(key).await).await?;
        Some(serde_json::from_slice(&document.body).unwrap())
    }
}
