//! The web hook of Event Grid: deliveries and their handshakes.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use azure_functions::Trigger;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::app::Entry;
use super::bus::call;
use super::front::{Front, problem};
use super::handler::report;

/// Where Event Grid finds it.
pub(super) const PATH: &str = "/runtime/webhooks/eventgrid";

#[derive(Deserialize)]
pub(super) struct Parameters {
    #[serde(rename = "functionName")]
    function: Option<String>,
}

#[derive(Deserialize)]
struct Validation {
    data: ValidationData,
}

#[derive(Deserialize)]
struct ValidationData {
    #[serde(rename = "validationCode")]
    code: String,
}

/// Takes a delivery, by what its header says that it is.
pub(super) async fn deliver(
    State(front): State<Front>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some(entry) = find(&front, &parameters) else {
        return unknown(&parameters);
    };
    let kind = headers.get("aeg-event-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.eq_ignore_ascii_case("Unsubscribe") {
        return StatusCode::ACCEPTED.into_response();
    }
    if kind.eq_ignore_ascii_case("SubscriptionValidation") {
        let first = events(&body).and_then(|events| events.first().map(|event| (*event).to_owned()));
        let validation = first.and_then(|event| serde_json::from_str::<Validation>(event.get()).ok());
        return match validation {
            Some(event) => axum::Json(serde_json::json!({ "validationResponse": event.data.code })).into_response(),
            None => problem(StatusCode::BAD_REQUEST, "the event has no `data.validationCode`"),
        };
    }
    if !kind.eq_ignore_ascii_case("Notification") {
        let detail = "the header `aeg-event-type` is none of SubscriptionValidation, Notification and Unsubscribe";
        return problem(StatusCode::BAD_REQUEST, detail);
    }
    let Some(events) = events(&body) else {
        return problem(StatusCode::BAD_REQUEST, "the body is neither an event nor an array of events");
    };
    let calls = events.iter().map(|event| front.handler.invoke(entry, call(entry).event(event.get())));
    let failures = join_all(calls).await.into_iter().filter_map(Result::err);
    let failures: Vec<_> =
        failures.inspect(|error| report(entry, error, "Event Grid will send the event again")).collect();
    match failures.first() {
        // The real host fails the whole delivery, too: events that went well come twice.
        Some(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        None => StatusCode::ACCEPTED.into_response(),
    }
}

/// Answers the handshake of CloudEvents, by which a sender asks whether it may send.
pub(super) async fn may_send(
    State(front): State<Front>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    if find(&front, &parameters).is_none() {
        return unknown(&parameters);
    }
    let Some(origin) = headers.get("webhook-request-origin") else {
        return problem(StatusCode::BAD_REQUEST, "the header `WebHook-Request-Origin` is missing");
    };
    let rate = headers.get("webhook-request-rate").map_or_else(|| "*".parse().ok(), |rate| Some(rate.clone()));
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert("webhook-allowed-origin", origin.clone());
    if let Some(rate) = rate {
        response.headers_mut().insert("webhook-allowed-rate", rate);
    }
    response
}

/// A run by hand, whose text must be an event.
pub(super) fn by_hand(entry: &Entry, event: &str) -> Option<String> {
    let events = events(event)?;
    let [event] = &*events else { return None };
    Some(call(entry).event(event.get()))
}

fn find<'a>(front: &'a Front, parameters: &Parameters) -> Option<&'a Arc<Entry>> {
    let entry = front.app.function(parameters.function.as_deref()?)?;
    matches!(entry.trigger, Trigger::EventGrid).then_some(entry)
}

fn unknown(parameters: &Parameters) -> Response {
    let name = parameters.function.as_deref().unwrap_or_default();
    problem(StatusCode::NOT_FOUND, &format!("no function `{name}` has an Event Grid trigger"))
}

/// One object or an array of objects. `None` if it is neither.
fn events(body: &str) -> Option<Vec<&RawValue>> {
    let body = body.trim_start_matches('\u{feff}');
    let events = match body.trim_start().starts_with('[') {
        true => serde_json::from_str(body).ok()?,
        false => vec![serde_json::from_str(body).ok()?],
    };
    let is_object = |event: &&RawValue| event.get().starts_with('{');
    events.iter().all(is_object).then_some(events)
}
