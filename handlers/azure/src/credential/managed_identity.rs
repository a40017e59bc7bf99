//! The identity that Azure gives to a Functions app, as the platform's endpoint hands out its tokens.
//!
//! Source: [REST endpoint reference](https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Url;
use runner::ports::{PortError, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Credential, Token};
use crate::http::{self, TIMEOUT_SECS, Transport, bounded};

const BACKEND: &str = "managed identity";
const API_VERSION: &str = "2019-08-01";

/// A system-assigned identity, or a user-assigned one by its client id.
pub struct ManagedIdentity {
    transport: Transport,
    endpoint: Url,
    secret: String,
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
    /// Azure DevOps, as a resource that tokens are for. It has no readable name.
    pub const AZURE_DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798";

    /// The identity behind an endpoint.
    ///
    /// # Errors
    ///
    /// The endpoint is no address.
    pub fn at(endpoint: &str, secret: &str, resource: &str, client_id: Option<String>) -> Result<Self> {
        let endpoint = http::address("IDENTITY_ENDPOINT", endpoint)?;
        let (secret, resource) = (secret.to_owned(), resource.to_owned());
        let transport = Transport::to(&[&endpoint], TIMEOUT_SECS);
        Ok(Self { transport, endpoint, secret, resource, client_id })
    }

    /// The identity of the app that this runs in.
    ///
    /// # Errors
    ///
    /// It does not run in an app with an identity.
    pub fn of_this_app(resource: &str, client_id: Option<String>) -> Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                let reason = format!("{name} is not set: switch on the app's managed identity, or set a token");
                PortError::permanent(BACKEND, reason)
            })
        };
        Self::at(&variable("IDENTITY_ENDPOINT")?, &variable("IDENTITY_HEADER")?, resource, client_id)
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
        let asked = self.transport.client()?.get(url).header("X-IDENTITY-HEADER", &self.secret).send().await;
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
