//! One client for all services: it carries tokens, keeps to what a service asks for (`Retry-After`), bounds what comes
//! back, and turns each way in which a call fails into a sentence and the question whether another try is worth it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azure_core::Bytes;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use runner::ports::{Clock, Result};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::credential::{Credential, Token};

mod error;
mod operation;
mod patience;
mod record;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use error::{CallError, Kind, Right, quietly};
pub(crate) use operation::Progress;
pub(crate) use patience::Patience;
pub(crate) use transport::{TIMEOUT_SECS, Transport, address, bounded, causes, join};

use patience::unpaced;
use record::Recorder;
use transport::{BODY_MAX, Cut, bounded_by};

/// A service over HTTP.
pub(crate) struct Client {
    service: &'static str,
    transport: Transport,
    headers: HeaderMap,
    credential: Arc<dyn Credential>,
    /// Asked for by one call at a time: the others wait for what it gets.
    token: tokio::sync::Mutex<Option<Token>>,
    held: Mutex<Held>,
    patience: Patience,
    recorder: Option<Recorder>,
    clock: Arc<dyn Clock>,
}

/// What keeps calls back.
#[derive(Debug, Default)]
struct Held {
    /// The service has asked to be left alone until then, or there were too many calls.
    until: Option<Timestamp>,
    /// How often in a row there were too many, without a word about when to come back.
    refused: u32,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub method: Method,
    pub url: Url,
    pub body: Body,
    headers: HeaderMap,
    /// A second one would do it twice.
    is_once: bool,
    /// The header that is on every answer of the service, and statuses besides success that are answers.
    signed: Option<(&'static str, &'static [u16])>,
    /// What is answered is a secret.
    is_private: bool,
    /// That it leads elsewhere is the answer.
    leads_on: bool,
    /// Bytes of an answer that are taken.
    most: usize,
    /// What it takes, for the person who has to grant it.
    pub right: &'a Right,
}

/// What a call carries.
#[derive(Debug)]
pub(crate) enum Body {
    Nothing,
    Json(Value),
    /// JSON by another name: `application/apply-patch+yaml`.
    JsonAs(&'static str, Value),
    Form(Vec<(&'static str, String)>),
    Bytes(&'static str, Vec<u8>),
    /// Bytes of which the headers say what they are.
    Plain(Bytes),
}

/// What a service answered, when it did what it was asked.
#[derive(Debug)]
pub(crate) struct Answer {
    service: &'static str,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub fn new(method: Method, url: Url, body: Body, right: &'a Right) -> Self {
        let (headers, is_once, leads_on, signed, is_private) = Default::default();
        Self { method, url, body, headers, is_once, leads_on, signed, is_private, most: BODY_MAX, right }
    }

    pub fn get(url: Url, right: &'a Right) -> Self {
        Self::new(Method::GET, url, Body::Nothing, right)
    }

    pub fn send(method: Method, url: Url, body: Value, right: &'a Right) -> Self {
        Self::new(method, url, Body::Json(body), right)
    }

    /// With a header of its own.
    pub fn with(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// With all these headers.
    pub fn with_all(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// What comes back may be anybody's content, also a page or half of a JSON. The service is known by this header, and
    /// with these statuses it answers, too: the caller makes something of them.
    pub fn signed_by(mut self, header: &'static str, statuses: &'static [u16]) -> Self {
        self.signed = Some((header, statuses));
        self
    }

    /// Answered by a secret: no record shows it.
    pub fn private(mut self) -> Self {
        self.is_private = true;
        self
    }

    /// Answered by where something is to be had. Nobody goes there by itself.
    pub fn leading_on(mut self) -> Self {
        self.leads_on = true;
        self
    }

    /// Answered by so many bytes at most.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Not tried again here: the service has no name to know it by.
    pub fn once(mut self) -> Self {
        self.is_once = true;
        self
    }
}

impl Client {
    pub fn new(
        service: &'static str,
        transport: Transport,
        headers: HeaderMap,
        credential: Arc<dyn Credential>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (token, held) = Default::default();
        let (patience, recorder) = (Patience::NONE, Recorder::from_env());
        Self { service, transport, headers, credential, token, held, patience, recorder, clock }
    }

    /// Tries again by itself what may work a moment later.
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Calls. What may work a moment later is tried again as far as patience goes, and with a new token once when the
    /// old one has become worthless before its time.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let mut tried = 0;
        loop {
            match self.try_with_token(&call).await {
                Err(error) if !call.is_once => match self.patience.pause(tried, &error, self.clock.now()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
                other => return other,
            }
            tried += 1;
        }
    }

    async fn try_with_token(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        self.is_welcome(call)?;
        let (token, is_new) = self.token(None).await?;
        match self.try_once(call, &token).await {
            Err(error) if error.kind == Kind::NotKnown && token.is_renewed() && !is_new => {
                let (token, _) = self.token(Some(&token)).await?;
                self.try_once(call, &token).await
            }
            other => other,
        }
    }

    /// Calls and reads the answer.
    pub async fn read<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, CallError> {
        self.call(call).await?.json()
    }

    async fn try_once(&self, call: &Call<'_>, token: &Token) -> Result<Answer, CallError> {
        let client = self.transport.client().map_err(|error| CallError::of_port(self.service, error))?;
        let mut headers = self.headers.clone();
        headers.extend(call.headers.clone());
        let mut request = client.request(call.method.clone(), call.url.clone()).headers(headers.clone());
        if let Some(token) = token.header() {
            request = request.header(AUTHORIZATION, token);
        }
        request = match &call.body {
            Body::Nothing => request,
            Body::Json(body) => request.json(body),
            Body::JsonAs(name, body) => request.header(CONTENT_TYPE, *name).body(body.to_string()),
            Body::Form(fields) => request.form(fields),
            Body::Bytes(name, bytes) => request.header(CONTENT_TYPE, *name).body(bytes.clone()),
            Body::Plain(bytes) => request.body(bytes.clone()),
        };
        let unreachable = |error: reqwest::Error| {
            let reason = format!("could not {}: {}", call.right.action, causes(&error.without_url()));
            CallError::unavailable(self.service, reason)
        };
        let response = request.send().await.map_err(unreachable)?;
        let (status, sent, headers) = (response.status(), headers, response.headers().clone());
        let body = bounded_by(response, call.most).await;
        if let (Some(recorder), Ok(body)) = (&self.recorder, &body) {
            recorder.record(call, (&sent, token.scheme()), status, &headers, body);
        }
        let body = body.map_err(|cut| {
            let reason = format!("could not {}: {cut}", call.right.action);
            match cut {
                Cut::TooLong(_) => CallError::refused(self.service, reason),
                Cut::Broken(_) => CallError::unavailable(self.service, reason),
            }
        })?;
        if let Some((header, statuses)) = call.signed
            && (status.is_success() || statuses.contains(&status.as_u16()))
        {
            if headers.contains_key(header) {
                return Ok(Answer { service: self.service, status, headers, body });
            }
            if status.is_success() {
                let reason = format!("could not {}: somebody else answers, without {header}", call.right.action);
                return Err(CallError::unavailable(self.service, reason));
            }
        }
        // A page for people instead of an answer is how Azure DevOps asks to sign in.
        let is_page = is_html(&headers) || status == StatusCode::NON_AUTHORITATIVE_INFORMATION;
        if call.leads_on && status.is_redirection() && headers.contains_key(LOCATION) {
            return Ok(Answer { service: self.service, status, headers, body });
        }
        if status.is_success() && !is_page {
            self.held().refused = 0;
            let answer = Answer { service: self.service, status, headers, body };
            // Something between us and the service may answer for it, and then nothing is done.
            if !answer.body.is_empty() && answer.is_json() {
                answer.json::<IgnoredAny>()?;
            }
            return Ok(answer);
        }
        let now = self.clock.now();
        let mut error = CallError::of(self.service, &self.identity(), call.right, status, &headers, &body, now);
        let mut held = self.held();
        if error.until.is_none() && status == StatusCode::TOO_MANY_REQUESTS {
            // Calls that were under way together are refused together, and that once.
            if held.until.is_none_or(|until| until <= now) {
                held.until = Some(now + unpaced(held.refused));
                held.refused = held.refused.saturating_add(1);
            }
            error.until = held.until;
        } else if error.until.is_some() {
            held.until = error.until;
        }
        drop(held);
        Err(error)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_welcome(&self, call: &Call<'_>) -> Result<(), CallError> {
        let held = self.held().until;
        match held.filter(|until| self.clock.now() < *until) {
            Some(until) => {
                let reason = format!("could not {}: asked to wait until {until}", call.right.action);
                Err(CallError::unavailable(self.service, reason))
            }
            None => Ok(()),
        }
    }

    /// The token that is kept, or a new one; and whether it is new. `worthless` is not used again.
    async fn token(&self, worthless: Option<&Token>) -> Result<(Token, bool), CallError> {
        let mut kept = self.token.lock().await;
        let is_worthless = |token: &Token| worthless.is_some_and(|worthless| worthless.header() == token.header());
        if let Some(token) = kept.as_ref().filter(|token| token.is_good(self.clock.now()) && !is_worthless(token)) {
            return Ok((token.clone(), false));
        }
        let token = self.credential.token().await.map_err(|error| CallError::of_port(self.service, error))?;
        *kept = Some(token.clone());
        Ok((token, true))
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who calls.
    pub fn identity(&self) -> String {
        self.credential.identity()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {:?}", self.service, self.credential)
    }
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| CallError::unavailable(self.service, format!("the answer cannot be read: {error}")))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the service says so, or nothing about it.
    fn is_json(&self) -> bool {
        self.header("content-type").is_none_or(|kind| kind.to_ascii_lowercase().contains("json"))
    }
}

fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}
