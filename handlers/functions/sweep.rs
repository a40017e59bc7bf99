//! The timer: finds what no event has told.

use azure_functions::{Invocation, Outcome};

use super::App;

/// Wakes every run whose poll or deadline is due.
pub async fn handle(app: App, _: Invocation) -> Outcome {
    match app.runner.sweep().await {
        Ok(swept) if swept.woken == 0 => Outcome::success(),
        Ok(swept) => Outcome::success().log(format!("woke {} of {} active runs", swept.woken, swept.active)),
        Err(error) => Outcome::retry(error),
    }
}
