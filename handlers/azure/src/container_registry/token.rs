//! Tokens for a registry's data: a token of Entra is exchanged for the registry's own, and that for one which opens what
//! a call needs and no more.
//!
//! ```text
//! Entra's token --oauth2/exchange--> refresh token --oauth2/token, scope--> access token
//! ```
//!
//! Source: [Authentication of a registry](https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use runner::ports::{Clock, PortError, Result};
use serde::Deserialize;
use serde_json::Value;

use super::SERVICE;
use crate::credential::{Anybody, Credential, Token};
use crate::http::{self, Body, Call, Client, Patience, Right, Transport};
use crate::roles;

/// How long a token is used that does not say when it ends. Real ones say it, and are good for more than an hour.
const UNTOLD: SignedDuration = SignedDuration::from_mins(10);

const EXCHANGE: Right = Right::role("get a token of the registry", roles::PULL);

/// What opens a part of a registry's data.
pub(super) struct RegistryToken {
    client: Client,
    entra: Arc<dyn Credential>,
    server: Url,
    service: String,
    tenant: Option<String>,
    scope: String,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

#[derive(Deserialize)]
struct Access {
    access_token: String,
}

/// The identity of another credential, without its token: that is in the form.
#[derive(Debug)]
struct InForm(Arc<dyn Credential>);

#[async_trait]
impl Credential for InForm {
    async fn token(&self) -> Result<Token> {
        Anybody.token().await
    }

    fn identity(&self) -> String {
        self.0.identity()
    }
}

impl RegistryToken {
    /// For a scope such as `repository:trainyard/diabetes:pull`. `entra` gives tokens for
    /// `https://containerregistry.azure.net`; `service` is the login server.
    pub fn new(
        entra: Arc<dyn Credential>,
        (server, service): (&Url, &str),
        tenant: Option<String>,
        scope: String,
        (clock, timeout_secs): (Arc<dyn Clock>, u64),
    ) -> Self {
        let transport = Transport::to(&[server], timeout_secs);
        let in_form = Arc::new(InForm(Arc::clone(&entra)));
        let client = Client::new(SERVICE, transport, HeaderMap::new(), in_form, Arc::clone(&clock));
        let client = client.with_patience(Patience::SHORT);
        Self { client, entra, server: server.clone(), service: service.to_owned(), tenant, scope, clock }
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, form: Vec<(&'static str, String)>) -> Result<T> {
        let url = http::join(&self.server, &["oauth2", path], &[]);
        let call = Call::new(Method::POST, url, Body::Form(form), &EXCHANGE);
        self.client.read(call).await.map_err(http::CallError::into_port)
    }
}

#[async_trait]
impl Credential for RegistryToken {
    async fn token(&self) -> Result<Token> {
        let entra = self.entra.token().await?;
        let header = entra.header();
        let secret = header.as_ref().and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
        let secret = secret.ok_or_else(|| {
            let reason =
                format!("{} gives no token that a registry exchanges; use an identity of Entra", self.identity());
            PortError::permanent(SERVICE, reason)
        })?;
        let service = || ("service", self.service.clone());
        let grant = |kind: &str| ("grant_type", kind.to_owned());
        let mut form = vec![grant("access_token"), service(), ("access_token", secret.to_owned())];
        form.extend(self.tenant.clone().map(|tenant| ("tenant", tenant)));
        let Refresh { refresh_token } = self.ask("exchange", form).await?;
        let form =
            vec![grant("refresh_token"), service(), ("scope", self.scope.clone()), ("refresh_token", refresh_token)];
        let Access { access_token } = self.ask("token", form).await?;
        let end = end_of(&access_token).unwrap_or_else(|| self.clock.now() + UNTOLD);
        Token::bearer(&access_token, Some(end))
    }

    fn identity(&self) -> String {
        self.entra.identity()
    }
}

impl fmt::Debug for RegistryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.identity(), self.scope)
    }
}

/// When a token ends, as it says itself. Whether it is genuine is the registry's to check.
fn end_of(token: &str) -> Option<Timestamp> {
    let claims = BASE64.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims["exp"].as_i64()?).ok()
}
