//! Calls to the servers on this machine.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

/// The header with which a server says whose it is. The inference server sends whatever its environment says.
pub const IDENTITY: &str = "x-ms-server-version";

/// Keeps connections to servers open where they let it.
pub type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A client for servers on this machine.
pub fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector)
}

/// What a server on this port is asked.
pub fn request(
    method: axum::http::Method,
    port: u16,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let uri = Uri::builder()
        .scheme("http")
        .authority(format!("127.0.0.1:{port}"))
        .path_and_query(path)
        .build()
        .unwrap_or_default();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// Sends one body to `/score` and answers status and body, at most `limit` bytes of it.
pub async fn score(
    client: &HttpClient,
    port: u16,
    body: Bytes,
    within: Duration,
    limit: usize,
) -> Result<(StatusCode, Bytes), String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    let request = request(axum::http::Method::POST, port, "/score", headers, body);
    let answered = async {
        let answer = client.request(request).await.map_err(|error| explain(&error))?;
        let status = answer.status();
        Ok((status, first_bytes(answer, limit).await?))
    };
    match timeout(within, answered).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("it did not answer within {} s", within.as_secs())),
    }
}

/// Whether the server with this identity answers its health probe on this port.
pub async fn is_healthy(client: &HttpClient, port: u16, identity: &str) -> bool {
    let request = request(axum::http::Method::GET, port, "/", HeaderMap::new(), Bytes::new());
    match timeout(Duration::from_secs(5), client.request(request)).await {
        Ok(Ok(answer)) => {
            let is_it = answer.headers().get(IDENTITY).is_some_and(|said| said == identity);
            is_it && answer.status() == StatusCode::OK
        }
        _ => false,
    }
}

async fn first_bytes(answer: Response<Incoming>, limit: usize) -> Result<Bytes, String> {
    let mut kept = Vec::new();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("its answer broke off: {error}"))?;
        if let Ok(data) = frame.into_data() {
            kept.extend_from_slice(&data);
        }
        if kept.len() >= limit {
            kept.truncate(limit);
            break;
        }
    }
    Ok(kept.into())
}

/// Reads a whole request, at most `limit` bytes of it; None when it is larger.
pub async fn whole(body: Body, limit: usize) -> Result<Option<Bytes>, String> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// An error of the client in a few words, with what is behind it.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}
