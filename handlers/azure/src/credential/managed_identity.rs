//! The identity that Azure gives to a Functions app, as the platform's endpoint hands out its tokens.
//!
//! Ours and not the library's: that one reads the variables of the process itself, and keeps a token after the service that
//! it is for has refused it.
//!
//! Source: [REST endpoint reference](https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).

use std::fmt;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use jiff::Timestamp;
use reqwest::Url;
use runner::ports::{PortError, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Credential, Token};
use crate::http::{TIMEOUT_SECS, Transport, bounded};

const BACKEND: &str = "managed identity";
const API_VERSION: &str = "2019-08-01";

/// A system-assigned identity, or a user-assigned one by its client id.
pub(super) struct ManagedIdentity {
    transport: Transport,
    endpoint: Url,
    guard: Secret,
    resource: String,
    client_id: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    /// Seconds since 1970, as text or as a number.
    expires_on: Value,
}

impl ManagedIdentity {
    /// The identity behind an endpoint; `guard` shows it that we are the app.
    pub fn at(endpoint: Url, guard: Secret, scope: &str, client_id: Option<String>) -> Self {
        let transport = Transport::to(&[&endpoint], TIMEOUT_SECS);
        // The endpoint knows services, and no scopes.
        let resource = scope.trim_end_matches("/.default").to_owned();
        Self { transport, endpoint, guard, resource, client_id }
    }
}

#[async_trait]
impl Credential for ManagedIdentity {
    async fn token(&self) -> Result<Token> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("api-version", API_VERSION).append_pair("resource", &self.resource);
        if let Some(client_id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let asked = self.transport.client()?.get(url).header("X-IDENTITY-HEADER", self.guard.secret()).send().await;
        let response = asked.map_err(|error| PortError::transient(BACKEND, error.without_url()))?;
        let status = response.status();
        let body = bounded(response).await.map_err(|reason| PortError::transient(BACKEND, reason))?;
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(PortError::transient(BACKEND, format!("the endpoint of {} answers {status}", self.identity())));
        }
        let given: Given = serde_json::from_slice(&body).map_err(|_| {
            let reason = format!(
                "{} gets no token for {}: the endpoint answers {status}. Check that the identity is assigned to the app",
                self.identity(),
                self.resource
            );
            PortError::permanent(BACKEND, reason)
        })?;
        let seconds = given.expires_on.as_i64().or_else(|| given.expires_on.as_str()?.parse().ok());
        let expires_at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        // Without a time it is asked for anew each time, rather than kept for ever.
        Token::bearer(&given.access_token, Some(expires_at.unwrap_or(Timestamp::UNIX_EPOCH)))
    }

    fn identity(&self) -> String {
        match &self.client_id {
            Some(client_id) => format!("the managed identity {client_id}"),
            None => "the managed identity of the app".into(),
        }
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}
