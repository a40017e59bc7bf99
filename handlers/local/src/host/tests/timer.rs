//! Timer triggers.

use azure_functions::{Outcome, Router, Trigger};

use super::super::{HandlerOptions, HostOptions};
use super::support::{Stage, record};

#[tokio::test]
async fn a_timer_ticks_again_and_again() {
    let stage = Stage::new(&[("sweep", Trigger::Timer { schedule: "%SWEEP_SCHEDULE%".into() })]);
    let (router, mut seen) = record(Router::new(), "sweep", |_| Outcome::retry("a failure waits for the next tick"));
    let listener = azure_functions::bind(0).await.unwrap();
    let options = HostOptions {
        handler: HandlerOptions::Attached { port: listener.local_addr().unwrap().port() },
        environment: vec![("SWEEP_SCHEDULE".into(), "* * * * * *".into())],
        ..stage.options()
    };
    tokio::spawn(router.serve(listener));
    let running = stage.start(options).await.unwrap();
    for _ in 0..2 {
        let invocation = seen.recv().await.unwrap();
        let timer = invocation.timer().unwrap();
        assert_eq!(timer.last, None, "a timer of seconds has no record");
        assert!(invocation.trigger().unwrap().json().starts_with(r#"{"Schedule":{"AdjustForDST":true}"#));
    }
    running.stop().await.unwrap();
}
