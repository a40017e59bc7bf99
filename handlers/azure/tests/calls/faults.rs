//! Every call meets every fault at every request that it makes. What is said of it is what a person needs, and the call
//! after it ends as if nothing had been.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use azure::Shown;
use futures::StreamExt as _;
use jiff::SignedDuration;
use runner::ports::{PortError, Result, Revision, Source, StatusState};

use crate::fake::Fault;
use crate::support::{Bench, comment, commit, dead_commit, other_commit, policy, project, report, status};

type Made<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A call: its name, how it shows, whether something gone is nothing to it, what it is.
type Named = (&'static str, Shown, bool, for<'a> fn(&'a Bench) -> Made<'a>);

/// Reads of a host.
async fn resolve(source: &dyn Source) -> Result<()> {
    let branch = source.resolve(&project(), &Revision::Branch("main".parse().unwrap())).await?;
    let tag = source.resolve(&project(), &Revision::Tag("v2".into())).await?;
    assert_eq!(branch, tag);
    source.resolve(&project(), &Revision::Commit(commit())).await.map(|_| ())
}

async fn read(source: &dyn Source) -> Result<()> {
    let read = source.read(&project(), &commit(), "b/c.txt").await?;
    assert_eq!(read.as_deref(), Some(&b"2"[..]));
    Ok(())
}

async fn snapshot(source: &dyn Source) -> Result<()> {
    let digest = source.snapshot(&project(), &commit()).await?;
    assert_eq!(digest.as_str(), "sha256:80656947800723b54afc5dc9c2492bc62f909250e10e4db48c46438967c9d21a");
    Ok(())
}

const CALLS: [Named; 19] = [
    ("devops resolve", Shown::CommitStatus, false, |bench| Box::pin(resolve(&bench.devops))),
    ("devops read", Shown::CommitStatus, false, |bench| Box::pin(read(&bench.devops))),
    ("devops snapshot", Shown::CommitStatus, false, |bench| {
        bench.fake.world().devops.left_out.insert("a.txt".into());
        Box::pin(snapshot(&bench.devops))
    }),
    ("devops build", Shown::CommitStatus, false, |bench| {
        Box::pin(async { bench.devops.build(&project(), 88121).await.map(|_| ()) })
    }),
    ("github resolve", Shown::CommitStatus, false, |bench| Box::pin(resolve(&bench.github))),
    ("github read", Shown::CommitStatus, false, |bench| Box::pin(read(&bench.github))),
    ("github snapshot", Shown::CommitStatus, false, |bench| Box::pin(snapshot(&bench.github))),
    ("github deliveries", Shown::CommitStatus, false, |bench| {
        if bench.fake.world().github.deliveries.is_empty() {
            let at = runner::ports::Clock::now(&bench.clock);
            for guid in ["one", "two"] {
                bench.fake.world().github.deliver(guid, at, "timed out", 0);
            }
        }
        Box::pin(async { bench.deliveries.redeliver_missed().await.map(|_| ()) })
    }),
    ("devops status", Shown::CommitStatus, true, |bench| {
        Box::pin(async { bench.devops.set_status(&project(), &commit(), &status(StatusState::Failed, None)).await })
    }),
    ("devops pull request status", Shown::CommitStatus, true, |bench| {
        Box::pin(async { bench.devops.set_status(&project(), &commit(), &status(StatusState::Failed, Some(12))).await })
    }),
    ("devops comment", Shown::CommitStatus, true, |bench| {
        Box::pin(async { bench.devops.comment(&project(), 12, &comment(1, "text")).await })
    }),
    ("devops newer comment", Shown::CommitStatus, true, |bench| {
        Box::pin(async {
            bench.devops.comment(&project(), 12, &comment(1, "text")).await?;
            bench.devops.comment(&project(), 12, &comment(2, "newer text")).await
        })
    }),
    ("devops tests", Shown::CommitStatus, true, |bench| {
        Box::pin(async { bench.devops.publish_tests(&project(), &commit(), &report()).await })
    }),
    ("devops changes", Shown::CommitStatus, false, |bench| {
        Box::pin(async { bench.devops.changed(&project(), Some(&dead_commit()), &commit()).await.map(|_| ()) })
    }),
    ("devops policy", Shown::CommitStatus, false, |bench| {
        Box::pin(async { bench.devops.ensure_policy(&project(), &policy()).await })
    }),
    ("github status", Shown::CommitStatus, true, |bench| {
        Box::pin(async { bench.github.set_status(&project(), &commit(), &status(StatusState::Failed, None)).await })
    }),
    ("github check", Shown::CheckRun, true, |bench| {
        Box::pin(async { bench.github.set_status(&project(), &commit(), &status(StatusState::Failed, None)).await })
    }),
    ("github comment", Shown::CommitStatus, true, |bench| {
        Box::pin(async {
            bench.github.comment(&project(), 12, &comment(1, "text")).await?;
            bench.github.comment(&project(), 12, &comment(2, "newer text")).await
        })
    }),
    ("github changes", Shown::CommitStatus, false, |bench| {
        Box::pin(async { bench.github.changed(&project(), Some(&commit()), &other_commit()).await.map(|_| ()) })
    }),
];

#[tokio::test]
async fn too_many_calls_without_a_time_are_held_back_for_longer_each_time_and_not_for_ever() {
    let bench = Bench::new().await;
    let mut held_secs = 0;
    for refused in 0..12 {
        bench.fake.spoil(1, Fault::Status(429));
        let error = resolve_once(&bench).await.unwrap_err();
        assert!(matches!(&error, PortError::Transient { .. }), "{error}");
        let full_ms = (200_u64 << refused).min(30_000);
        let asked = bench.fake.count();
        // At least half of it nobody is asked.
        bench.clock.advance_secs(full_ms / 2 / 1000);
        assert!(resolve_once(&bench).await.is_err(), "{refused}");
        assert_eq!(bench.fake.count(), asked, "{refused}");
        held_secs = full_ms.div_ceil(1000);
        bench.clock.advance_secs(held_secs - full_ms / 2 / 1000);
    }
    assert_eq!(held_secs, 30);

    // A call that goes well ends it.
    resolve_once(&bench).await.unwrap();
    bench.fake.spoil(1, Fault::Status(429));
    resolve_once(&bench).await.unwrap_err();
    bench.clock.advance_secs(1);
    resolve_once(&bench).await.unwrap();
}

async fn resolve_once(bench: &Bench) -> Result<()> {
    bench.devops.resolve(&project(), &Revision::Commit(commit())).await.map(|_| ())
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    /// It is tried again, and for so many seconds nobody is asked.
    Later(i64),
    /// It is final, and these words are said.
    Never(&'static [&'static str]),
    /// It is nothing, where people were only to be told something.
    Nothing,
}

const FAULTS: [(Fault, Becomes); 17] = [
    (Fault::Status(400), Becomes::Never(&["as the test wants it"])),
    (
        Fault::Status(401),
        Becomes::Never(&["the personal access token of ann", "is not authenticated", "the scope", "the right"]),
    ),
    (
        Fault::Status(403),
        Becomes::Never(&["the personal access token of ann may not", "the scope", "the right", "grant it"]),
    ),
    (Fault::Status(404), Becomes::Nothing),
    (Fault::Status(409), Becomes::Later(0)),
    (Fault::Status(500), Becomes::Later(0)),
    (Fault::Status(502), Becomes::Later(0)),
    (Fault::Status(503), Becomes::Later(30)),
    (Fault::Wait(429, "7"), Becomes::Later(7)),
    (Fault::Wait(503, "Thu, 01 Jan 2026 00:02:00 GMT"), Becomes::Later(120)),
    (Fault::NoCallsLeft, Becomes::Later(120)),
    (Fault::SignInPage, Becomes::Never(&["is not authenticated", "the scope"])),
    (Fault::Redirect, Becomes::Never(&["is not authenticated", "the scope"])),
    (Fault::Silence, Becomes::Later(0)),
    (Fault::Cut, Becomes::Later(0)),
    (Fault::Garbage, Becomes::Later(0)),
    (Fault::LostReply, Becomes::Later(0)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_meets_every_fault_and_ends_well_after_it() {
    let mut pairs = Vec::new();
    for named in &CALLS {
        let (_, shown, _, call) = named;
        let bench = Bench::showing(*shown).await;
        call(&bench).await.unwrap();
        let (good, requests) = (Arc::new(seen(&bench)), bench.fake.count());
        for nth in 1..=requests {
            pairs.extend(FAULTS.iter().map(|fault| (named, fault, nth, good.clone())));
        }
    }
    assert!(pairs.len() > 500, "only {} pairs", pairs.len());
    // Side by side: some of them wait for an answer that does not come.
    let all = futures::stream::iter(pairs).for_each_concurrent(
        32,
        async |((name, shown, is_quiet, call), fault, nth, good)| {
            let (fault, becomes) = fault;
            let bench = Bench::showing(*shown).await;
            bench.fake.spoil(nth, *fault);
            let result = call(&bench).await;
            let at = format!("{name}: {fault:?} at request {nth}: {result:?}");
            let hit = &bench.fake.asked()[nth - 1];
            let leads_to_one = hit.contains("/zipball/") && *fault == Fault::Redirect;
            let is_download = hit.starts_with("GET /codeload.github.com/") || leads_to_one;
            check(&bench, &result, (*becomes, is_download), *is_quiet, &at);
            let asked = bench.fake.count();
            if let Becomes::Later(seconds @ 1..) = becomes {
                let again = call(&bench).await;
                assert!(matches!(again, Err(PortError::Transient { .. })), "{at}: {again:?}");
                let is_left_alone = bench.fake.count() == asked || is_download;
                assert!(is_left_alone, "{at}: the service is asked before its time");
                bench.clock.advance_secs(seconds.unsigned_abs());
            }
            call(&bench).await.unwrap_or_else(|error| panic!("{at}, and then {error}"));
            assert!(seen(&bench) == *good, "{at}, and then people see {}", seen(&bench));
        },
    );
    all.await;
}

/// `is_download` is of the host that nobody is known to: it has other words.
fn check(bench: &Bench, result: &Result<()>, (becomes, is_download): (Becomes, bool), is_quiet: bool, at: &str) {
    assert!(!at.contains("secret"), "{at}");
    match (becomes, result) {
        (Becomes::Never(_) | Becomes::Nothing, Err(_)) if is_download => {}
        (Becomes::Later(seconds), Err(PortError::Transient { reason, .. })) => {
            let words = ["could not ", "cannot be read", "is something else"];
            assert!(words.iter().any(|words| reason.contains(words)), "{at}");
            if seconds > 0 {
                let until = runner::ports::Clock::now(&bench.clock) + SignedDuration::from_secs(seconds);
                assert!(reason.contains(&format!("asked to wait {seconds} s, until {until}")), "{at}");
            }
        }
        (Becomes::Never(words), Err(PortError::Permanent { reason, .. })) => {
            for word in words {
                assert!(reason.contains(word), "{at}: {word}");
            }
        }
        // Waited out.
        (Becomes::Later(0), Ok(())) => {}
        (Becomes::Nothing, Ok(())) => {}
        (Becomes::Nothing, Err(PortError::Permanent { .. })) if !is_quiet => {}
        _ => panic!("{at}: wanted {becomes:?}"),
    }
}

/// What people see; of a status that was told twice, once.
fn seen(bench: &Bench) -> String {
    let world = bench.fake.world();
    let devops = &world.devops;
    let last = |statuses: &[(String, serde_json::Value)]| statuses.last().cloned();
    let runs: Vec<_> = devops.runs.iter().map(|run| (&run.head, &run.results, &run.attachments)).collect();
    let times = |text: String| text.replace("2026-01-01T00:02:00Z", "T").replace("2026-01-01T00:00:07Z", "T");
    times(format!(
        "{:#?}",
        (
            (last(&devops.commit_statuses), last(&devops.iteration_statuses), &devops.threads),
            (runs, last(&devops.coverage), &devops.policies),
            (last(&world.github.statuses), &world.github.checks, &world.github.comments),
            world
                .github
                .deliveries
                .iter()
                .map(|it| (it["guid"].as_str(), it["redelivery"].as_bool()))
                .collect::<BTreeSet<_>>(),
        )
    ))
    .replace("2026-01-01T00:00:30Z", "T")
    .replace("2026-01-01T00:00:00Z", "T")
}
