//! The host's own doors: how is it, which functions are there, run one by hand, stop.
//!
//! They have no key: the host listens on this machine alone. A page in a browser on this machine is kept out by the
//! headers that a browser sets.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use azure_functions::Trigger;
use azure_functions::host::HOST_VERSION;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::app::Entry;
use super::front::{Front, problem};
use super::handler::{HandlerState, report};
use super::{bus, event_grid, timer};

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    input: String,
}

/// Lets only callers through that are no page of somebody else.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_local = text(header::HOST).is_none_or(is_loopback);
    let origin = text(header::ORIGIN).map(|origin| origin.split_once("://").map_or("", |(_, host)| host));
    if is_local && origin.is_none_or(|origin| Some(origin) == text(header::HOST)) {
        return next.run(request).await;
    }
    problem(StatusCode::FORBIDDEN, "only callers on this machine may ask for this, and no pages of others")
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_prefix("[::1]").map(|_| "localhost");
    let name = name.unwrap_or_else(|| host.rsplit_once(':').map_or(host, |(name, _)| name));
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

/// Says how the host and the handler are.
pub(super) async fn status(State(front): State<Front>) -> Json<Value> {
    let (state, pid) = match front.handler.state() {
        HandlerState::Starting => ("starting", None),
        HandlerState::Ready { pid } => ("ready", pid),
        HandlerState::Ended => ("ended", None),
        HandlerState::Stopped => ("stopped", None),
    };
    let host = match state {
        _ if front.stop.is_requested() => "Stopping",
        "ready" => "Running",
        "ended" | "stopped" => "Error",
        _ => "Starting",
    };
    let functions: Vec<_> = front.app.functions.iter().map(|entry| &entry.name).collect();
    Json(json!({
        "state": host,
        "version": HOST_VERSION,
        "processId": std::process::id(),
        "processUptime": u64::try_from(front.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "scriptRoot": front.app.root,
        "handler": {"state": state, "pid": pid, "port": front.handler.port()},
        "functions": functions,
    }))
}

/// Lists the functions and their bindings.
pub(super) async fn functions(State(front): State<Front>) -> Json<Value> {
    let describe = |entry: &Arc<Entry>| {
        let file = serde_json::from_str::<Value>(&entry.function.to_json()).unwrap_or_default();
        json!({"name": entry.name, "language": "custom", "isDisabled": false, "config": file})
    };
    Json(front.app.functions.iter().map(describe).collect())
}

/// Runs a function by hand, with a text as its trigger's value, and does not wait for it.
pub(super) async fn run(State(front): State<Front>, Path(name): Path<String>, body: String) -> Response {
    let Some(entry) = front.app.function(&name) else {
        return problem(StatusCode::NOT_FOUND, &format!("there is no function `{name}`"));
    };
    let input = match serde_json::from_str::<Input>(&body) {
        Ok(Input { input }) => input,
        Err(_) if body.trim().is_empty() => String::new(),
        Err(error) => {
            let detail = format!("the body is not {{\"input\":\"…\"}}: {error}");
            return problem(StatusCode::BAD_REQUEST, &detail);
        }
    };
    let body = match &entry.trigger {
        Trigger::ServiceBusQueue { .. } => Some(bus::by_hand(entry, &input)),
        Trigger::Timer { .. } => Some(timer::by_hand(entry)),
        Trigger::EventGrid => event_grid::by_hand(entry, &input),
        Trigger::Http { .. } => {
            return problem(StatusCode::BAD_REQUEST, &format!("`{name}` is an HTTP function: call its route"));
        }
    };
    let Some(body) = body else {
        return problem(StatusCode::BAD_REQUEST, "the input is not one Event Grid event");
    };
    let (handler, entry) = (Arc::clone(&front.handler), Arc::clone(entry));
    tokio::spawn(async move {
        if let Err(error) = handler.invoke(&entry, body).await {
            report(&entry, &error, "it was run by hand, and is not run again");
        }
    });
    StatusCode::ACCEPTED.into_response()
}

/// Stops the host, gently. The answer comes before the end.
pub(super) async fn stop(State(front): State<Front>, headers: HeaderMap) -> Response {
    let by = headers.get(header::USER_AGENT).and_then(|by| by.to_str().ok()).unwrap_or("somebody");
    info!("Stopping, as {by} asked");
    front.stop.request();
    (StatusCode::ACCEPTED, Json(json!({"state": "Stopping"}))).into_response()
}
