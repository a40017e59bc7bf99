//! Which process answers for which environment, at this moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pipeline::names::{DeploymentName, EnvironmentName, Project};
use pipeline::release::Release;
use tokio::sync::watch;
use tokio::time::timeout;

/// An environment of a project.
pub type Place = (Project, EnvironmentName);

/// A deployment as requests see it: where its process listens, and how many requests it has.
#[derive(Debug)]
pub struct Target {
    /// What it serves.
    pub release: Release,
    /// 0 while it is down.
    port: AtomicU16,
    under_way: watch::Sender<usize>,
}

impl Target {
    /// A deployment that is down yet.
    pub fn new(release: Release) -> Arc<Self> {
        Arc::new(Self { release, port: AtomicU16::new(0), under_way: watch::Sender::new(0) })
    }

    /// It listens here from now on.
    pub fn up(&self, port: u16) {
        self.port.store(port, Ordering::Release);
    }

    /// It listens nowhere.
    pub fn down(&self) {
        self.up(0);
    }

    /// Where it listens; None while it is down.
    pub fn port(&self) -> Option<u16> {
        Some(self.port.load(Ordering::Acquire)).filter(|port| *port != 0)
    }

    /// Waits until no request is under way, at most so long. Answers how many are left.
    pub async fn drain(&self, within: Duration) -> usize {
        let mut under_way = self.under_way.subscribe();
        timeout(within, under_way.wait_for(|requests| *requests == 0)).await.ok();
        *self.under_way.borrow()
    }
}

/// A request under way. The deployment that has it is not stopped before it ends.
#[derive(Debug)]
pub struct Ticket {
    /// Who answers.
    pub target: Arc<Target>,
}

impl Ticket {
    fn of(target: &Arc<Target>) -> Self {
        target.under_way.send_modify(|requests| *requests += 1);
        Self { target: Arc::clone(target) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.target.under_way.send_modify(|requests| *requests -= 1);
    }
}

/// A deployment's share of an environment's requests.
pub type Share = (u32, Arc<Target>);

#[derive(Debug, Default)]
struct Post {
    shares: Vec<Share>,
    turn: AtomicU64,
}

/// Who serves where. A request gets its ticket under the same lock that a switch takes, so that after a switch no
/// request goes to the old deployment any more, and it can be drained.
#[derive(Debug, Default)]
pub struct Board {
    posts: RwLock<HashMap<Place, Post>>,
}

impl Board {
    /// From now on these serve, by their shares; nobody when there are none.
    pub fn serve(&self, place: &Place, shares: Vec<Share>) {
        let mut posts = self.posts.write().unwrap_or_else(PoisonError::into_inner);
        posts.entry(place.clone()).or_default().shares = shares;
    }

    /// Who serves; None for an environment that nothing was ever put into.
    pub fn serving(&self, place: &Place) -> Option<Vec<Share>> {
        let posts = self.posts.read().unwrap_or_else(PoisonError::into_inner);
        posts.get(place).map(|post| post.shares.clone())
    }

    /// Lets a request in to this deployment and no other. The error names the one that serves, if there is one.
    pub fn enter_at(&self, place: &Place, deployment: &DeploymentName) -> Result<Ticket, Option<DeploymentName>> {
        let posts = self.posts.read().unwrap_or_else(PoisonError::into_inner);
        let shares = posts.get(place).map(|post| post.shares.as_slice()).unwrap_or_default();
        match shares.iter().find(|(_, target)| target.release.deployment == *deployment) {
            Some((_, target)) => Ok(Ticket::of(target)),
            None => Err(shares.first().map(|(_, target)| target.release.deployment.clone())),
        }
    }

    /// Lets a request in. The outer None: no such environment; the inner: nobody serves there.
    pub fn enter(&self, place: &Place) -> Option<Option<Ticket>> {
        let posts = self.posts.read().unwrap_or_else(PoisonError::into_inner);
        let post = posts.get(place)?;
        let all: u64 = post.shares.iter().map(|(weight, _)| u64::from(*weight)).sum();
        if all == 0 {
            return Some(None);
        }
        // In turns rather than by chance: ten requests at 10 to 90 are one and nine. The stride spreads the turns.
        let stride = (all / 2..=all).find(|stride| coprime(*stride, all)).unwrap_or(1);
        let turn = post.turn.fetch_add(1, Ordering::Relaxed) % all;
        let mut at = (turn * stride) % all;
        for (weight, target) in &post.shares {
            let weight = u64::from(*weight);
            if at < weight {
                return Some(Some(Ticket::of(target)));
            }
            at -= weight;
        }
        Some(None)
    }
}

// One step through the turns reaches every place before it comes back.
fn coprime(mut a: u64, mut b: u64) -> bool {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}
