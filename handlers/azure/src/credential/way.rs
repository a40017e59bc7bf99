//! The way to Entra ID: the client of all our calls, beneath the library that asks for tokens.

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request};
use reqwest::Url;

use crate::http::{TIMEOUT_SECS, Transport, bounded, join};

/// Sends what the library wants sent, over a client that is made when it is first needed.
#[derive(Debug)]
pub(super) struct Way {
    transport: Transport,
    /// Where it goes, whatever the library thinks: that one takes addresses of `https` alone.
    authority: Url,
}

impl Way {
    pub fn to(authority: Url) -> Self {
        Self { transport: Transport::to(&[&authority], TIMEOUT_SECS), authority }
    }

    fn address(&self, wanted: &Url) -> Url {
        join(&self.authority, &wanted.path_segments().into_iter().flatten().collect::<Vec<_>>(), &[])
    }
}

#[async_trait]
impl HttpClient for Way {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let failed = |kind, error: String| Error::with_message(kind, error);
        let client = self.transport.client().map_err(|error| failed(ErrorKind::Other, error.to_string()))?;
        let method = if request.method() == Method::Post { reqwest::Method::POST } else { reqwest::Method::GET };
        let mut sent = client.request(method, self.address(request.url()));
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        if let Body::Bytes(bytes) = request.body() {
            sent = sent.body(bytes.clone());
        }
        // Without the address: nothing that is in it is for people.
        let response = sent.send().await.map_err(|error| {
            let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
            failed(kind, format!("no answer: {}", error.without_url()))
        })?;
        let status = response.status().as_u16();
        let body = bounded(response).await.map_err(|cut| failed(ErrorKind::Io, cut.to_string()))?;
        Ok(AsyncRawResponse::from_bytes(status.into(), Headers::new(), body))
    }
}
