//! The way to a service: made when it is first needed, since reading the certificates of this machine takes longer than
//! all else that a start does.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, Url};
use runner::ports::{PortError, Result};

/// As much of an answer as is read.
pub(super) const BODY_MAX: usize = 32 << 20;
const CONNECT_SECS: u64 = 10;
/// From the first byte sent to the last byte read, unless settings say otherwise.
pub(crate) const TIMEOUT_SECS: u64 = 30;

/// A client that is not there yet.
#[derive(Debug)]
pub(crate) struct Transport {
    client: OnceLock<Client>,
    timeout_secs: u64,
    /// No address of it needs certificates.
    is_plain: bool,
    /// Certificates (PEM) of the only authorities that are trusted; None: those that this machine trusts.
    authorities: Option<Vec<u8>>,
}

impl Transport {
    /// The way to these addresses.
    pub fn to(addresses: &[&Url], timeout_secs: u64) -> Self {
        let is_plain = addresses.iter().all(|address| address.scheme() == "http");
        Self { client: OnceLock::new(), timeout_secs, is_plain, authorities: None }
    }

    /// Trusts these authorities (certificates as PEM) and nobody else: a cluster has one of its own.
    pub fn trusting(mut self, authorities: Vec<u8>) -> Self {
        self.authorities = Some(authorities);
        self
    }

    pub fn client(&self) -> Result<Client> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECS.min(self.timeout_secs)))
            .timeout(Duration::from_secs(self.timeout_secs))
            // Where a redirect leads is nobody's to see a token.
            .redirect(Policy::none());
        let impossible =
            |error: reqwest::Error| PortError::permanent("http", format!("no client can be made: {}", causes(&error)));
        if let Some(authorities) = &self.authorities {
            let trusted = Certificate::from_pem_bundle(authorities).map_err(impossible)?;
            if trusted.is_empty() {
                return Err(PortError::permanent("http", "an authority is to be trusted that has no certificate"));
            }
            builder = builder.tls_certs_only(trusted);
        } else if self.is_plain {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(impossible)?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

/// Why an answer is not there in full.
#[derive(Debug)]
pub(crate) enum Cut {
    TooLong(usize),
    Broken(String),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(most) => write!(f, "the answer has more than {} MiB", most >> 20),
            Self::Broken(why) => write!(f, "the answer broke off: {why}"),
        }
    }
}

/// Reads an answer, as much of it as is taken.
pub(crate) async fn bounded(response: Response) -> Result<Vec<u8>, Cut> {
    bounded_by(response, BODY_MAX).await
}

/// Reads an answer of so many bytes at most.
pub(super) async fn bounded_by(mut response: Response, most: usize) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Cut::TooLong(most)),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Cut::Broken(causes(&error.without_url()))),
        }
    }
}

/// A setting that must be an address.
pub(crate) fn address(what: &str, text: &str) -> Result<Url> {
    let reason = |why: &str| {
        PortError::permanent(
            "settings",
            format!("{what} is {text:?}, {why}; it must look like https://host or https://host/path"),
        )
    };
    let url = Url::parse(text).map_err(|error| reason(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(reason("which is not of the web"));
    }
    Ok(url)
}

/// An address below another one, each segment and value written so that it stays one.
pub(crate) fn join(base: &Url, segments: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("settings are checked").pop_if_empty().extend(segments);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// An error with all that is behind it: reqwest says the why only there.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
