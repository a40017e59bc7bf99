//! Endpoints: `/endpoints/<project>/<environment>`, and `/score` below it. Callers keep one address; who answers there
//! changes between two requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::timeout;

use super::board::{Board, Place, Share};
use super::http::{self, HttpClient, IDENTITY};

/// Tells callers which deployment answered.
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-trainyard-deployment");
/// Headers that are about one connection, and not about the request.
const OF_ONE_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the endpoints need.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub board: Arc<Board>,
    pub client: HttpClient,
    pub answer_within: Duration,
    pub largest_request: usize,
}

/// The routes of all endpoints.
pub fn router(endpoints: Endpoints) -> Router {
    Router::new()
        .route("/endpoints/{project}/{environment}", get(describe))
        .route("/endpoints/{project}/{environment}/score", post(score))
        .with_state(Arc::new(endpoints))
}

async fn describe(
    State(endpoints): State<Arc<Endpoints>>,
    Path((project, environment)): Path<(String, String)>,
) -> Response {
    let shares = place(&project, &environment).and_then(|place| endpoints.board.serving(&place));
    let Some(shares) = shares else {
        return unknown(&project, &environment);
    };
    let all: u32 = shares.iter().map(|(weight, _)| weight).sum();
    let serving: Vec<_> = shares.iter().map(|share| describe_share(share, all)).collect();
    Json(json!({ "project": project, "environment": environment, "serving": serving })).into_response()
}

fn describe_share((weight, target): &Share, all: u32) -> serde_json::Value {
    let release = &target.release;
    json!({
        "deployment": release.deployment,
        "health": if target.port().is_some() { "healthy" } else { "restarting" },
        "share": f64::from(*weight) / f64::from(all.max(1)),
        "run": release.run,
        "number": release.number,
        "model": { "name": release.model.name, "version": release.model.version, "digest": release.model.digest },
        "image": release.image,
    })
}

async fn score(
    State(endpoints): State<Arc<Endpoints>>,
    Path((project, environment)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let Some(place) = place(&project, &environment) else {
        return unknown(&project, &environment);
    };
    let (parts, body) = request.into_parts();
    // Read before a deployment is chosen: a slow sender holds up nobody's draining.
    let body = match http::whole(body, endpoints.largest_request).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            let limit = endpoints.largest_request >> 20;
            let sentence = format!("the body is larger than the {limit} MiB that this endpoint takes");
            return say(StatusCode::PAYLOAD_TOO_LARGE, &sentence);
        }
        Err(error) => return say(StatusCode::BAD_REQUEST, &format!("the body broke off: {error}")),
    };

    let ticket = match endpoints.board.enter(&place) {
        Some(Some(ticket)) => ticket,
        Some(None) => {
            return later(&format!("nothing serves in {environment} of {project} now; deploy a release"));
        }
        None => return unknown(&project, &environment),
    };
    let deployment = ticket.target.release.deployment.clone();
    let Some(port) = ticket.target.port() else {
        return later(&format!("deployment {deployment} is being restarted; try again in a moment"));
    };
    let path = query.map_or("/score".to_owned(), |query| format!("/score?{query}"));
    let passed = http::request(Method::POST, port, &path, of_the_request(parts.headers), body);
    let answer = match timeout(endpoints.answer_within, endpoints.client.request(passed)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let sentence = format!("deployment {deployment} did not answer: {}", http::explain(&error));
            return say(StatusCode::BAD_GATEWAY, &sentence);
        }
        Err(_) => {
            let seconds = endpoints.answer_within.as_secs();
            let sentence = format!("deployment {deployment} did not answer within {seconds} s");
            return say(StatusCode::GATEWAY_TIMEOUT, &sentence);
        }
    };

    let (mut parts, body) = answer.into_parts();
    parts.headers = of_the_request(parts.headers);
    parts.headers.remove(IDENTITY);
    if let Ok(name) = HeaderValue::from_str(deployment.as_str()) {
        parts.headers.insert(DEPLOYMENT, name);
    }
    // The request is under way until its answer's last byte.
    let body = Body::new(body.map_frame(move |frame| {
        let _ = &ticket;
        frame
    }));
    Response::from_parts(parts, body)
}

/// The headers that go on. Also those that `Connection` names are about one connection only.
fn of_the_request(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "expect"] {
        headers.remove(name);
    }
    headers
}

fn place(project: &str, environment: &str) -> Option<Place> {
    Some((project.parse().ok()?, environment.parse().ok()?))
}

fn unknown(project: &str, environment: &str) -> Response {
    let sentence = format!("nothing was ever deployed to {environment:?} of {project:?}");
    say(StatusCode::NOT_FOUND, &sentence)
}

fn later(sentence: &str) -> Response {
    let mut answer = say(StatusCode::SERVICE_UNAVAILABLE, sentence);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn say(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}
