//! HTTP for tests.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

/// Asks; `Err` where nobody answers.
pub fn ask(method: Method, url: &str, body: Option<&Value>) -> Result<Reply, reqwest::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        let json = serde_json::from_str(&body).unwrap_or_default();
        Ok(Reply { status, body, json })
    })
}
