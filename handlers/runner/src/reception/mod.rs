//! Reception: events that others sent, each taken once, kept with what it did, and handed on.
//!
//! ```text
//! door -> events::read -> receive: known? -> route -> messages + record, in one go -> answered
//!                                    |                  |
//!                                    `-> nothing        `-> queue `start` -> a run;  a step's queue -> its run
//! ```
//!
//! Nothing slow happens here, for a sender waits ten seconds at most: runs are started by the function `start`.

use std::collections::BTreeMap;
use std::fmt;

use events::{Code, Envelope, Notice, Reading};
use jiff::{SignedDuration, Timestamp};
use pipeline::event::{Event, Message, Step, StepKey};
use pipeline::names::{Digest, Project, RunId};
use pipeline::run::{Letter, On, Run};
use tracing::warn;

mod order;
mod record;
mod route;

pub use order::Order;
pub use record::{CameTo, Did, EventRecord, Verified, find, list};
pub use route::{JOB_TAG, Route, route};

pub(crate) use record::forget;

use crate::intake::Start;
use crate::keys;
use crate::ports::{Expect, Parcel, PortError, Result, Write};
use crate::records::{parcel, parse};
use crate::runner::Runner;
use crate::watch::WatchList;

/// The queue of wishes for runs.
pub const START: &str = "start";
/// Wishes for the same within this time are one: what a branch is at is looked up at its end.
const GATHERED: SignedDuration = SignedDuration::from_secs(5);

/// Events that came in together.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The function that took them in.
    pub door: &'a str,
    /// How it is known who sent them.
    pub verified: Verified,
    /// As it came.
    pub body: &'a [u8],
    /// What it came to, before anybody asked who watches it.
    pub readings: Vec<Reading>,
}

/// What came of an arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Events that something was done about.
    pub acted: usize,
    /// Events that are not for us.
    pub ignored: usize,
    /// Events that are kept for a person.
    pub quarantined: usize,
    /// Events that were known already.
    pub repeated: usize,
}

impl Runner {
    /// Takes events in. When this answers, each is on record and what follows from it is on its way.
    ///
    /// # Errors
    ///
    /// `Transient`: the same events may be handed in again and harm nothing.
    pub async fn receive(&self, arrival: Arrival<'_>) -> Result<Received> {
        let list = WatchList::load(&self.ports).await?;
        let mut received = Received::default();
        let watched = list.watched();
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for reading in arrival.readings {
            // Twice in one batch.
            if matches!(reading, Reading::Ignored { code: Code::EventDuplicate, .. }) {
                received.count(Came::Repeated);
                continue;
            }
            // What it says is what came, whoever watches it by now.
            let says = record::says(&reading);
            // One event may come to several readings: a push of two branches of which one cannot be read.
            let mut name = record::name_of(&reading);
            let part = parts.entry(name.clone()).or_default();
            *part += 1;
            if *part > 1 {
                name = format!("{name}#{part}");
            }
            for reading in watched.sift(vec![reading]) {
                let news = News {
                    door: arrival.door,
                    verified: arrival.verified,
                    body: arrival.body,
                    name: &name,
                    says: &says,
                };
                received.count(self.take_in(&list, news, reading).await?);
            }
        }
        Ok(received)
    }

    async fn take_in(&self, list: &WatchList, news: News<'_>, reading: Reading) -> Result<Came> {
        let News { door, verified, body, name, says } = news;
        let name = keys::event_name(name);
        let known: Option<record::Known> = match self.ports.store.get(&name).await? {
            Some(document) => Some(parse(&name, &document.body)?),
            None => None,
        };
        let (name, reading) = match known {
            None => (name, reading),
            Some(known) if known.says == *says => return Ok(Came::Repeated),
            Some(known) => {
                let name = keys::event_name(&format!("{name}/{says}"));
                if self.ports.store.get(&name).await?.is_some() {
                    return Ok(Came::Repeated);
                }
                (name, conflicting(reading, &known.event))
            }
        };
        let at = self.ports.clock.now();
        let id = RunId::newest(at, &name);
        let (did, parcels) = match &reading {
            Reading::Read(notice) => self.act(list, notice, &id, at).await?,
            _ => (Vec::new(), Vec::new()),
        };
        let kept = match &reading {
            Reading::Quarantined { reason, .. } => {
                warn!("An event at {door} is kept for a person: {reason}");
                Some(self.ports.artifacts.put(body.to_vec()).await?)
            }
            _ => None,
        };
        let came = Came::of(&reading, &did);
        let door = door.to_owned();
        let record = EventRecord { id, at, door, verified, known_as: name, reading, body: kept, did };
        match self.keep(says.clone(), &record, parcels).await {
            // Two deliveries of one event at the same moment.
            Err(PortError::Conflict { .. }) => {
                if !self.ports.ledger.is_atomic() {
                    self.ports.store.delete(&record.key()).await?;
                }
                Ok(Came::Repeated)
            }
            other => other.map(|()| came),
        }
    }

    /// Keeps the record, and sends what follows. Where the two are not one, what is sent goes first: a crash in between
    /// lets the event come again, and what it sends again is dropped or finds that it is done.
    async fn keep(&self, says: Digest, record: &EventRecord, parcels: Vec<Parcel>) -> Result<()> {
        let known = record::Known { event: record.id.clone(), says };
        let known = serde_json::to_vec(&known).expect("a name is plain data");
        let body = serde_json::to_vec(record).expect("a record is plain data");
        let writes = vec![
            Write { key: record.key(), body: Some(body), expect: Expect::Anything },
            Write { key: record.known_as.clone(), body: Some(known), expect: Expect::Absent },
        ];
        let mut parcels = parcels;
        if !self.ports.ledger.is_atomic() {
            self.ports.bus.send(std::mem::take(&mut parcels)).await?;
        }
        self.ports.ledger.commit(writes, parcels).await.map(|_| ())
    }

    async fn act(
        &self,
        list: &WatchList,
        notice: &Notice,
        event: &RunId,
        now: Timestamp,
    ) -> Result<(Vec<Did>, Vec<Parcel>)> {
        let (mut did, mut parcels) = (Vec::new(), Vec::new());
        for route in route(&notice.fact, list) {
            did.push(match route {
                Route::Nothing(why) => Did::Ignored { why },
                Route::Start { project, wish, cause, by, gathers } => {
                    let by = by.unwrap_or_else(|| notice.envelope.sender.to_string());
                    let start = Start { project, wish, by, cause, only_if_wanted: true };
                    let order = Order { event: Some(event.clone()), start, put_off: 0 };
                    let (parcel, asked) = ask(order, &notice.envelope, gathers, now);
                    parcels.push(parcel);
                    asked
                }
                Route::Wake { project, number, waits_for } => {
                    match self.waiting_for(&project, number, &waits_for).await? {
                        Ok((run, message)) => {
                            parcels.push(parcel(&Letter { deliver_at: None, message }));
                            Did::Told { run: run.id.clone(), number: run.number }
                        }
                        Err(why) => Did::Ignored { why },
                    }
                }
                Route::Retry { run, by } => match self.run(&run).await? {
                    Some(run) => {
                        parcels.push(parcel(&Letter { deliver_at: None, message: retry(&run, by, event) }));
                        Did::Told { run: run.id.clone(), number: run.number }
                    }
                    None => Did::Ignored { why: format!("there is no run {run}") },
                },
            });
        }
        Ok((did, parcels))
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>> {
        let key = keys::run(id);
        match self.ports.store.get(&key).await? {
            Some(document) => parse(&key, &document.body).map(Some),
            None => Ok(None),
        }
    }

    /// The run that waits for a job or a build, and what it is told: to ask how that does. What the event says of it is
    /// not taken for the truth.
    async fn waiting_for(
        &self,
        project: &Project,
        number: u64,
        waits_for: &str,
    ) -> Result<std::result::Result<(Run, Message), String>> {
        let Some(id) = self.run_numbered(project, number).await? else {
            return Ok(Err(format!("{project} has no run {number}")));
        };
        let Some(run) = self.run(&id).await? else { return Ok(Err(format!("there is no run {id}"))) };
        let Some((step, record, wait)) = run.waiting() else {
            let why = match &run.ended {
                Some(_) => format!("run {number} has ended"),
                None => format!("run {number} waits for nothing"),
            };
            return Ok(Err(why));
        };
        let is_this = match &wait.on {
            On::Job { job } => job.as_str() == waits_for,
            On::Build { build } => build.as_str() == waits_for,
            _ => false,
        };
        if !is_this {
            return Ok(Err(format!("run {number} waits for {} and not for {waits_for}", wait.on.describe())));
        }
        let message = Message {
            id: format!("{}/{step}/{}/told-of-{waits_for}", run.id, record.attempt),
            run: run.id.clone(),
            step: step.clone(),
            attempt: record.attempt,
            event: Event::PollDue,
        };
        Ok(Ok((run, message)))
    }
}

/// A wish on its way to the function `start`. Wishes for the same that come within a short time have the same id, which
/// the bus sends once; what they want is looked up when that time is over.
fn ask(order: Order, envelope: &Envelope, gathers: bool, now: Timestamp) -> (Parcel, Did) {
    let what = order.start.wish.describe();
    let window = now.as_millisecond().div_euclid(GATHERED.as_millis() as i64);
    let cause = match (&order.start.cause, gathers) {
        (Some(cause), _) => cause.clone(),
        (None, true) => format!("{}/{window}", order.start.wish.subject()),
        (None, false) => envelope.duplicate_key(),
    };
    let id = format!("start/{}/{}", order.start.project, Digest::of(cause.as_bytes()).short());
    let deliver_at = gathers.then(|| {
        let end = (window + 1) * GATHERED.as_millis() as i64;
        Timestamp::from_millisecond(end).unwrap_or(now)
    });
    let body = serde_json::to_vec(&order).expect("an order is plain data");
    let parcel = Parcel { queue: START.to_owned(), id: id.clone(), session: None, deliver_at, body };
    (parcel, Did::Asked { order: id, what, came_to: None })
}

fn retry(run: &Run, by: String, event: &RunId) -> Message {
    Message {
        id: format!("{}/retry-{event}", run.id),
        run: run.id.clone(),
        step: StepKey::of(Step::Check),
        attempt: u32::MAX,
        event: Event::RetryRequested { by },
    }
}

fn conflicting(reading: Reading, first: &RunId) -> Reading {
    let (envelope, part) = match reading {
        Reading::Read(notice) => (Some(notice.envelope), serde_json::to_string(&notice.fact).ok()),
        Reading::Ignored { envelope, .. } => (envelope, None),
        Reading::Quarantined { envelope, part, .. } => (envelope, part),
    };
    let reason = format!("event {first} had the same name and said something else; the first one counts");
    Reading::Quarantined { envelope, code: Code::EventIdConflict, reason, part }
}

/// One event of an arrival.
#[derive(Debug, Clone, Copy)]
struct News<'a> {
    door: &'a str,
    verified: Verified,
    body: &'a [u8],
    /// The sender's name for it.
    name: &'a str,
    /// Of what it says.
    says: &'a Digest,
}

/// What came of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Acted,
    Ignored,
    Quarantined,
    Repeated,
}

impl Came {
    fn of(reading: &Reading, did: &[Did]) -> Self {
        match reading {
            Reading::Read(_) if did.iter().any(|did| !matches!(did, Did::Ignored { .. })) => Self::Acted,
            Reading::Read(_) | Reading::Ignored { .. } => Self::Ignored,
            Reading::Quarantined { .. } => Self::Quarantined,
        }
    }
}

impl Received {
    fn count(&mut self, came: Came) {
        match came {
            Came::Acted => self.acted += 1,
            Came::Ignored => self.ignored += 1,
            Came::Quarantined => self.quarantined += 1,
            Came::Repeated => self.repeated += 1,
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acted, ignored, quarantined, repeated } = self;
        write!(f, "{acted} acted upon, {ignored} ignored, {quarantined} kept for a person, {repeated} repeated")
    }
}

#[cfg(test)]
mod tests;
