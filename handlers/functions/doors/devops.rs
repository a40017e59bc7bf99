//! Azure DevOps service hooks, from their Service Bus queue.
//!
//! They carry no signature. Who may send to the queue is known, and what a hook says is a hint: the branch is looked up
//! before anything is done.

use azure_functions::{Invocation, Outcome};
use events::{Limits, azure_devops};
use runner::reception::Verified;

use super::{App, take};

/// Takes in one hook.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let message = match invocation.service_bus_message() {
        Ok(message) => message,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    let body = message.body();
    let readings = azure_devops::read(&body, Limits::default());
    take(&app, invocation.function(), Verified::Queue, &body, readings).await
}
