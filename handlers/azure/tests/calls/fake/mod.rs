//! Azure DevOps and GitHub in this process: they keep what they are told, answer as their specifications say, and fail
//! where a test wants it.
//!
//! Each service is below its own name, so that an exchange that is on record shows whose it is:
//! `http://127.0.0.1:PORT/dev.azure.com/ORGANISATION/...`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

pub mod devops;
pub mod github;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the words of the service.
    Status(u16),
    /// This status and `Retry-After`.
    Wait(u16, &'static str),
    /// GitHub's way: 403, and no calls are left until a moment.
    NoCallsLeft,
    /// A page to sign in, with 203.
    SignInPage,
    /// The way to such a page.
    Redirect,
    /// No answer for a long time.
    Silence,
    /// An answer that breaks off.
    Cut,
    /// An answer that is none.
    Garbage,
    /// It is done, and the answer is lost.
    LostReply,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Service, path and query, not decoded.
    pub path: String,
    pub body: Value,
    pub authorization: String,
}

/// A request as a service reads it.
#[derive(Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: Vec<String>,
    pub query: BTreeMap<String, String>,
    pub body: &'a Value,
}

/// What a service answers.
pub type Told = (u16, Value);

#[derive(Default)]
pub struct World {
    pub devops: devops::Devops,
    pub github: github::Github,
    pub seen: Vec<Seen>,
    /// The fault, and the number of the request that it hits, from 1.
    fault: Option<(usize, Fault)>,
}

#[derive(Clone, Default)]
pub struct Fake {
    world: Arc<Mutex<World>>,
    address: String,
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { world: Arc::default(), address };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// The address that stands for a host.
    pub fn host(&self, host: &str) -> String {
        format!("{}/{host}", self.address)
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spoils a request to come, counted from 1.
    pub fn spoil(&self, nth: usize, fault: Fault) {
        let mut world = self.world();
        world.fault = Some((world.seen.len() + nth, fault));
    }

    /// What has come, in short: `POST /dev.azure.com/...` without the query.
    pub fn asked(&self) -> Vec<String> {
        let short = |seen: &Seen| format!("{} {}", seen.method, seen.path.split('?').next().unwrap());
        self.world().seen.iter().map(short).collect()
    }

    pub fn count(&self) -> usize {
        self.world().seen.len()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let authorization = header("authorization").unwrap_or_default();
    let seen = Seen { method: parts.method.to_string(), path: parts.uri.to_string(), body, authorization };
    let fault = {
        let mut world = fake.world();
        world.seen.push(seen.clone());
        let number = world.seen.len();
        world.fault.take_if(|(at, _)| *at == number).map(|(_, fault)| fault)
    };
    match fault {
        None => told(handle(&fake, &seen)),
        Some(Fault::LostReply) => {
            handle(&fake, &seen);
            told((500, json!({"message": "the reply is lost"})))
        }
        Some(Fault::Status(status)) => told((status, json!({"message": "as the test wants it", "typeKey": "Test"}))),
        Some(Fault::Wait(status, header)) => {
            let mut response = told((status, json!({"message": "too many calls"})));
            response.headers_mut().insert("retry-after", header.parse().unwrap());
            response
        }
        Some(Fault::NoCallsLeft) => {
            let mut response = told((403, json!({"message": "API rate limit exceeded"})));
            response.headers_mut().insert("x-ratelimit-remaining", "0".parse().unwrap());
            response.headers_mut().insert("x-ratelimit-reset", "1767225720".parse().unwrap());
            response
        }
        Some(Fault::SignInPage) => page(203),
        Some(Fault::Redirect) => {
            let mut response = page(302);
            response.headers_mut().insert("location", "https://spsprodweu.example/_signin".parse().unwrap());
            response
        }
        Some(Fault::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            told((200, Value::Null))
        }
        Some(Fault::Cut) => {
            let whole = Response::builder().header("content-type", "application/json").header("content-length", "4096");
            whole.body(Body::from_stream(broken())).unwrap()
        }
        Some(Fault::Garbage) => {
            let response = Response::builder().header("content-type", "application/json");
            response.body(Body::from("{\"value\": [")).unwrap()
        }
    }
}

fn broken() -> impl futures::Stream<Item = Result<&'static str, std::io::Error>> {
    futures::stream::iter([Ok("{\"value\": ["), Err(std::io::Error::other("as the test wants it"))])
}

fn handle(fake: &Fake, seen: &Seen) -> Told {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let path: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
    let query =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (decoded(n), decoded(v))).collect();
    let [host, rest @ ..] = &path[..] else { return (404, Value::Null) };
    let asked = Asked { method: &seen.method, path: rest.to_vec(), query, body: &seen.body };
    if seen.authorization.is_empty() {
        return (401, json!({"message": "who are you?"}));
    }
    let mut world = fake.world();
    match host.as_str() {
        "dev.azure.com" | "vstmr.dev.azure.com" => world.devops.answer(&asked),
        "api.github.com" => world.github.answer(&asked),
        _ => (404, Value::Null),
    }
}

fn told((status, body): Told) -> Response {
    let response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    response.body(body).unwrap()
}

fn page(status: u16) -> Response {
    let response = Response::builder().status(status).header("content-type", "text/html; charset=utf-8");
    response.body(Body::from("<html>Sign in</html>")).unwrap()
}

/// Percent signs and pluses undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        match byte {
            b'%' => {
                let hex = [left.next().unwrap(), left.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
