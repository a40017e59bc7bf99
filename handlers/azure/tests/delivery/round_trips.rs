//! What messages cost.

use pipeline::event::Step;

use crate::cloud::Cloud;
use crate::day::Day;
use crate::repository::Fit;

/// A message is handled with the run in memory: what is read is the snapshot that a job gets, or an environment; what is
/// written is the decision, and what an environment is told; what is sent is what follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_takes_few_round_trips() {
    let mut day = Day::new(Cloud::new().await).await;
    day.push(Fit::Mean).await;
    day.deliver(1).await;

    let most = |step: Step| match step {
        // The code and the model, asked for at once.
        Step::Package => (2, 2),
        _ => (1, 2),
    };
    assert!(day.trips.len() >= 13, "{:#?}", day.trips);
    for trip in &day.trips {
        let (reads, writes) = most(trip.step);
        assert!(trip.reads <= reads && trip.writes <= writes && trip.sends <= 1, "{trip:?} of {:#?}", day.trips);
    }
}
