//! Web hooks of an MLflow model registry.

use azure_functions::{Invocation, Outcome};
use events::{Limits, mlflow};
use runner::reception::Verified;

use super::{App, open, take_request, turn_away};

/// Takes in one delivery.
pub async fn handle(app: App, invocation: Invocation) -> Outcome {
    let request = match open(&invocation) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let body = request.body();
    let header = |name: &str| request.header(name).map(|value| value.into_owned());
    let (signature, delivery) = (header("X-MLflow-Signature"), header("X-MLflow-Delivery-Id"));
    let timestamp = header("X-MLflow-Timestamp");
    let headers = mlflow::Headers {
        signature: signature.as_deref(),
        delivery: delivery.as_deref(),
        timestamp: timestamp.as_deref(),
    };
    let now = app.runner.ports().clock.now();
    if let Err(error) = mlflow::verify(&app.secrets.mlflow, headers, &body, now) {
        return turn_away(invocation.function(), error.code().as_str(), &error.to_string());
    }
    let readings = mlflow::read(delivery.as_deref(), &body, Limits::default());
    take_request(&app, invocation.function(), Verified::Signature, &body, readings).await
}
