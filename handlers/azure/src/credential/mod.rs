//! Who we are towards a service: an identity of Azure, a GitHub App, a person's token.
//!
//! A token is asked for when the one before is about to expire, and never shown: not in logs, not in errors, not by
//! `Debug`.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use runner::ports::{PortError, Result};

mod certificate;
mod cloud;
mod command_line;
mod entra;
mod github_app;
mod identity;
mod managed_identity;
mod way;

pub use cloud::{Cloud, Hosts};
pub use github_app::GithubApp;
pub use identity::Identity;

/// A token this close to its end is not used any more: the call that carries it takes its time, too.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Gives tokens. A caller keeps what it gets until shortly before it expires.
#[async_trait]
pub trait Credential: fmt::Debug + Send + Sync {
    /// A new token.
    async fn token(&self) -> Result<Token>;

    /// Who it is for, as people know it from the service's pages.
    fn identity(&self) -> String;
}

/// What opens a service for a while.
#[derive(Clone)]
pub struct Token {
    /// None: the address itself opens the service.
    header: Option<HeaderValue>,
    expires_at: Option<Timestamp>,
}

impl Token {
    /// For `Authorization: Bearer`.
    ///
    /// # Errors
    ///
    /// It has characters that no header takes, such as a line end that was copied with it.
    pub fn bearer(secret: &str, expires_at: Option<Timestamp>) -> Result<Self> {
        Self::of(&format!("Bearer {secret}"), expires_at)
    }

    /// For `Authorization: Basic` with an empty user name, as Azure DevOps takes personal access tokens.
    ///
    /// # Errors
    ///
    /// Never, in practice: what is sent is Base64.
    pub fn basic(secret: &str) -> Result<Self> {
        Self::of(&format!("Basic {}", BASE64.encode(format!(":{secret}"))), None)
    }

    /// For `Authorization`, as it is.
    pub(crate) fn of(header: &str, expires_at: Option<Timestamp>) -> Result<Self> {
        let mut header = HeaderValue::from_str(header).map_err(|_| {
            PortError::permanent(
                "credential",
                "the token has a line end or another sign that no header takes; set it again",
            )
        })?;
        header.set_sensitive(true);
        Ok(Self { header: Some(header), expires_at })
    }

    /// `Bearer`, `Basic` or nothing, for records.
    pub(crate) fn scheme(&self) -> &str {
        let text = self.header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
        text.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }

    /// When it ends; None: nobody knows.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether it may still be used.
    pub(crate) fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end.duration_since(now) > MARGIN)
    }

    /// Whether another one could be better: it was given for a while, not by a person.
    pub(crate) fn is_renewed(&self) -> bool {
        self.expires_at.is_some()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Nobody in particular: the address itself opens the service (a shared access signature), or it asks nobody.
#[derive(Debug, Clone, Copy)]
pub struct Anybody;

#[async_trait]
impl Credential for Anybody {
    async fn token(&self) -> Result<Token> {
        Ok(Token { header: None, expires_at: None })
    }

    fn identity(&self) -> String {
        "whoever has the address".into()
    }
}

/// A token that a person made. For one machine; in the cloud an identity of its own is better.
#[derive(Clone)]
pub struct PersonalAccessToken {
    owner: String,
    token: Token,
}

impl PersonalAccessToken {
    /// One of Azure DevOps. `owner` is who made it, for error messages.
    ///
    /// # Errors
    ///
    /// Never, in practice.
    pub fn of_azure_devops(owner: impl Into<String>, secret: &str) -> Result<Self> {
        Ok(Self { owner: owner.into(), token: Token::basic(secret.trim())? })
    }

    /// One of GitHub.
    ///
    /// # Errors
    ///
    /// It has characters that no header takes.
    pub fn of_github(owner: impl Into<String>, secret: &str) -> Result<Self> {
        Ok(Self { owner: owner.into(), token: Token::bearer(secret.trim(), None)? })
    }
}

#[async_trait]
impl Credential for PersonalAccessToken {
    async fn token(&self) -> Result<Token> {
        Ok(self.token.clone())
    }

    fn identity(&self) -> String {
        format!("the personal access token of {}", self.owner)
    }
}

impl fmt::Debug for PersonalAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}
