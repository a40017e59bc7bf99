//! Tokens: kept until shortly before they expire, replaced when they are worthless, shown to nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure::{Credential, PersonalAccessToken, Token};
use jiff::SignedDuration;
use runner::memory::TestClock;
use runner::ports::{Clock, PortError, Result, Source, StatusState};

use crate::fake::Fault;
use crate::support::{Bench, commit, project, status};

mod identity;

/// Counts what it gives.
#[derive(Debug)]
struct Counting {
    given: AtomicUsize,
    clock: TestClock,
    answer: fn(usize) -> Result<()>,
}

#[async_trait]
impl Credential for Counting {
    async fn token(&self) -> Result<Token> {
        let nth = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        (self.answer)(nth)?;
        tokio::task::yield_now().await;
        Token::bearer(&format!("token-{nth}"), Some(self.clock.now() + SignedDuration::from_hours(1)))
    }

    fn identity(&self) -> String {
        "the identity of the test".into()
    }
}

fn counting(bench: &Bench, answer: fn(usize) -> Result<()>) -> Arc<Counting> {
    Arc::new(Counting { given: AtomicUsize::new(0), clock: bench.clock.clone(), answer })
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let bench = Bench::new().await;
    let credential = counting(&bench, |_| Ok(()));
    let devops = bench.devops_as(credential.clone());
    let set = async || devops.set_status(&project(), &commit(), &status(StatusState::Pending, None)).await.unwrap();

    let ((), (), ()) = futures::join!(set(), set(), set());
    assert_eq!(credential.given.load(Ordering::Relaxed), 1, "three calls at once ask for one");
    bench.clock.advance_secs(54 * 60);
    set().await;
    assert_eq!(credential.given.load(Ordering::Relaxed), 1);
    bench.clock.advance_secs(2 * 60);
    set().await;
    assert_eq!(credential.given.load(Ordering::Relaxed), 2, "less than five minutes were left");
    assert_eq!(bench.fake.world().seen.last().unwrap().authorization, "Bearer token-2");
}

#[tokio::test]
async fn a_token_that_became_worthless_is_replaced_once() {
    let bench = Bench::new().await;
    let credential = counting(&bench, |_| Ok(()));
    let devops = bench.devops_as(credential.clone());
    let set = async || devops.set_status(&project(), &commit(), &status(StatusState::Pending, None)).await;
    set().await.unwrap();

    bench.fake.spoil(1, Fault::Status(401));
    set().await.unwrap();

    assert_eq!(credential.given.load(Ordering::Relaxed), 2);
    assert_eq!(bench.fake.count(), 3);
}

#[tokio::test]
async fn without_a_token_nothing_is_called() {
    let bench = Bench::new().await;
    let away = counting(&bench, |_| Err(PortError::transient("identity", "the endpoint is away")));
    let refused = counting(&bench, |_| Err(PortError::permanent("identity", "there is no identity; assign one")));
    for (credential, is_final) in [(away, false), (refused, true)] {
        let devops = bench.devops_as(credential);
        let error = devops.set_status(&project(), &commit(), &status(StatusState::Pending, None)).await.unwrap_err();
        assert_eq!(matches!(error, PortError::Permanent { .. }), is_final, "{error}");
    }
    assert_eq!(bench.fake.count(), 0);
}

#[tokio::test]
async fn personal_tokens_are_sent_as_each_service_wants_them_and_shown_to_nobody() {
    let bench = Bench::new().await;
    bench.devops.set_status(&project(), &commit(), &status(StatusState::Pending, None)).await.unwrap();
    bench.github.set_status(&project(), &commit(), &status(StatusState::Pending, None)).await.unwrap();
    let sent: Vec<_> = bench.fake.world().seen.iter().map(|seen| seen.authorization.clone()).collect();
    assert_eq!(sent, ["Basic OmRldm9wcy1zZWNyZXQ=", "Bearer github-secret"]);

    let credential = PersonalAccessToken::of_github("ann", "github-secret\n").unwrap();
    let token = credential.token().await.unwrap();
    for shown in
        [format!("{credential:?}"), format!("{token:?}"), format!("{:?}", bench.github), format!("{:?}", bench.devops)]
    {
        assert!(!shown.contains("secret") && !shown.contains("OmRl"), "{shown}");
    }
    let error = Token::bearer("line\nend", None).unwrap_err();
    assert!(!error.to_string().contains("end,"), "{error}");
}
