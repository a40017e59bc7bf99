//! Waits for the handler's first answer, which is the only sign that it is ready.

use std::time::Duration;

use super::Client;

/// Where the real host asks every 25 ms, this one asks more often at first: our handler is up in a few.
const EAGER: Duration = Duration::from_millis(2);
const EAGER_TIMES: u32 = 50;
const PATIENT: Duration = Duration::from_millis(25);

/// Asks until somebody answers. Nobody can wake us: the handler has no other way to say it.
pub(super) async fn answered(client: &Client) {
    let mut times = 0;
    while client.probe().await.is_err() {
        let pause = if times < EAGER_TIMES { EAGER } else { PATIENT };
        times = times.saturating_add(1);
        tokio::time::sleep(pause).await;
    }
}
