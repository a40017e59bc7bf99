//! Signs requests with an account's key, as connection strings have one. The storage crate takes tokens and shared access
//! signatures only.
//!
//! Source: [Authorize with Shared Key](https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::hmac::hmac_sha256;
use azure_core::http::headers::HeaderName;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::fmt::rfc2822::DateTimePrinter;
use runner::ports::{Clock, PortError, Result};

/// Standard headers that are signed by their place, not by their name. The length is signed between the second and the
/// third, and the date is one of the `x-ms-` headers.
const BEFORE_LENGTH: [&str; 2] = ["content-encoding", "content-language"];
const AFTER_LENGTH: [&str; 8] = [
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// An account's key.
#[derive(Clone)]
pub(super) struct AccountKey {
    account: String,
    key: Secret,
}

/// Signs with it.
#[derive(Debug)]
pub(super) struct SharedKey {
    pub key: AccountKey,
    pub clock: Arc<dyn Clock>,
}

impl AccountKey {
    /// One that was given as Base64.
    pub fn new(account: &str, key: &str) -> Result<Self> {
        if BASE64.decode(key).is_err() {
            let reason = format!("the AccountKey of {account} is not Base64; copy the connection string again");
            return Err(PortError::permanent("settings", reason));
        }
        Ok(Self { account: account.to_owned(), key: Secret::new(key.to_owned()) })
    }

    /// What is signed of a request.
    fn text(&self, request: &Request) -> String {
        let header = |name: &'static str| {
            request.headers().get_optional_str(&HeaderName::from_static(name)).unwrap_or_default().to_owned()
        };
        let length = request.body().len().filter(|length| *length > 0).map(|length| length.to_string());
        let mut lines = vec![request.method().as_str().to_owned()];
        lines.extend(BEFORE_LENGTH.map(header));
        lines.push(length.unwrap_or_default());
        lines.extend(AFTER_LENGTH.map(header));
        let own = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-ms-"));
        let own: BTreeMap<_, _> = own.map(|(name, value)| (name.as_str(), value.as_str().trim())).collect();
        lines.extend(own.iter().map(|(name, value)| format!("{name}:{value}")));
        lines.push(format!("/{}{}", self.account, request.url().path()));
        let mut query = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in request.url().query_pairs() {
            query.entry(name.to_lowercase()).or_default().push(value.into_owned());
        }
        lines.extend(query.iter_mut().map(|(name, values)| {
            values.sort();
            format!("{name}:{}", values.join(","))
        }));
        lines.join("\n")
    }
}

#[async_trait::async_trait]
impl Policy for SharedKey {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&self.clock.now());
        let now = now.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Other, error))?;
        request.insert_header("x-ms-date", now);
        let signature = hmac_sha256(&self.key.text(request), &self.key.key)?;
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.key.account));
        next[0].send(context, request, &next[1..]).await
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key of the account {}", self.account)
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::{Method, Url};

    use super::*;

    #[test]
    fn a_request_is_signed_by_its_parts_in_their_order() {
        let url =
            Url::parse("http://127.0.0.1:10000/contoso/box/a%2Fb?restype=container&Comp=list&prefix=x%20y").unwrap();
        let mut request = Request::new(url, Method::Put);
        request.insert_header("x-ms-version", "2025-11-05");
        request.insert_header("content-type", "application/json");
        request.insert_header("if-none-match", "*");
        request.insert_header("x-ms-date", "Thu, 01 Jan 2026 00:00:00 GMT");
        request.set_body("{}");

        let text = AccountKey::new("contoso", "a2V5").unwrap().text(&request);

        let wanted = "PUT\n\n\n2\n\napplication/json\n\n\n\n*\n\n\nx-ms-date:Thu, 01 Jan 2026 00:00:00 GMT\n\
                      x-ms-version:2025-11-05\n/contoso/contoso/box/a%2Fb\ncomp:list\nprefix:x y\nrestype:container";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_key_is_base64_and_never_shown() {
        let key = AccountKey::new("contoso", "c2VjcmV0").unwrap();
        assert_eq!(format!("{key:?}"), "the key of the account contoso");
        let error = AccountKey::new("contoso", "s3cr3t!").unwrap_err().to_string();
        assert!(error.contains("not Base64") && !error.contains("s3cr3t"), "{error}");
    }
}
