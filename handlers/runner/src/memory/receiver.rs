//! The queue as the conformance functions of buses and ledgers see it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::queue::Queue;
use crate::conformance::bus::{Received, Receiver};

/// Receives by the time of day: the machine's clock is turned to it, and what is due later is waited for.
#[async_trait]
impl Receiver for Queue {
    async fn receive(&self, queue: &str, patience: Duration) -> Option<Received> {
        let give_up = Timestamp::now() + patience;
        loop {
            self.0.clock.advance_to(Timestamp::now());
            if let Some(delivery) = self.take_from(queue) {
                return Some(Received {
                    receipt: delivery.sequence().to_string(),
                    id: delivery.parcel.id,
                    body: delivery.parcel.body,
                    delivery_count: delivery.count,
                });
            }
            // Whoever receives here is the one who sends: nothing comes that is not in the queue already.
            let due = self.next_due().filter(|due| *due <= give_up)?;
            let wait = due.duration_since(Timestamp::now()).max(jiff::SignedDuration::ZERO);
            tokio::time::sleep(wait.unsigned_abs()).await;
        }
    }

    async fn complete(&self, receipt: &str) {
        if let Ok(sequence) = receipt.parse() {
            self.settle_numbered(sequence);
        }
    }

    async fn abandon(&self, receipt: &str) {
        if let Ok(sequence) = receipt.parse() {
            self.give_back_numbered(sequence);
        }
    }
}
