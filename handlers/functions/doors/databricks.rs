//! Notifications of Databricks jobs. They carry no signature; the destination has a user and a password.

use azure_functions::{Invocation, Outcome, StatusCode};
use events::{Limits, databricks};
use runner::reception::Verified;

use super::{App, is_compressed, refuse, take_request, turn_away};

/// Takes in one notification.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match invocation.http_request() {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if is_compressed(&request) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not taken");
    }
    let shown = request.header("Authorization");
    if let Err(error) = databricks::verify(app.secrets.databricks.as_deref(), shown.as_deref()) {
        return turn_away(invocation.function(), error.code().as_str(), &error.to_string());
    }
    let body = request.body();
    let readings = databricks::read(&body, Limits::default());
    take_request(&app, invocation.function(), Verified::Password, &body, readings).await
}
