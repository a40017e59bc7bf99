//! Stands between the host and a handler: sees what is said, and can say something else.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::free_port;

type Seen = Mutex<HashMap<String, Vec<Value>>>;
type Instead = Arc<dyn Fn(&str) -> Option<u16> + Send + Sync>;

/// A handler to the host, and a host to the handler behind it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    behind: u16,
    seen: Arc<Seen>,
    // Ends the serving when it is dropped.
    _runtime: Runtime,
}

#[derive(Clone)]
struct Between {
    behind: u16,
    client: reqwest::Client,
    seen: Arc<Seen>,
    instead: Instead,
}

impl Proxy {
    /// Hands every call on, but where `instead` has a status for the function that is called.
    pub fn start(instead: impl Fn(&str) -> Option<u16> + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (behind, seen) = (free_port(), Arc::new(Seen::default()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let between = Between { behind, client, seen: Arc::clone(&seen), instead: Arc::new(instead) };
        let port = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let router = Router::new().fallback(pass).with_state(between);
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            port
        });
        Self { port, behind, seen, _runtime: runtime }
    }

    /// Where the host finds it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it looks for the handler.
    pub fn behind(&self) -> u16 {
        self.behind
    }

    /// The bodies that came for a function, in their order.
    pub fn seen(&self, function: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(function).cloned().unwrap_or_default()
    }
}

async fn pass(State(between): State<Between>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let function = head.uri.path().trim_start_matches('/').to_owned();
    if let Ok(body) = serde_json::from_slice(&body) {
        let mut seen = between.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(function.clone()).or_default().push(body);
    }
    if let Some(status) = (between.instead)(&function).and_then(|status| StatusCode::from_u16(status).ok()) {
        return (status, "{}").into_response();
    }
    let url = format!("http://127.0.0.1:{}{}", between.behind, head.uri);
    let mut passed = between.client.request(head.method, url).body(body);
    for (name, value) in &head.headers {
        if ![header::HOST, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION].contains(name) {
            passed = passed.header(name, value);
        }
    }
    // While there is no handler there is none here either: the host sees a connection that ends.
    let Ok(answer) = passed.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
    let body = answer.bytes().await.unwrap_or_default();
    let mut response = (status, body).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
