//! Messages over AMQP 1.0: one connection that is made when it is first needed, and a link for each queue.
//!
//! ```text
//! a link is there --> transfer, disposition                    what a send costs when all is well
//! it is not       --> [connection, session, $cbs] token, link   once, by one send; the others wait for it
//! it breaks       --> forgotten, and all of it again           at most TRIES times for one send
//! ```
//!
//! The service detaches a link after ten minutes without a message and closes a connection without links soon after: what
//! was kept for a while may be gone, and says so only when it is used. It is made anew without further ado.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use runner::ports::{Clock, Result};
use tracing::debug;

use super::lots::Lot;
use super::{SERVICE, ServiceBusSettings};
use crate::credential::{Credential, Token};
use crate::http::{CallError, Kind};
use crate::roles::SEND;

mod line;
mod link;
mod load;
mod tls;
mod trouble;

use line::{Line, Place};
use link::{Failure, Hurt, Link};
use load::Load;
pub(super) use tls::Tls;
use trouble::{BUSY, NOT_ALLOWED};

/// How often one load is tried, the first time included.
const TRIES: u32 = 4;
/// Before another try on a fresh connection; each pause is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(200);
/// What a service that is throttling asks for: "Please wait 2 seconds and try again".
const PAUSE_BUSY: Duration = Duration::from_secs(2);

/// A namespace over AMQP.
pub(super) struct Amqp {
    place: Place,
    credential: Arc<dyn Credential>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    kept: Mutex<Kept>,
    /// Held by the send that connects, attaches or renews. The others go on with what they have.
    maker: tokio::sync::Mutex<()>,
}

/// One try, as far as it has come.
#[derive(Default)]
struct Attempt {
    /// Whether the connection was there before: it may have ended long ago.
    is_kept: bool,
    line: Option<Arc<Line>>,
    link: Option<Arc<Link>>,
}

/// What is open.
#[derive(Default)]
struct Kept {
    line: Option<Arc<Line>>,
    links: HashMap<String, Arc<Link>>,
    token: Option<Token>,
}

impl Amqp {
    pub fn new(settings: ServiceBusSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let timeout = Duration::from_secs(settings.timeout_secs);
        let tls = if settings.is_emulator { None } else { Some(Tls::of_the_web()) };
        let place = Place::new(&settings.namespace, tls)?;
        Ok(Self { place, credential, clock, timeout, kept: Mutex::default(), maker: tokio::sync::Mutex::default() })
    }

    /// The same, by other certificates than those of the web.
    #[cfg(test)]
    pub fn trusting(mut self, tls: Tls) -> Self {
        self.place.tls = Some(tls);
        self
    }

    /// Sends all, each lot in order. Nothing is sent when one message is too large or one queue is not there.
    pub async fn send(&self, lots: &[Lot]) -> Result<(), CallError> {
        let loads = join_all(lots.iter().map(|lot| self.load(lot))).await;
        let loads = loads.into_iter().collect::<Result<Vec<_>, _>>()?;
        join_all(lots.iter().zip(&loads).map(|(lot, loads)| self.deliver(lot, loads))).await.into_iter().collect()
    }

    /// Packs a lot by what its queue takes.
    async fn load(&self, lot: &Lot) -> Result<Vec<Load>, CallError> {
        let link = self.persist(&lot.queue, None).await?;
        load::pack(&lot.parcels, link.limits(), &self.place.host)
    }

    async fn deliver(&self, lot: &Lot, loads: &[Load]) -> Result<(), CallError> {
        for load in loads {
            match self.persist(&lot.queue, Some(load)).await {
                // A partitioned queue takes no batch of different ids. If that is not it, the first message says so.
                Err(error) if error.code == NOT_ALLOWED && load.count() > 1 => {
                    for parcel in load.parcels(&lot.parcels) {
                        self.persist(&lot.queue, Some(&Load::single(parcel))).await?;
                    }
                }
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Makes sure of a link, and sends over it if there is something to send. Tries again what may work on a fresh
    /// connection, with a fresh token, or a little later.
    async fn persist(&self, queue: &str, load: Option<&Load>) -> Result<Arc<Link>, CallError> {
        let (mut tried, mut tokens) = (0, 0);
        loop {
            let mut attempt = Attempt::default();
            let result = tokio::time::timeout(self.timeout, self.try_once(queue, load, &mut attempt)).await;
            let failure = match result {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let reason = format!("could not send a message to queue {queue}: no answer in {:?}", self.timeout);
                    Failure::of_line(CallError::unavailable(SERVICE, reason))
                }
            };
            self.forget(queue, &attempt, &failure);
            tried += 1;
            tokens += u32::from(failure.error.kind == Kind::NotKnown);
            let Some(pause) = pause((tried, tokens), attempt.is_kept, &failure) else {
                return Err(self.explained(failure.error, queue));
            };
            debug!("{SERVICE}: try {tried} failed, another one in {pause:?}: {}", failure.error.into_port());
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_once(&self, queue: &str, load: Option<&Load>, attempt: &mut Attempt) -> Result<Arc<Link>, Failure> {
        let link = self.link(queue, attempt).await?;
        attempt.link = Some(link.clone());
        attempt.line = Some(link.line().clone());
        if let Some(load) = load {
            link.send(load).await?;
        }
        Ok(link)
    }

    /// The link to a queue: the one that is there, or a new one.
    async fn link(&self, queue: &str, attempt: &mut Attempt) -> Result<Arc<Link>, Failure> {
        attempt.is_kept = true;
        if let Some(link) = self.ready(queue) {
            return Ok(link);
        }
        let _maker = self.maker.lock().await;
        if let Some(link) = self.ready(queue) {
            return Ok(link);
        }
        let token = self.token().await?;
        let (line, link) = {
            let kept = self.kept();
            (kept.line.clone(), kept.links.get(queue).cloned())
        };
        attempt.line.clone_from(&line);
        let line = match line {
            Some(line) => line,
            None => {
                attempt.is_kept = false;
                let line = Arc::new(Line::open(&self.place).await.map_err(Failure::of_line)?);
                self.kept().line = Some(line.clone());
                attempt.line = Some(line.clone());
                line
            }
        };
        line.authorize(&self.place, queue, &token).await?;
        if let Some(link) = link {
            link.renewed(token);
            return Ok(link);
        }
        let link = Arc::new(Link::new(line.clone(), line.attach(queue).await?, token));
        self.kept().links.insert(queue.to_owned(), link.clone());
        Ok(link)
    }

    /// A link whose token is good for a while.
    fn ready(&self, queue: &str) -> Option<Arc<Link>> {
        self.kept().links.get(queue).filter(|link| link.is_good(self.clock.now())).cloned()
    }

    async fn token(&self) -> Result<Token, Failure> {
        let kept = self.kept().token.clone();
        if let Some(token) = kept.filter(|token| token.is_good(self.clock.now())) {
            return Ok(token);
        }
        let unknown = |error| Failure { error: CallError::of_port(SERVICE, error), hurt: Hurt::Nothing };
        let token = self.credential.token().await.map_err(unknown)?;
        self.kept().token = Some(token.clone());
        Ok(token)
    }

    /// What a failure has made worthless is not used again. What others have made meanwhile stays.
    fn forget(&self, queue: &str, attempt: &Attempt, failure: &Failure) {
        let mut kept = self.kept();
        if failure.error.kind == Kind::NotKnown {
            kept.token = None;
            kept.links.remove(queue);
        }
        if failure.hurt != Hurt::Nothing
            && let (Some(there), Some(link)) = (kept.links.get(queue), &attempt.link)
            && Arc::ptr_eq(there, link)
        {
            kept.links.remove(queue);
        }
        // Sends that still wait on the connection keep it open until they are done.
        if failure.hurt == Hurt::Line
            && let (Some(there), Some(line)) = (&kept.line, &attempt.line)
            && Arc::ptr_eq(there, line)
        {
            kept.line = None;
            kept.links.clear();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In words for whoever can do something about it.
    fn explained(&self, error: CallError, queue: &str) -> CallError {
        let host = &self.place.host;
        match error.kind {
            Kind::Gone => super::gone(queue, host, &error.code),
            Kind::NotKnown => {
                let identity = self.credential.identity();
                let reason = format!(
                    "{identity} may not send a message to queue {queue} of {host} ({}). It needs the role {SEND}: grant \
                     it, then try the run again",
                    error.into_port()
                );
                CallError::without_answer(Kind::Refused, SERVICE, reason)
            }
            Kind::Refused | Kind::Unavailable => error,
        }
    }
}

/// How long to wait before another try; None: no more. `tokens` of those that were tried were worth nothing.
fn pause((tried, tokens): (u32, u32), is_kept: bool, failure: &Failure) -> Option<Duration> {
    // What was kept may have ended long ago, and that is no trouble of now.
    let is_old = is_kept && failure.hurt != Hurt::Nothing;
    let is_worth_it = match failure.error.kind {
        // Once, with another token: the one before may have been withdrawn.
        Kind::NotKnown => tokens == 1 || is_old,
        Kind::Unavailable => true,
        Kind::Gone | Kind::Refused => is_old,
    };
    if !is_worth_it || tried >= TRIES {
        return None;
    }
    Some(match &failure.error.code[..] {
        BUSY => PAUSE_BUSY + jitter(PAUSE, tried),
        _ if is_old => Duration::ZERO,
        _ => jitter(PAUSE * (1 << tried.min(8)), tried),
    })
}

/// Between half of it and all of it, so that many who failed together do not come back together.
fn jitter(full: Duration, tried: u32) -> Duration {
    let chance = RandomState::new().hash_one(tried) % 1000;
    full.mul_f64(0.5 + f64::from(u32::try_from(chance).unwrap_or_default()) / 2000.0)
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over AMQP as {:?}", self.place.host, self.credential)
    }
}
