//! HTTP triggers: from a caller's request to an invocation, and from its answer to the caller.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azure_functions::host::{CallerRequest, HttpAnswer, RequestBody};
use bytes::Bytes;
use tracing::warn;

use super::bus::call;
use super::front::{Front, problem};
use super::handler::{InvokeError, report};
use super::routes::percent_decode;

/// The real host's limit for a body.
pub(super) const BODY_LIMIT: usize = 100 << 20;

/// Answers whatever is below no other route.
pub(super) async fn answer(State(front): State<Front>, request: Request) -> Response {
    let path = request.uri().path();
    let Some((function, params)) = front.routes.find(request.method().as_str(), path) else {
        let detail = format!("no function has a route for {} {path}", request.method());
        return problem(StatusCode::NOT_FOUND, &detail);
    };
    let entry = &front.app.functions[function];
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        let detail = format!("the body was broken off, or has more than {} MB", BODY_LIMIT >> 20);
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &detail);
    };
    let headers = headers(&head.headers);
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path_and_query = head.uri.path_and_query().map_or("/", |it| it.as_str());
    let text = String::from_utf8_lossy(&body);
    let request = call(entry).http(&CallerRequest {
        url: &format!("http://{host}{path_and_query}"),
        method: head.method.as_str(),
        query: &query(head.uri.query().unwrap_or_default()),
        headers: &headers,
        params: &params,
        body: kind_of_body(&head.headers, &body, &text),
    });
    let answer = front.handler.invoke(entry, request).await;
    let answer = answer.and_then(|answer| Ok(answer.http(entry.http_output())?));
    match answer {
        Ok(answer) => response(answer),
        Err(error) => {
            report(entry, &error, "the caller gets 500");
            let status = match error {
                InvokeError::Stopped | InvokeError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            problem(status, &format!("function `{}` failed: {error}", entry.name))
        }
    }
}

/// What the real host makes of a body. One whose length was not told does not reach the function.
fn kind_of_body<'a>(headers: &HeaderMap, body: &'a Bytes, text: &'a str) -> RequestBody<'a> {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.is_empty() {
        return RequestBody::Absent;
    }
    if value(header::CONTENT_LENGTH).is_empty() {
        warn!("A chunked body does not reach the function, nor would it in Azure: send a Content-Length");
        return RequestBody::Absent;
    }
    let kind = value(header::CONTENT_TYPE).to_ascii_lowercase();
    if kind.starts_with("application/octet-stream") || kind.starts_with("multipart/") {
        RequestBody::Bytes(body)
    } else if kind.contains("json") {
        RequestBody::Json(text)
    } else {
        RequestBody::Text(text)
    }
}

/// Names come in small letters, as Rust has them; those that every server knows get their capitals back.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let pairs = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (spelled(name), value)
    });
    pairs.collect()
}

fn spelled(name: &HeaderName) -> String {
    if name.as_str().starts_with("x-") {
        return name.as_str().to_owned();
    }
    let mut is_first = true;
    let letters = name.as_str().chars().map(|c| {
        let c = if is_first { c.to_ascii_uppercase() } else { c };
        is_first = c == '-';
        c
    });
    letters.collect()
}

fn query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "), |_| true);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn response(answer: HttpAnswer) -> Response {
    let mut response = (answer.status, Body::from(answer.body)).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        let header = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(value).ok());
        match header {
            // Beside the server's own they would break the answer.
            Some((header::CONTENT_LENGTH | header::TRANSFER_ENCODING, _)) | None => {
                warn!("The header `{name}` of a function's answer cannot be sent, and is left out");
            }
            Some((name, value)) => drop(response.headers_mut().insert(name, value)),
        }
    }
    response
}
