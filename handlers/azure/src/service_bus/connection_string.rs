//! Connection strings, as the portal and the emulators give them.

use std::fmt;
use std::sync::Arc;

use runner::ports::{Clock, PortError, Result};

use super::shared_access::SharedAccess;
use super::{ServiceBusSettings, ServiceBusTransport, message_bytes_max, timeout_secs};
use crate::credential::Credential;

/// Where a namespace is, and a key to it:
/// `Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=sender;SharedAccessKey=...`.
/// With `UseDevelopmentEmulator=true` it is an emulator.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    namespace: String,
    rule: String,
    key: String,
    is_emulator: bool,
}

impl ConnectionString {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// It has no endpoint or no key, or it is of one queue alone. The text itself is not in the error.
    pub fn parse(text: &str) -> Result<Self> {
        let part = |wanted: &str| {
            let mut parts = text.split(';').filter_map(|part| part.split_once('='));
            let found = parts.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let needed = |name: &str| {
            part(name).ok_or_else(|| {
                wrong(&format!("has no {name}; copy the primary connection string of a rule of the namespace"))
            })
        };
        if part("EntityPath").is_some() {
            return Err(wrong("is of one queue alone (EntityPath); take the one of a rule of the namespace"));
        }
        let endpoint = needed("Endpoint")?;
        let host = endpoint.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sb"));
        let host = host.map(|(_, host)| host.trim_end_matches('/')).filter(|host| !host.is_empty());
        Ok(Self {
            namespace: host.ok_or_else(|| wrong("has an Endpoint that does not look like sb://host/"))?.to_owned(),
            rule: needed("SharedAccessKeyName")?.to_owned(),
            key: needed("SharedAccessKey")?.to_owned(),
            is_emulator: part("UseDevelopmentEmulator").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        })
    }

    /// Settings for the namespace.
    #[must_use]
    pub fn settings(&self) -> ServiceBusSettings {
        ServiceBusSettings {
            namespace: self.namespace.clone(),
            transport: ServiceBusTransport::Amqp,
            is_emulator: self.is_emulator,
            base: None,
            message_bytes_max: message_bytes_max(),
            timeout_secs: timeout_secs(),
        }
    }

    /// The key, which signs for one hour at a time.
    #[must_use]
    pub fn credential(&self, clock: Arc<dyn Clock>) -> Arc<dyn Credential> {
        Arc::new(SharedAccess::new(self.namespace.clone(), self.rule.clone(), self.key.clone(), clock))
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {} of {}", self.rule, self.namespace)
    }
}

fn wrong(why: &str) -> PortError {
    PortError::permanent("settings", format!("the connection string of Service Bus {why}"))
}
