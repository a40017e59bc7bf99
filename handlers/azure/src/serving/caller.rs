//! Asking a model.

use std::fmt;

use pipeline::event::Answer;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode, Url};
use runner::ports::{PortError, Result};
use serde::{Deserialize, Serialize};

use super::{EnvironmentSecrets, HEALTH_PATH, SCORE_PATH};
use crate::http::{Transport, bounded, causes};

/// So much of an answer is kept, in bytes.
const KEPT: usize = 64 << 10;
/// A server that is asked for its health only says a word.
const HEALTH_SECS: u64 = 5;

/// The key that callers of an endpoint have to show. The image has to check it: neither a container group nor a
/// cluster does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The name of the secret that is the key.
    pub secret: String,
    /// The header with the key; in `authorization` it is sent as a bearer token.
    #[serde(default = "header")]
    pub header: String,
    /// The environment variable by which the container learns it.
    #[serde(default = "variable")]
    pub variable: String,
}

fn header() -> String {
    AUTHORIZATION.as_str().into()
}

fn variable() -> String {
    "API_KEY".into()
}

/// Asks models, with the key if there is one.
pub(crate) struct Caller {
    backend: &'static str,
    answers: Transport,
    health: Transport,
    key: Option<(ApiKey, HeaderName)>,
    secrets: Option<EnvironmentSecrets>,
}

impl Caller {
    /// `example` is an address like those that will be called; `answer_secs` is how long one answer may take.
    pub fn new(
        backend: &'static str,
        example: &Url,
        answer_secs: u64,
        key: Option<ApiKey>,
        secrets: Option<EnvironmentSecrets>,
    ) -> Result<Self> {
        let key = match key {
            None => None,
            Some(key) => {
                let header = key.header.parse().map_err(|_| {
                    PortError::permanent("settings", format!("{:?} is no name of a header", key.header))
                })?;
                Some((key, header))
            }
        };
        let answers = Transport::to(&[example], answer_secs);
        let health = Transport::to(&[example], HEALTH_SECS.min(answer_secs));
        Ok(Self { backend, answers, health, key, secrets })
    }

    /// The variable and the value of the key, for whoever starts the container.
    pub async fn key(&self) -> Result<Option<(&str, String)>> {
        match &self.key {
            None => Ok(None),
            Some((key, _)) => Ok(Some((&key.variable, self.secret(&key.secret).await?))),
        }
    }

    /// A secret by its name.
    pub async fn secret(&self, name: &str) -> Result<String> {
        let Some(secrets) = &self.secrets else {
            let reason = format!("the secret {name} is named in settings, and no key vault is set to take it from");
            return Err(PortError::permanent(self.backend, reason));
        };
        secrets.get(name).await
    }

    /// Posts a body to what serves at this address.
    pub async fn score(&self, address: &Url, body: Vec<u8>) -> Result<Answer> {
        self.score_by(address, None, body).await
    }

    /// Posts a body to what serves at this address, with this header, by which a gateway knows whom it is for.
    pub async fn score_by(&self, address: &Url, by: Option<(&'static str, &str)>, body: Vec<u8>) -> Result<Answer> {
        let mut request = self.answers.client()?.post(below(address, SCORE_PATH));
        if let Some((header, value)) = by {
            request = request.header(header, value);
        }
        if let Some((key, header)) = &self.key {
            let secret = self.secret(&key.secret).await?;
            let value = if *header == AUTHORIZATION { format!("Bearer {secret}") } else { secret };
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                let reason = format!("the secret {} has signs that no header takes; set it again", key.secret);
                PortError::permanent(self.backend, reason)
            })?;
            value.set_sensitive(true);
            request = request.header(header.clone(), value);
        }
        Ok(ask(request, body).await)
    }

    /// Whether what serves at this address says that it is ready. Looks once.
    pub async fn is_healthy(&self, address: &Url) -> Result<bool> {
        let asked = self.health.client()?.get(below(address, HEALTH_PATH)).send().await;
        Ok(asked.is_ok_and(|answer| answer.status() == StatusCode::OK))
    }
}

/// Posts a body, and answers what came back, also when nobody answered.
pub(crate) async fn ask(request: RequestBuilder, body: Vec<u8>) -> Answer {
    let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Answer::Unreachable { reason: causes(&error.without_url()) },
    };
    let status = response.status().as_u16();
    match bounded(response).await {
        Ok(mut body) => {
            body.truncate(KEPT);
            Answer::Answered { status, body: String::from_utf8_lossy(&body).into_owned() }
        }
        Err(cut) => Answer::Unreachable { reason: cut.to_string() },
    }
}

/// An address with a path below it.
pub(crate) fn below(address: &Url, path: &str) -> Url {
    let mut url = address.clone();
    url.set_path(&format!("{}{path}", address.path().trim_end_matches('/')));
    url
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("key", &self.key).finish_non_exhaustive()
    }
}
