//! The way on which the storage crate calls the service: our own client, so that tokens, patience, records and connections
//! are those of all other services. The crate tries nothing again and asks for no token itself.

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName as CrateName, HeaderValue as CrateValue, Headers};
use azure_core::http::{AsyncRawResponse, Body as CrateBody, HttpClient, Method as CrateMethod, Request};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::SERVICE;
use crate::http::{Body, Call, CallError, Client, Right};
use crate::roles;

/// On every answer of the service, and on none of what stands between it and us.
const SIGN: &str = "x-ms-request-id";
/// What the caller makes something of: not there, there already, another version, nothing in this range.
const ANSWERS: &[u16] = &[404, 409, 412, 416];

pub(super) const READ: Right = Right::role("read a blob", roles::BLOBS);
pub(super) const LIST: Right = Right::role("list blobs", roles::BLOBS);
pub(super) const WRITE: Right = Right::role("write a blob", roles::BLOBS);
pub(super) const REMOVE: Right = Right::role("delete a blob", roles::BLOBS);
pub(super) const MAKE: Right = Right::role("make a container", roles::BLOB_CONTAINERS);

/// Carries the crate's requests.
#[derive(Debug)]
pub(super) struct Wire(pub Client);

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.0.call(call(request)?).await.map_err(|error| {
            let said = error.to_string();
            azure_core::Error::with_error(ErrorKind::Other, error, said)
        })?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = value.to_str().ok()?.to_owned();
            Some((CrateName::from(name.as_str().to_owned()), CrateValue::from(value)))
        };
        let headers: std::collections::HashMap<_, _> = answer.headers.iter().filter_map(text).collect();
        Ok(AsyncRawResponse::from_bytes(answer.status.as_u16().into(), Headers::from(headers), answer.body))
    }
}

impl Wire {
    /// What an error of the crate is in our words.
    pub fn error(&self, right: &Right, error: &azure_core::Error) -> CallError {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(ours) = error.downcast_ref::<CallError>() {
                return ours.clone();
            }
            cause = error.source();
        }
        if let ErrorKind::HttpResponse { status, raw_response: Some(raw), .. } = error.kind()
            && let Ok(status) = StatusCode::from_u16(**status)
        {
            let headers = raw.headers().iter().filter_map(|(name, value)| header(name.as_str(), value.as_str()).ok());
            let headers = headers.collect();
            return CallError::of(SERVICE, &self.0.identity(), right, status, &headers, raw.body(), self.0.now());
        }
        let reason = format!("could not {}: the answer cannot be read: {error}", right.action);
        CallError::unavailable(SERVICE, reason)
    }
}

fn call(request: &Request) -> azure_core::Result<Call<'static>> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers().iter() {
        let (name, mut value) = header(name.as_str(), value.as_str())?;
        value.set_sensitive(name == AUTHORIZATION);
        // The length is that of the body. Of none it must be said: the service refuses a `PUT` without it.
        if name != CONTENT_LENGTH || value == "0" {
            headers.insert(name, value);
        }
    }
    let body = match request.body() {
        CrateBody::Bytes(bytes) if bytes.is_empty() => Body::Nothing,
        CrateBody::Bytes(bytes) => Body::Plain(bytes.clone()),
        CrateBody::SeekableStream(_) => {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "only bytes are sent, never a stream"));
        }
    };
    let method = Method::from_bytes(request.method().as_str().as_bytes())
        .map_err(|error| azure_core::Error::new(ErrorKind::Other, error))?;
    let call = Call::new(method, request.url().clone(), body, right(request));
    Ok(call.with_all(headers).signed_by(SIGN, ANSWERS))
}

/// What a request takes, by what it does.
fn right(request: &Request) -> &'static Right {
    let has = |name: &str, value: &str| request.url().query_pairs().any(|pair| pair.0 == name && pair.1 == value);
    match request.method() {
        CrateMethod::Get if has("comp", "list") => &LIST,
        CrateMethod::Get | CrateMethod::Head => &READ,
        CrateMethod::Delete => &REMOVE,
        _ if has("restype", "container") => &MAKE,
        _ => &WRITE,
    }
}

fn header(name: &str, value: &str) -> azure_core::Result<(HeaderName, HeaderValue)> {
    let wrong = |_| azure_core::Error::with_message(ErrorKind::Other, format!("the header {name} takes no such value"));
    let value = HeaderValue::from_str(value).map_err(wrong)?;
    let name = HeaderName::from_bytes(name.as_bytes());
    let name = name.map_err(|_| azure_core::Error::with_message(ErrorKind::Other, "this is no name of a header"))?;
    Ok((name, value))
}
