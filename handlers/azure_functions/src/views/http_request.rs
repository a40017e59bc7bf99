//! A request to a function with an HTTP trigger, as the host passes it on (without `enableForwardingHttpRequest`).
//!
//! Source: `src/WebJobs.Script/Extensions/HttpRequestExtensions.cs` in `Azure/azure-functions-host`.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{DecodeError, Invocation, Members, Value, redact, value::Text};

/// One HTTP request. Its `Debug` shows neither headers nor body, and no key in the URL.
#[derive(Clone)]
pub struct HttpRequest<'a> {
    members: Members<'a>,
    query: Members<'a>,
    headers: Members<'a>,
    params: Members<'a>,
}

/// Who calls: a key of the app, or a user whom App Service Authentication has signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Identity {
    /// How the caller was recognised; `WebJobsAuthLevel` for a key.
    pub authentication_type: Option<String>,
    /// Whether the caller was recognised at all.
    pub is_authenticated: bool,
    /// The caller's name.
    pub name: Option<String>,
    /// What is claimed about the caller.
    pub claims: Vec<Claim>,
}

/// One thing that is claimed about a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Claim {
    /// The kind of claim, usually a URL.
    pub r#type: String,
    /// What is claimed.
    pub value: String,
}

const KEY: &str = "WebJobsAuthLevel";
const KEY_ID: &str = "http://schemas.microsoft.com/2017/07/functions/claims/keyid";

impl Invocation {
    /// Reads the invocation as an HTTP request.
    ///
    /// # Errors
    ///
    /// When the trigger's value is not an object.
    pub fn http_request(&self) -> Result<HttpRequest<'_>, DecodeError> {
        let value = self.trigger()?;
        if !value.json().starts_with('{') {
            let expected = "an HTTP request";
            return Err(DecodeError::UnexpectedValue { expected });
        }
        let members = value.members();
        let part = |name| members.get(name).map(Value::members).unwrap_or_default();
        Ok(HttpRequest { query: part("Query"), headers: part("Headers"), params: part("Params"), members })
    }
}

impl<'a> HttpRequest<'a> {
    /// Returns the method, in capitals.
    pub fn method(&self) -> Cow<'a, str> {
        self.text("Method").unwrap_or_default()
    }

    /// Returns the whole URL, with the key in it if the caller put it there: [`redact()`] it before logging.
    pub fn url(&self) -> Cow<'a, str> {
        self.text("Url").unwrap_or_default()
    }

    /// Returns a parameter of the query; of several with the same name all, joined by commas, or the last.
    pub fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query.get(name)?.inner_text()
    }

    /// Returns a header, the first of several; names compare without case.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self.headers.get(name)?;
        if !value.json().starts_with('[') {
            return value.inner_text();
        }
        let texts: Vec<Text<'a>> = serde_json::from_str(value.json()).ok()?;
        texts.into_iter().next().map(|text| text.0)
    }

    /// Returns a parameter of the route, with `%2F` left as it is.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params.get(name)?.inner_text()
    }

    /// Returns who calls. Empty if the host says nothing, or nothing that can be read.
    pub fn identities(&self) -> Vec<Identity> {
        let identities = self.members.get("Identities");
        identities.and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Returns the user whom App Service Authentication has signed in.
    pub fn user(&self) -> Option<Identity> {
        let is_user =
            |identity: &Identity| identity.is_authenticated && identity.authentication_type.as_deref() != Some(KEY);
        self.identities().into_iter().find(is_user)
    }

    /// Returns the name of the key with which the request came.
    pub fn key_name(&self) -> Option<String> {
        let identities = self.identities();
        let mut keys =
            identities.iter().filter(|it| it.is_authenticated && it.authentication_type.as_deref() == Some(KEY));
        keys.find_map(|key| key.claim(KEY_ID).map(str::to_owned))
    }

    /// Returns the body's bytes. It is empty also when the caller sent it chunked: the host then leaves it out.
    ///
    /// The host reads all but `application/octet-stream` and `multipart/*` as UTF-8, whatever it is.
    pub fn body(&self) -> Cow<'a, [u8]> {
        let Some(body) = self.members.get("Body") else {
            return Cow::Borrowed(&[]);
        };
        let decoded = self.is_binary().then(|| body.base64()).flatten();
        match decoded {
            Some(bytes) => Cow::Owned(bytes),
            None => match body.inner_text().unwrap_or_default() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// Returns the body's text; what is not UTF-8 becomes replacement characters.
    pub fn body_text(&self) -> Cow<'a, str> {
        match self.body() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, or not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body())
    }

    /// Says whether the host passes this body in base64.
    fn is_binary(&self) -> bool {
        let content_type = self.header("Content-Type").unwrap_or_default();
        let content_type = content_type.trim_start().to_ascii_lowercase();
        content_type.starts_with("application/octet-stream") || content_type.starts_with("multipart/")
    }

    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.members.get(name)?.inner_text()
    }
}

impl Identity {
    /// Returns the first claim of a kind.
    pub fn claim(&self, r#type: &str) -> Option<&str> {
        let mut claims = self.claims.iter();
        let claim = claims.find(|claim| claim.r#type == r#type)?;
        Some(&claim.value)
    }
}

impl fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method())
            .field("url", &redact(&self.url()))
            .finish_non_exhaustive()
    }
}
