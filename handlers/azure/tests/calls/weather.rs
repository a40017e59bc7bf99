//! Every call meets every fault at every request that it makes. What is said of it is what a person needs, and the call
//! after it ends as if nothing had been.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use futures::StreamExt as _;
use runner::memory::TestClock;
use runner::ports::{PortError, Result};

use crate::fake::{Fake, Fault};

/// What a call makes of itself.
pub type Made<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A call: its name, and what it is.
pub type Named<B> = (&'static str, for<'a> fn(&'a B) -> Made<'a>);

/// A service in its first state, and our way to it.
pub trait Bench: Sized {
    async fn new() -> Self;
    fn fake(&self) -> &Fake;
    fn clock(&self) -> &TestClock;
    /// All that the calls have made of the service, as far as it must be the same after a fault.
    fn seen(&self) -> String;
}

/// What may happen to any request, and whether it is worth another try.
pub const FAULTS: [(Fault, bool); 15] = [
    (Fault::Status(400), false),
    (Fault::Status(401), false),
    (Fault::Status(403), false),
    (Fault::Status(408), true),
    (Fault::Status(429), true),
    (Fault::Status(500), true),
    (Fault::Status(502), true),
    (Fault::Status(503), true),
    (Fault::Status(504), true),
    (Fault::Wait(429, "7"), true),
    (Fault::Wait(503, "Thu, 01 Jan 2026 00:02:00 GMT"), true),
    (Fault::Silence, true),
    (Fault::Cut, true),
    (Fault::Garbage, true),
    (Fault::LostReply, true),
];

/// Drives them all; answers how many pairs of call and fault there were.
///
/// A fault may be waited out by the call itself, end it with an error that says whether another try is worth it, or (where
/// it hits what is only looked at) change nothing.
pub async fn every_call_meets_every_fault<B: Bench + Debug>(calls: &[Named<B>]) -> usize {
    let mut pairs = Vec::new();
    for (name, call) in calls {
        let bench = B::new().await;
        let before = bench.fake().count();
        call(&bench).await.unwrap_or_else(|error| panic!("{name}, with nothing wrong: {error}"));
        let (good, requests) = (bench.seen(), bench.fake().count() - before);
        assert!(requests > 0, "{name} asks nobody");
        for nth in 1..=requests {
            pairs.extend(FAULTS.iter().map(|fault| (*name, *call, *fault, nth, good.clone())));
        }
    }
    let count = pairs.len();
    // Side by side: some of them wait for an answer that does not come.
    futures::stream::iter(pairs)
        .for_each_concurrent(32, async |(name, call, (fault, is_weather), nth, good)| {
            let bench = B::new().await;
            bench.fake().spoil(nth, fault);
            let result = call(&bench).await;
            let at = format!("{name}: {fault:?} at request {nth}: {result:?}");
            match &result {
                Ok(()) => {}
                Err(PortError::Transient { reason, .. }) => {
                    assert!(is_weather, "{at}: no other try will be better");
                    assert!(!reason.contains("secret"), "{at}");
                }
                Err(PortError::Permanent { reason, .. }) => {
                    assert!(!is_weather, "{at}: another try may be better");
                    assert!(!reason.contains("secret"), "{at}");
                    if matches!(fault, Fault::Status(401 | 403)) {
                        assert!(reason.contains("role") || reason.contains("right"), "{at}: what is to be granted");
                    }
                }
                Err(PortError::Conflict { .. }) => panic!("{at}: nobody else has written"),
            }
            bench.clock().advance_secs(300);
            call(&bench).await.unwrap_or_else(|error| panic!("{at}, and then {error}"));
            assert!(bench.seen() == good, "{at}, and then there is {}\ninstead of {good}", bench.seen());
        })
        .await;
    count
}
