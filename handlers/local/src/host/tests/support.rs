//! An app in a folder, a bus in a file, a handler, and a caller.

use std::path::Path;

use azure_functions::{Function, HostJson, Invocation, Outcome, Router, Trigger, bind};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use runner::ports::{Bus as _, Parcel};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::{Host, HostError, HostOptions, Running};
use crate::bus::{Broker, BrokerOptions};
use crate::database::Database;

/// A folder with an app and a bus.
pub(super) struct Stage {
    pub folder: TempDir,
    pub broker: Broker,
    pub host: HostJson,
}

impl Stage {
    pub fn new(functions: &[(&str, Trigger)]) -> Self {
        Self::with(BrokerOptions::default(), functions)
    }

    pub fn with(options: BrokerOptions, functions: &[(&str, Trigger)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_functions(folder.path(), functions);
        let database = Database::open(&folder.path().join("state.db")).unwrap();
        let broker = Broker::open(database, options).unwrap();
        Self { folder, broker, host: HostJson::new("nobody-starts-this") }
    }

    pub fn options(&self) -> HostOptions {
        HostOptions { script_root: self.folder.path().to_owned(), port: 0, ..HostOptions::default() }
    }

    pub async fn start(&self, options: HostOptions) -> Result<Running, HostError> {
        std::fs::write(self.folder.path().join("host.json"), self.host.to_json()).unwrap();
        Host::new(options, self.broker.clone(), axum::Router::new()).start().await
    }

    /// Starts a host over a handler in this process.
    pub async fn attach(&self, router: Router) -> Running {
        let listener = bind(0).await.unwrap();
        let running = self.attach_to(listener.local_addr().unwrap().port()).await;
        tokio::spawn(router.serve(listener));
        running
    }

    pub async fn attach_to(&self, port: u16) -> Running {
        let handler = super::super::HandlerOptions::Attached { port };
        self.start(HostOptions { handler, ..self.options() }).await.unwrap()
    }

    pub async fn send(&self, queue: &str, id: &str, body: &str) {
        let parcel = Parcel {
            queue: queue.into(),
            id: id.into(),
            session: None,
            deliver_at: None,
            body: body.as_bytes().into(),
        };
        self.broker.send(vec![parcel]).await.unwrap();
    }

    pub fn left_in(&self, queue: &str) -> usize {
        let counts = self.broker.counts(queue);
        counts.active + counts.scheduled + counts.locked
    }
}

pub(super) fn write_functions(folder: &Path, functions: &[(&str, Trigger)]) {
    for (name, trigger) in functions {
        let function = Function::new(name, trigger.clone()).unwrap();
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("function.json"), function.to_json()).unwrap();
    }
}

pub(super) fn queue(name: &str) -> Trigger {
    Trigger::ServiceBusQueue { queue: name.into(), connection: "SERVICEBUS".into() }
}

pub(super) fn http(methods: &[&str], route: &str) -> Trigger {
    let methods = methods.iter().map(|method| (*method).to_owned()).collect();
    Trigger::Http { methods, route: Some(route.into()), auth_level: azure_functions::AuthLevel::Function }
}

/// A function that hands each invocation to the test and answers as it is told.
pub(super) fn record(
    router: Router,
    name: &str,
    answer: impl Fn(&Invocation) -> Outcome + Send + Sync + 'static,
) -> (Router, UnboundedReceiver<Invocation>) {
    let (seen, invocations): (UnboundedSender<Invocation>, _) = unbounded_channel();
    let router = router.function(name, move |invocation: Invocation| {
        let outcome = answer(&invocation);
        // A test that has ended wants to see no more.
        let _ = seen.send(invocation);
        std::future::ready(outcome)
    });
    (router, invocations)
}

/// Serves an axum router as if it were a handler, for answers that ours never gives.
pub(super) async fn serve(router: axum::Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// What a caller gets.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(super) async fn call(running: &Running, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    call_with(running, method, path, headers, Full::new(Bytes::from(body.to_owned()))).await
}

pub(super) async fn call_with<B>(
    running: &Running,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: B,
) -> Reply
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(running.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", running.address().to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(super) async fn get(running: &Running, path: &str) -> Reply {
    call(running, "GET", path, &[], "").await
}
