//! Azure, Azure DevOps and GitHub in one process, for tests: they speak the same REST, keep what they are told, go
//! through the same states by a clock that a test turns, and fail where a test wants it.
//!
//! Each host is below its own name, so that an exchange that is on record shows whose it is:
//! `http://127.0.0.1:PORT/management.azure.com/subscriptions/...`. One folder or file a service; what it answers follows
//! the service's specification, which the file names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "members are named as the services name them")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use runner::ports::{Clock, SystemClock};
use serde_json::{Value, json};

pub mod azure_devops;
pub mod azure_ml;
pub mod blob;
pub mod container_instances;
pub mod container_registry;
pub mod databricks;
pub mod git;
pub mod github;
pub mod key_vault;
pub mod kubernetes;
pub mod login;
pub mod resource_manager;
pub mod service_bus;
pub mod serving;

/// On answers that are a test's and no service's, so that a record of what was said leaves them out.
const UNTRUE: &str = "x-not-on-record";
/// As much of a request as is taken.
const BODY_MAX: usize = 256 << 20;

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
    /// Host, path and query, not decoded.
    pub path: String,
    pub headers: HeaderMap,
    /// As JSON; null where it is none.
    pub body: Value,
    pub bytes: Vec<u8>,
    pub authorization: String,
}

/// A request as a service reads it.
#[derive(Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// The host that it is for: `management.azure.com`.
    pub host: &'a str,
    /// Decoded, without the host.
    pub path: Vec<String>,
    /// Decoded.
    pub query: BTreeMap<String, String>,
    pub headers: &'a HeaderMap,
    /// As JSON; null where it is none.
    pub body: &'a Value,
    pub bytes: &'a [u8],
    /// Where all hosts are: `http://127.0.0.1:PORT`, for addresses in answers.
    pub base: &'a str,
    pub now: Timestamp,
}

impl Asked<'_> {
    /// The segments of the path, for matching.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A header's value, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The address that stands for a host.
    #[must_use]
    pub fn address(&self, host: &str) -> String {
        format!("{}/{host}", self.base)
    }

    /// The fields of a form.
    #[must_use]
    pub fn form(&self) -> BTreeMap<String, String> {
        pairs(&String::from_utf8_lossy(self.bytes))
    }
}

/// What a service answers.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub status: u16,
    pub headers: Vec<(Cow<'static, str>, String)>,
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Told {
    /// JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { status, headers: Vec::new(), content_type: Some("application/json; charset=utf-8"), body }
    }

    /// Nothing but a status.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Anything else.
    #[must_use]
    pub fn bytes(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), content_type: Some(content_type), body: body.into() }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// An error as Azure Resource Manager words it.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}}))
    }
}

impl From<(u16, Value)> for Told {
    fn from((status, body): (u16, Value)) -> Self {
        Self::json(status, &body)
    }
}

/// All services. A test looks into them and puts things there.
#[derive(Default)]
pub struct World {
    pub devops: azure_devops::Devops,
    pub github: github::Github,
    pub azure_ml: azure_ml::AzureMl,
    pub blob: blob::Blob,
    pub container_instances: container_instances::ContainerInstances,
    pub container_registry: container_registry::ContainerRegistry,
    pub databricks: databricks::Databricks,
    pub key_vault: key_vault::KeyVault,
    pub kubernetes: kubernetes::Kubernetes,
    pub login: login::Login,
    pub resource_manager: resource_manager::ResourceManager,
    pub service_bus: service_bus::Rest,
    pub serving: serving::Serving,
    /// What has come, the newest last.
    pub seen: Vec<Seen>,
    /// The fault, and the number of the request that it hits, from 1.
    fault: Option<(usize, Fault)>,
}

/// The fake, serving as long as the process lives.
#[derive(Clone)]
pub struct Fake {
    world: Arc<Mutex<World>>,
    address: String,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure at {}", self.address)
    }
}

impl Fake {
    /// By the clock of the machine.
    pub async fn start() -> Self {
        Self::by(Arc::new(SystemClock)).await
    }

    /// By this clock.
    pub async fn by(clock: Arc<dyn Clock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { world: Arc::default(), address, clock };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// The address that stands for a host.
    #[must_use]
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
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let short = |seen: &Seen| format!("{} {}", seen.method, seen.path.split('?').next().unwrap());
        self.world().seen.iter().map(short).collect()
    }

    /// How many requests have come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.world().seen.len()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_MAX).await.unwrap().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let authorization = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body,
        bytes,
        authorization: authorization.unwrap_or_default(),
    };
    let fault = {
        let mut world = fake.world();
        world.seen.push(seen.clone());
        let number = world.seen.len();
        world.fault.take_if(|(at, _)| *at == number).map(|(_, fault)| fault)
    };
    match fault {
        None => response(handle(&fake, &seen)),
        Some(Fault::LostReply) => {
            handle(&fake, &seen);
            response(spoiled(500, "the reply is lost"))
        }
        Some(Fault::Status(status)) => response(spoiled(status, "as the test wants it")),
        Some(Fault::Wait(status, header)) => response(spoiled(status, "too many calls").with("retry-after", header)),
        Some(Fault::NoCallsLeft) => response(
            Told::json(403, &json!({"message": "API rate limit exceeded"}))
                .with(UNTRUE, "fault")
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", "1767225720"),
        ),
        Some(Fault::SignInPage) => response(page(203)),
        Some(Fault::Redirect) => response(page(302).with("location", "https://spsprodweu.example/_signin")),
        Some(Fault::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            response(Told::empty(200))
        }
        Some(Fault::Cut) => {
            let whole = Response::builder().header("content-type", "application/json").header("content-length", "4096");
            whole.body(Body::from_stream(broken())).unwrap()
        }
        Some(Fault::Garbage) => response(Told::bytes(200, "application/json", "{\"value\": [").with(UNTRUE, "fault")),
    }
}

/// An error in the words of all services at once: each client finds its own.
fn spoiled(status: u16, message: &str) -> Told {
    let error = json!({"code": "Test", "message": message});
    Told::json(status, &json!({"message": message, "typeKey": "Test", "error": error, "error_code": "Test"}))
        .with("x-ms-error-code", "Test")
        .with(UNTRUE, "fault")
}

fn broken() -> impl futures::Stream<Item = Result<&'static str, std::io::Error>> {
    futures::stream::iter([Ok("{\"value\": ["), Err(std::io::Error::other("as the test wants it"))])
}

fn handle(fake: &Fake, seen: &Seen) -> Told {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let path: Vec<String> = path.split('/').skip(1).map(|segment| decoded(&segment.replace('+', "%2B"))).collect();
    let [host, rest @ ..] = &path[..] else { return Told::empty(404) };
    let rest = rest.iter().filter(|segment| !segment.is_empty()).cloned().collect();
    let asked = Asked {
        method: &seen.method,
        host,
        path: rest,
        query: pairs(query),
        headers: &seen.headers,
        body: &seen.body,
        bytes: &seen.bytes,
        base: &fake.address,
        now: fake.clock.now(),
    };
    let mut world = fake.world();
    let is_open = host == "login.microsoftonline.com"
        || host == "codeload.github.com"
        || asked.query.contains_key("sig")
        || is_served(host);
    if seen.authorization.is_empty() && !is_open && !host.ends_with(".azurecr.io") {
        return (401, json!({"message": "who are you?"})).into();
    }
    match host.as_str() {
        "dev.azure.com" | "vstmr.dev.azure.com" => world.devops.answer(&asked),
        "api.github.com" => world.github.answer(&asked),
        "codeload.github.com" => world.github.download(&asked),
        "login.microsoftonline.com" => world.login.answer(&asked),
        "management.azure.com" => managed(&mut world, &asked),
        host if host.ends_with(".api.azureml.ms") => {
            let World { azure_ml, blob, .. } = &mut *world;
            azure_ml.tracking(&asked, blob)
        }
        host if host.ends_with(".azurecr.io") => world.container_registry.data(&asked),
        host if host.ends_with(".azuredatabricks.net") => world.databricks.answer(&asked),
        host if host.ends_with(".azmk8s.io") => world.kubernetes.answer(&asked),
        container_registry::STORAGE => world.container_registry.storage(&asked),
        host if host.ends_with(".blob.core.windows.net") => world.blob.answer(&asked),
        host if host.ends_with(".servicebus.windows.net") => world.service_bus.answer(&asked),
        host if host.ends_with(".vault.azure.net") => world.key_vault.answer(&asked),
        host if host.ends_with(".inference.ml.azure.com") && world.azure_ml.is_batch(&asked) => {
            world.azure_ml.invoke(&asked)
        }
        host if host.ends_with(".inference.ml.azure.com") => world.azure_ml.endpoints.score(&asked),
        host if is_served(host) => served(&mut world, &asked),
        _ => Told::empty(404),
    }
}

/// Models that serve.
fn is_served(host: &str) -> bool {
    host.ends_with(".azurecontainer.io") || host.ends_with(".inference.ml.azure.com") || host.ends_with(".example")
}

/// A model, if the service that runs it has it up.
fn served(world: &mut World, asked: &Asked<'_>) -> Told {
    if asked.host == kubernetes::GATEWAY_HOST {
        return match world.kubernetes.routed(asked) {
            Ok(kubernetes::Destination { host, path }) => {
                let Asked { method, query, headers, body, bytes, base, now, .. } = asked;
                let (host, query) = (host.as_str(), query.clone());
                served(world, &Asked { method, host, path, query, headers, body, bytes, base, now: *now })
            }
            Err(status) => Told::bytes(status, "text/plain", "the gateway knows no way"),
        };
    }
    let is_up = match asked.host {
        host if host.ends_with(".azurecontainer.io") => world.container_instances.serves(host, asked.now),
        host if host.ends_with(".example") => world.kubernetes.serves(host, asked.now),
        _ => true,
    };
    world.serving.answer(asked, is_up)
}

/// Azure Resource Manager, by the provider of the last resource in the path.
fn managed(world: &mut World, asked: &Asked<'_>) -> Told {
    let segments = asked.segments();
    let provider = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let provider = provider.and_then(|at| segments.get(at + 1)).copied().unwrap_or("Microsoft.Resources");
    match provider {
        // What a subscription has used up.
        "Microsoft.MachineLearningServices" if segments.last() == Some(&"usages") => {
            world.resource_manager.answer(asked)
        }
        "Microsoft.MachineLearningServices" => {
            let World { azure_ml, blob, .. } = world;
            azure_ml.managed(asked, blob)
        }
        "Microsoft.ContainerRegistry" => {
            let World { container_registry, blob, .. } = world;
            container_registry.managed(asked, blob)
        }
        "Microsoft.ContainerInstance" => world.container_instances.answer(asked),
        "Microsoft.ContainerService" => world.kubernetes.managed(asked),
        _ => world.resource_manager.answer(asked),
    }
}

fn response(told: Told) -> Response {
    let mut response = Response::builder().status(told.status);
    if let Some(content_type) = told.content_type {
        response = response.header("content-type", content_type);
    }
    for (name, value) in told.headers {
        response = response.header(&*name, value);
    }
    response.body(Body::from(told.body)).unwrap()
}

fn page(status: u16) -> Told {
    Told::bytes(status, "text/html; charset=utf-8", "<html>Sign in</html>").with(UNTRUE, "fault")
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (!name.is_empty()).then(|| (decoded(name), decoded(value)))
    };
    text.split('&').filter_map(pair).collect()
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
