//! Shared access signatures: what a connection string's key opens.
//!
//! Source: [Service Bus access control with shared access signatures](https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas).

use std::fmt::{self, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use jiff::SignedDuration;
use runner::ports::{Clock, Result};
use sha2::Sha256;

use crate::credential::{Credential, Token};

/// How long a signature is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// A key of a namespace. It signs for the whole namespace, and so for each queue.
pub(super) struct SharedAccess {
    host: String,
    rule: String,
    key: String,
    clock: Arc<dyn Clock>,
}

impl SharedAccess {
    pub fn new(host: String, rule: String, key: String, clock: Arc<dyn Clock>) -> Self {
        Self { host, rule, key, clock }
    }
}

#[async_trait]
impl Credential for SharedAccess {
    async fn token(&self) -> Result<Token> {
        let expires_at = self.clock.now() + LIFETIME;
        let (resource, expiry) = (encoded(&format!("sb://{}/", self.host)), expires_at.as_second());
        let mut signature = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("a key of any length is taken");
        signature.update(format!("{resource}\n{expiry}").as_bytes());
        let signature = encoded(&BASE64.encode(signature.finalize().into_bytes()));
        let rule = encoded(&self.rule);
        Token::of(
            &format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}"),
            Some(expires_at),
        )
    }

    fn identity(&self) -> String {
        format!("the shared access key {} (it needs the claim Send)", self.rule)
    }
}

impl fmt::Debug for SharedAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identity())
    }
}

/// With percent signs for all that is special in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all");
        }
    }
    encoded
}
