//! What messages cost.

use pipeline::event::Step;

use crate::cloud::Cloud;
use crate::day::{Day, Trip};
use crate::repository::Fit;

/// A request to begin a step is handled with the run in memory: what is read is the snapshot that a job gets, or the
/// champion; what is written is the decision, before and after what it causes; what is sent is the next step's message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_takes_few_round_trips() {
    let mut day = Day::new(Cloud::new().await).await;
    day.push(Fit::Mean).await;
    day.deliver(1).await;

    let ordinary = |trip: &&Trip| {
        use Step::{Check, Evaluate, Profile, Provision, Register, TestImage, Train};
        [Check, Provision, Train, Evaluate, Register, TestImage, Profile].contains(&trip.step)
    };
    let trips: Vec<_> = day.trips.iter().filter(ordinary).collect();
    assert_eq!(trips.len(), 7, "{:#?}", day.trips);
    for trip in trips {
        assert!(trip.reads <= 1 && trip.writes <= 2 && trip.sends <= 1, "{trip:?}");
    }
    // Others have more to write: an environment, and what it is told.
    for trip in &day.trips {
        assert!(trip.reads <= 2 && trip.writes <= 4 && trip.sends <= 1, "{trip:?}");
    }
}
