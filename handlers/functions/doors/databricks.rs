//! Notifications of Databricks jobs. They carry no signature; the destination has a user and a password.

use azure_functions::{Invocation, Outcome};
use events::{Limits, databricks};
use runner::reception::Verified;

use super::{App, open, take_request, turn_away};

/// Takes in one notification.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match open(&invocation) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let shown = request.header("Authorization");
    if let Err(error) = databricks::verify(app.secrets.databricks.as_deref(), shown.as_deref()) {
        return turn_away(invocation.function(), error.code().as_str(), &error.to_string());
    }
    let body = request.body();
    let readings = databricks::read(&body, Limits::default());
    take_request(&app, invocation.function(), Verified::Password, &body, readings).await
}
