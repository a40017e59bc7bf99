//! Asks the host over HTTP.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
use crate::settings::Settings;

/// A host on this machine.
pub(crate) struct Client {
    http: reqwest::Client,
    runtime: Runtime,
    base: Url,
    start: String,
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        Self::at(settings, settings.port)
    }

    pub fn at(settings: &Settings, port: u16) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::input(format!("HTTP cannot be used here: {error}"));
        let http = reqwest::Client::builder()
            // The host is on this machine: no proxy is between, and a host that restarts leaves no stale connection.
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| broken(&error))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| broken(&error))?;
        let base = Url::parse(&format!("http://127.0.0.1:{port}/")).map_err(|error| broken(&error))?;
        Ok(Self { http, runtime, base, start: settings.again("up") })
    }

    /// Where the host is: `127.0.0.1:7071`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.base.port_or_known_default().unwrap_or_default())
    }

    /// The address of something that the host has. Each segment is encoded by itself: `project/7` stays one.
    pub fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        url
    }

    /// An address that the host gave, which may leave out the host itself.
    pub fn resolve(&self, address: &str) -> Result<Url, Failure> {
        self.base
            .join(address)
            .map_err(|error| Failure::unreachable(format!("{address} is not an address that can be called: {error}")))
    }

    /// The same for people.
    pub fn shown(&self, address: &str) -> String {
        self.resolve(address).map_or_else(|_| crate::words::one_line(address), |url| url.to_string())
    }

    /// Whether somebody takes connections there at all.
    pub fn is_there(&self) -> bool {
        let request = self.http.get(self.url(&["admin", "host", "status"]));
        let answer = self.runtime.block_on(async { request.send().await });
        answer.map_or_else(|error| !error.is_connect(), |_| true)
    }

    pub fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Failure> {
        let request = self.http.request(Method::GET, self.url(path)).query(query);
        self.answer(request)
    }

    pub fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Failure> {
        let request = self.http.request(Method::POST, self.url(path)).json(body);
        self.answer(request)
    }

    pub fn put<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Failure> {
        let request = self.http.request(Method::PUT, self.url(path)).json(body);
        self.answer(request)
    }

    pub fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.answer(self.http.request(Method::DELETE, self.url(path)))
    }

    /// Posts JSON bytes to an address and answers status and body, whatever they are.
    pub fn call(&self, url: &Url, body: &[u8]) -> Result<(u16, String), Failure> {
        let request = self.http.post(url.clone()).header("content-type", "application/json").body(body.to_vec());
        self.runtime.block_on(async {
            let unreachable =
                |error: reqwest::Error| Failure::unreachable(format!("nobody answers at {url}: {}", cause(&error)));
            let response = request.send().await.map_err(unreachable)?;
            let status = response.status().as_u16();
            Ok((status, response.text().await.map_err(unreachable)?))
        })
    }

    fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let (status, body) = self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
            Ok::<_, Failure>((status, body))
        })?;
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::unreachable(format!(
                "what answers at {} does not speak as this Trainyard does: {error}",
                self.address()
            ))
            .advice("use the `trainyard` that started the host, or name another port with `--port`")
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let address = self.address();
        if error.is_timeout() {
            return Failure::unreachable(format!("the host at {address} takes a connection and does not answer"))
                .advice("look into its log, `host.log` in its home, or stop it and start it again");
        }
        Failure::unreachable(format!("no host answers at {address}: {}", cause(error)))
            .advice(format!("start one with `{}`, or name its port with `--port`", self.start))
    }

    /// What the host says is shown as it is.
    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let said: Option<Value> = serde_json::from_slice(body).ok();
        let text = |key: &str| said.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let Some(sentence) = text("error") else {
            return Failure::unreachable(format!("what answers at {} said {status} and not why", self.address()))
                .advice("see whether another program has the port, or look into the host's log");
        };
        let mut failure =
            if status.is_client_error() { Failure::input(sentence) } else { Failure::unreachable(sentence) };
        failure.advice = text("advice");
        failure
    }
}

/// The innermost reason: `connection refused` says more than the layers around it.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
