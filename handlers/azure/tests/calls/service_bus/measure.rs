//! Figures, for people: `cargo test --test calls measure -- --ignored --nocapture`.

use std::time::Instant;

use futures::StreamExt as _;
use runner::ports::Bus as _;

use super::{by_key, parcel};
use crate::fake::service_bus::Namespace;

const COUNT: u32 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it prints figures"]
async fn measure() {
    let namespace = Namespace::start().await;
    namespace.queues.add("train");
    let bus = by_key(&namespace);
    let start = Instant::now();
    bus.send(vec![parcel("train", "cold")]).await.unwrap();
    println!("first send, with connection, token and link: {:?}", start.elapsed());
    for in_flight in [1, 64] {
        let start = Instant::now();
        futures::stream::iter(0..COUNT)
            .for_each_concurrent(in_flight, async |number| {
                bus.send(vec![parcel("train", &format!("{in_flight}-{number}"))]).await.unwrap();
            })
            .await;
        let rate = f64::from(COUNT) / start.elapsed().as_secs_f64();
        println!("{in_flight} in flight: {rate:.0} messages/s, {:?} each", start.elapsed() / COUNT * in_flight as u32);
    }
    let start = Instant::now();
    for hundred in 0..COUNT / 100 {
        let batch = (0..100).map(|number| parcel("train", &format!("b-{hundred}-{number}"))).collect();
        bus.send(batch).await.unwrap();
    }
    println!("batches of 100, one by one: {:.0} messages/s", f64::from(COUNT) / start.elapsed().as_secs_f64());
    assert_eq!(namespace.received("train").len(), 3 * usize::try_from(COUNT).unwrap() + 1);
}
