//! Starts the runs that events ask for: apart from the events, for a repository may be slow to read.

use azure_functions::{Invocation, Outcome};
use runner::reception::Order;

use super::App;
use crate::functions::dead_letter;

/// Fulfils one order.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let message = match invocation.service_bus_message() {
        Ok(message) => message,
        Err(error) => return Outcome::retry(format!("the host's envelope cannot be read: {error}")),
    };
    match message.parse::<Order>() {
        Ok(order) => match app.runner.fulfil_or_put_off(&order).await {
            Ok(came_to) => {
                let came_to = came_to.map_or_else(|| "is put off".to_owned(), |came_to| came_to.describe());
                Outcome::success().log(format!("{}: {came_to}", order.start.wish.describe()))
            }
            Err(error) => Outcome::retry(error),
        },
        Err(error) => {
            dead_letter::give_up(&app, &message, invocation.function(), format!("it is no order: {error}")).await
        }
    }
}
