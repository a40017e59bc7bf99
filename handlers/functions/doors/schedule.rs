//! The timer of retrainings.

use azure_functions::{Invocation, Outcome};

use super::App;

/// Asks for the retrainings whose time has come.
pub async fn handle(app: App, _: Invocation) -> Outcome {
    match app.runner.tick_schedules().await {
        Ok(0) => Outcome::success(),
        Ok(asked) => Outcome::success().log(format!("asked for {asked} retrainings")),
        Err(error) => Outcome::retry(error),
    }
}
