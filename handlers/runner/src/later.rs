//! What cannot be done now and comes again later.
//!
//! The bus by itself delivers ten times within seconds and then gives up: a service that is away for a minute, or asks to
//! be left alone, would cost the message. So it goes back to its queue with a time.

use jiff::SignedDuration;
use pipeline::event::Message;
use pipeline::run::Letter;
use tracing::warn;

use crate::ports::{Parcel, PortError, Result};
use crate::records::parcel;
use crate::runner::Runner;

/// The first pause; each one after it is twice as long.
const FIRST_SECS: i64 = 15;
const LONGEST_SECS: i64 = 600;
/// About a day. What has not been done by then is kept for a person.
const TIMES_MAX: u32 = 150;
/// What stands between a message's id and how often it was put off, on the bus.
const AGAIN: &str = "~";

/// How long something waits that was put off so often; None: too often.
pub(crate) fn pause(times: u32) -> Option<SignedDuration> {
    let secs = (FIRST_SECS << times.min(8)).min(LONGEST_SECS);
    (times < TIMES_MAX).then(|| SignedDuration::from_secs(secs))
}

impl Runner {
    /// Puts a message off that could not be handled because of `error`. `delivered_as` is its id on the bus, which counts
    /// how often.
    ///
    /// # Errors
    ///
    /// The same error: it could not be put off, or was for a day.
    pub async fn put_off(&self, message: &Message, delivered_as: &str, error: PortError) -> Result<()> {
        let times = delivered_as.rsplit_once(AGAIN).and_then(|(_, times)| times.parse().ok()).unwrap_or(0);
        let Some(pause) = pause(times) else { return Err(error) };
        let letter = Letter { deliver_at: Some(self.ports.clock.now() + pause), message: message.clone() };
        // Another id than it had, for the bus would drop it; the same for the same try, so that it is put off once.
        let parcel = Parcel { id: format!("{}{AGAIN}{}", message.id, times + 1), ..parcel(&letter) };
        if self.ports.bus.send(vec![parcel]).await.is_err() {
            return Err(error);
        }
        warn!(run.id = %message.run, "{}: put off for {} s: {error}", message.step, pause.as_secs());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::intake::{Start, Wish};
    use crate::memory::{Fault, Machine};
    use crate::runner::Handled;

    use super::*;

    /// Handles a message in a process that does not know its run yet, while the store is busy.
    async fn fails(machine: &Machine, message: &Message) -> PortError {
        machine.faults.at_next("store.get", Fault::Busy);
        Runner::new(machine.ports()).handle(message).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_handled_now_comes_again_later_and_later() {
        let machine = Machine::new();
        let wish = Wish::Rehearsal {};
        let project = "diabetes".parse().unwrap();
        let start = Start { project, wish, by: "ada".into(), cause: None, only_if_wanted: false };
        Runner::new(machine.ports()).start(&start).await.unwrap();
        for secs in [15, 30, 60, 120] {
            let delivery = machine.queue.take().unwrap();
            let message: Message = serde_json::from_slice(&delivery.parcel.body).unwrap();
            // Another process each time: none knows the run already. Delivered twice, it is put off once.
            for _ in 0..2 {
                let error = fails(&machine, &message).await;
                Runner::new(machine.ports()).put_off(&message, &delivery.parcel.id, error).await.unwrap();
            }
            machine.queue.settle(&delivery);
            assert!(machine.queue.take().is_none(), "it waits for {secs} s");
            machine.clock.advance_secs(secs);
        }
        let delivery = machine.queue.take().unwrap();
        let message: Message = serde_json::from_slice(&delivery.parcel.body).unwrap();
        let handled = Runner::new(machine.ports()).handle(&message).await;
        assert_eq!(handled.unwrap(), Handled::Done);
        machine.queue.settle(&delivery);
        assert!(machine.queue.take().is_some(), "the next step's message");
    }

    #[tokio::test]
    async fn what_was_put_off_for_a_day_or_cannot_be_is_given_back() {
        let machine = Machine::new();
        let wish = Wish::Rehearsal {};
        let project = "diabetes".parse().unwrap();
        let start = Start { project, wish, by: "ada".into(), cause: None, only_if_wanted: false };
        Runner::new(machine.ports()).start(&start).await.unwrap();
        let delivery = machine.queue.take().unwrap();
        let message: Message = serde_json::from_slice(&delivery.parcel.body).unwrap();
        let runner = Runner::new(machine.ports());
        let error = fails(&machine, &message).await;
        let last = runner.put_off(&message, &format!("{}~{TIMES_MAX}", message.id), error).await;
        assert!(matches!(last, Err(PortError::Transient { .. })), "{last:?}");
        let error = fails(&machine, &message).await;
        machine.faults.at_next("bus.send", Fault::Busy);
        let stuck = runner.put_off(&message, &message.id, error).await;
        assert!(matches!(stuck, Err(PortError::Transient { .. })), "{stuck:?}");
        assert_eq!(pause(20), Some(SignedDuration::from_secs(LONGEST_SECS)));
    }
}
