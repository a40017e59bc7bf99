//! The timer: finds what no event has told.

use azure_functions::{Invocation, Outcome};
use tracing::warn;

use super::{App, deliveries};

/// Wakes every run whose poll or deadline is due, and now and then asks for events that did not arrive.
pub async fn handle(app: App, _: Invocation) -> Outcome {
    let outcome = match app.runner.sweep().await {
        Ok(swept) if swept.woken == 0 => Outcome::success(),
        Ok(swept) => Outcome::success().log(format!("woke {} of {} active runs", swept.woken, swept.active)),
        Err(error) => return Outcome::retry(error),
    };
    match deliveries::look(&app).await {
        Ok(0) => outcome,
        Ok(count) => outcome.log(format!("asked GitHub for {count} events again")),
        // The runs are looked after, and the next sweep comes in a minute.
        Err(error) => {
            warn!("Cannot keep what is known of GitHub's deliveries: {error}");
            outcome
        }
    }
}
