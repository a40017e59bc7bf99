//! The step functions: a message for one step of one run, from the queue that is named like the step.

use azure_functions::{Invocation, Outcome, ServiceBusMessage};
use pipeline::event::Message;
use runner::Handled;
use runner::ports::PortError;

use super::{App, dead_letter};

/// From this delivery on, counted from 1, a message is put off.
const AT_ONCE: u32 = 3;

/// Hands a message to the runner.
///
/// A message that can never be handled is kept as a dead letter and answered with success: failing it would only bring
/// it back nine times. What may work soon is answered with a failure once or twice, so that the bus delivers it again at
/// once, and then put off.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let message = match invocation.service_bus_message() {
        Ok(message) => message,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    let queue = invocation.function();
    let reason = match message.parse::<Message>() {
        Ok(parsed) if parsed.step.step.name() != queue => {
            format!("a message for {} came to the queue {queue}", parsed.step)
        }
        Ok(parsed) => match app.runner.handle(&parsed).await {
            Ok(Handled::Done) => return Outcome::success(),
            Ok(Handled::Unknown(reason)) => reason,
            Err(PortError::Permanent { backend, reason }) => format!("{backend}: {reason}"),
            // Most trouble is over a moment later: only what lasts is put off.
            Err(error) if message.delivery_count() < AT_ONCE => return Outcome::retry(error),
            Err(error) => return put_off(&app, &parsed, &message, error).await,
        },
        Err(error) => format!("it is not a message of Trainyard: {error}"),
    };
    dead_letter::give_up(&app, &message, queue, reason).await
}

async fn put_off(app: &App, message: &Message, delivery: &ServiceBusMessage<'_>, error: PortError) -> Outcome {
    let id = delivery.message_id();
    match app.runner.put_off(message, id.as_deref().unwrap_or(&message.id), error).await {
        Ok(()) => Outcome::success().log(format!("{}: put off", message.step)),
        Err(error) => Outcome::retry(error),
    }
}
