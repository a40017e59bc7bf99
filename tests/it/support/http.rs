//! HTTP for tests.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

/// Asks; `Err` where nobody answers.
pub fn ask(method: Method, url: &str, body: Option<&Value>) -> Result<Reply, reqwest::Error> {
    reply(|client| {
        let request = client.request(method, url);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    })
}

/// Sends bytes as they are, with these headers.
#[track_caller]
pub fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let add = |request: RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
    reply(|client| headers.iter().fold(client.request(method, url), add).body(body.to_vec())).unwrap()
}

fn reply(request: impl FnOnce(&Client) -> RequestBuilder) -> Result<Reply, reqwest::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let response = request(&client).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await?;
        let json = serde_json::from_str(&body).unwrap_or_default();
        Ok(Reply { status, headers, body, json })
    })
}
