//! Doors: where the outside tells us something. Each proves who speaks, reads what is said, and hands it on; what is done
//! about it is decided in [`runner::reception`].
//!
//! Content that makes no sense is answered with success, and kept for a person: the sender can do nothing better with an
//! error than to stop sending. Only trouble of our own is answered with a failure.

use azure_functions::{HttpRequest, HttpResponse, Invocation, Outcome, StatusCode};
use events::Reading;
use runner::reception::{Arrival, Verified};
use serde_json::json;
use tracing::{error, warn};

use super::App;

mod databricks;
mod devops;
mod event_grid;
mod github;
mod mlflow;
mod schedule;
mod start;

pub use databricks::handle as databricks;
pub use devops::handle as devops;
pub use event_grid::{deliver as event_grid, from_queue as event_grid_queue};
pub use github::handle as github;
pub use mlflow::handle as mlflow;
pub use schedule::handle as schedule;
pub use start::handle as start;

/// What proves who speaks. A door whose secret is not set lets nobody in.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Of GitHub's web hooks: the one in use, and the one before it while it is being replaced.
    pub github: Vec<String>,
    /// Of MLflow's, likewise.
    pub mlflow: Vec<String>,
    /// The `user:password` of Databricks' notification destinations.
    pub databricks: Option<String>,
}

impl Secrets {
    /// As the app's settings have them.
    pub fn from_environment() -> Self {
        let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let both =
            |name: &str| [name.to_owned(), format!("{name}_PREVIOUS")].iter().filter_map(|it| setting(it)).collect();
        let user = setting("DATABRICKS_WEBHOOK_USER");
        Self {
            github: both("GITHUB_WEBHOOK_SECRET"),
            mlflow: both("MLFLOW_WEBHOOK_SECRET"),
            databricks: user.zip(setting("DATABRICKS_WEBHOOK_PASSWORD")).map(|(user, word)| format!("{user}:{word}")),
        }
    }
}

/// Says which are set, and never what they are.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("github", &self.github.len())
            .field("mlflow", &self.mlflow.len())
            .field("databricks", &self.databricks.is_some())
            .finish()
    }
}

/// Hands on what came through a trigger that delivers again after a failure.
async fn take(app: &App, door: &str, verified: Verified, body: &[u8], readings: Vec<Reading>) -> Outcome {
    match app.runner.receive(Arrival { door, verified, body, readings }).await {
        Ok(received) => Outcome::success().log(format!("{door}: {received}")),
        Err(error) => Outcome::retry(error),
    }
}

/// Hands on what came by HTTP, and says so to who sent it.
async fn take_request(app: &App, door: &str, verified: Verified, body: &[u8], readings: Vec<Reading>) -> Outcome {
    match app.runner.receive(Arrival { door, verified, body, readings }).await {
        Ok(received) => {
            let answer = json!({"ok": true, "received": received.to_string()});
            Outcome::respond(HttpResponse::json(StatusCode::ACCEPTED, answer))
        }
        Err(error) => {
            error!("{door} could not keep what came in: {error}");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "it could not be kept; send it again")
        }
    }
}

/// Turns somebody away who did not prove who they are. Nothing of what they said is kept.
fn turn_away(door: &str, code: &str, reason: &str) -> Outcome {
    warn!("{door} turned a caller away: {code}: {reason}");
    refuse(StatusCode::UNAUTHORIZED, reason)
}

fn refuse(status: StatusCode, reason: &str) -> Outcome {
    Outcome::respond(HttpResponse::json(status, json!({"error": reason})))
}

/// The request that came by HTTP; the answer, if it cannot be read at all.
fn open(invocation: &Invocation) -> Result<HttpRequest<'_>, Outcome> {
    let request = invocation.http_request().map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
    // Nothing is inflated here: ten kilobytes can be ten gigabytes.
    let encoding = request.header("Content-Encoding").unwrap_or_default();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(request);
    }
    Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not taken"))
}
