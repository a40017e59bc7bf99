//! GitHub's web hooks. GitHub waits ten seconds, and never sends a delivery again by itself.

use azure_functions::{Invocation, Outcome};
use events::{Limits, github};
use runner::reception::Verified;

use super::{App, open, take_request, turn_away};

/// Takes in one delivery.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match open(&invocation) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let body = request.body();
    let signature = request.header("X-Hub-Signature-256");
    // Over the bytes as they came, before anything reads them.
    if let Err(error) = github::verify(&app.secrets.github, signature.as_deref(), &body) {
        return turn_away(invocation.function(), error.code().as_str(), &error.to_string());
    }
    let event = request.header("X-GitHub-Event").unwrap_or_default();
    let delivery = request.header("X-GitHub-Delivery").unwrap_or_default();
    let readings = github::read(&event, &delivery, &body, Limits::GITHUB);
    take_request(&app, invocation.function(), Verified::Signature, &body, readings).await
}
