//! A host that answers from a script: for each request its answers in order, the last one again and again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub struct Host {
    pub port: u16,
    script: Arc<Mutex<Script>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, VecDeque<(u16, Value)>>,
    asked: Vec<(String, Value)>,
}

impl Host {
    pub fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let (port_sender, port) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&script);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                port_sender.send(listener.local_addr().unwrap().port()).unwrap();
                let app = Router::new().fallback(move |request: Request| answer(Arc::clone(&shared), request));
                tokio::select! {
                    served = axum::serve(listener, app) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { port: port.recv().unwrap(), script, stop: Some(stop), thread: Some(thread) }
    }

    /// The next answer to `GET /path` or `POST /path`, the query left out.
    pub fn says(&self, request: &str, status: u16, body: Value) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.answers.entry(request.to_owned()).or_default().push_back((status, body));
        self
    }

    /// What was asked, with queries, and the bodies.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.script.lock().unwrap().asked.clone()
    }

    /// The body of the one request that was like this.
    pub fn body_of(&self, request: &str) -> Value {
        let asked = self.asked();
        let mut found = asked.iter().filter(|(asked, _)| asked == request);
        let (_, body) = found.next().unwrap_or_else(|| panic!("nobody asked {request}: {asked:?}"));
        assert!(found.next().is_none(), "{request} was asked twice");
        body.clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn answer(script: Arc<Mutex<Script>>, request: Request) -> (StatusCode, String) {
    let line = format!("{} {}", request.method(), request.uri());
    let key = line.split('?').next().unwrap().to_owned();
    let body: Bytes = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut script = script.lock().unwrap();
    script.asked.push((line, serde_json::from_slice(&body).unwrap_or(Value::Null)));
    let Some(answers) = script.answers.get_mut(&key) else {
        let body = json!({ "error": format!("there is no {key}"), "advice": null });
        return (StatusCode::NOT_FOUND, body.to_string());
    };
    let (status, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}
