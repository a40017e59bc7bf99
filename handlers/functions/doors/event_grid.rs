//! Event Grid: Azure Machine Learning, container registries, storage, and what else sends through it.

use azure_functions::{Invocation, Outcome};
use events::{Limits, event_grid};
use runner::reception::Verified;

use super::{App, take};

/// Takes in what Event Grid delivers itself. The host has answered the handshake.
pub async fn deliver(app: App, invocation: Invocation) -> Outcome {
    let events = match invocation.event_grid_events() {
        Ok(events) => events,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    for event in events {
        let body = event.json().as_bytes();
        let readings = event_grid::read(body, Limits::default());
        let taken = take(&app, invocation.function(), Verified::EventGrid, body, readings).await;
        // Event Grid sends all of them again; what is on record by then is known.
        if !taken.is_success() {
            return taken;
        }
    }
    Outcome::success()
}

/// Takes in what Event Grid sent to a Service Bus queue: no key is needed for that, and nothing is lost while the app is
/// down.
pub async fn from_queue(app: App, invocation: Invocation) -> Outcome {
    let message = match invocation.service_bus_message() {
        Ok(message) => message,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    let body = message.body();
    let readings = event_grid::read(&body, Limits::default());
    take(&app, invocation.function(), Verified::Queue, &body, readings).await
}
