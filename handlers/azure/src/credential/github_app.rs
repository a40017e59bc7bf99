//! A GitHub App in one installation: a signed word of its own, exchanged for a token of an hour.
//!
//! Source: [Generating an installation access token](https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use runner::ports::{Clock, PortError, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Credential, Token};
use crate::http::{self, TIMEOUT_SECS, Transport, bounded};

const BACKEND: &str = "GitHub App";
/// Our clock may be ahead of GitHub's.
const BACK_SECS: i64 = 60;
/// GitHub takes 10 minutes at most.
const GOOD_FOR_SECS: i64 = 540;

/// An App's installation in one organisation or account.
pub struct GithubApp {
    transport: Transport,
    url: Url,
    app: String,
    installation: u64,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
}

/// What the App says of itself.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Given {
    /// Its length and form are GitHub's own business and have changed before.
    token: String,
    expires_at: Timestamp,
}

impl GithubApp {
    /// `app` is the App's client id (or its number), `pem` its private key as GitHub hands it out, `base` the API's
    /// address.
    ///
    /// # Errors
    ///
    /// The key or the address cannot be read.
    pub fn new(base: &str, app: &str, installation: u64, pem: &[u8], clock: Arc<dyn Clock>) -> Result<Self> {
        let key = EncodingKey::from_rsa_pem(pem).map_err(|_| {
            let reason = "the private key of the App cannot be read: it is the .pem file that GitHub hands out, whole";
            PortError::permanent(BACKEND, reason)
        })?;
        let number = installation.to_string();
        let base = http::address("the address of GitHub's API", base)?;
        let url = http::join(&base, &["app", "installations", &number, "access_tokens"], &[]);
        let transport = Transport::to(&[&url], TIMEOUT_SECS);
        Ok(Self { transport, url, app: app.to_owned(), installation, key, clock })
    }

    /// The App itself, for what is no installation's: its own webhook.
    #[must_use]
    pub fn itself(self: Arc<Self>) -> Arc<dyn Credential> {
        Arc::new(Itself(self))
    }

    fn word(&self) -> Result<(String, i64)> {
        let now = self.clock.now().as_second();
        let claims = Claims { iss: &self.app, iat: now - BACK_SECS, exp: now + GOOD_FOR_SECS };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(|word| (word, claims.exp))
            .map_err(|_| PortError::permanent(BACKEND, "the private key of the App does not sign; make a new one"))
    }
}

/// An App without an installation.
struct Itself(Arc<GithubApp>);

#[async_trait]
impl Credential for Itself {
    async fn token(&self) -> Result<Token> {
        let (word, end) = self.0.word()?;
        Token::bearer(&word, Timestamp::from_second(end).ok())
    }

    fn identity(&self) -> String {
        format!("the GitHub App {}", self.0.app)
    }
}

impl fmt::Debug for Itself {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}

#[async_trait]
impl Credential for GithubApp {
    async fn token(&self) -> Result<Token> {
        // As little as is needed, whatever else the App may do.
        let wanted = json!({"permissions": {
            "checks": "write", "statuses": "write", "contents": "read", "pull_requests": "write", "metadata": "read",
        }});
        let request = self.transport.client()?.post(self.url.clone()).headers(crate::github::headers());
        let asked = request.bearer_auth(self.word()?.0).json(&wanted).send().await;
        let response = asked.map_err(|error| PortError::transient(BACKEND, error.without_url()))?;
        let status = response.status();
        let body = bounded(response).await.map_err(|reason| PortError::transient(BACKEND, reason))?;
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(PortError::transient(BACKEND, format!("GitHub answers {status} to {}", self.identity())));
        }
        let given: Given = serde_json::from_slice(&body).map_err(|_| {
            let reason = format!(
                "{} gets no token: GitHub answers {status}. 401: the key is not the App's or this machine's clock is \
                 wrong; 404: there is no such installation; 422: the App lacks a permission (checks, commit statuses \
                 and pull requests: write; contents: read)",
                self.identity()
            );
            PortError::permanent(BACKEND, reason)
        })?;
        Token::bearer(&given.token, Some(given.expires_at))
    }

    fn identity(&self) -> String {
        format!("the GitHub App {} in installation {}", self.app, self.installation)
    }
}

impl fmt::Debug for GithubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}
