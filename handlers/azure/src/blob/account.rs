//! Where an account is and what opens it: an address and an identity, or a connection string as `AzureWebJobsStorage`
//! holds one.
//!
//! Source: [Configure connection strings](https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use runner::ports::{PortError, Result};

use super::shared_key::AccountKey;
use crate::credential::{Anybody, Credential, Token};
use crate::http;

/// The account that the emulator makes, and the key that everybody knows.
const EMULATOR: (&str, &str) =
    ("devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");

/// An account, as far as one has to know it to call it.
#[derive(Debug)]
pub(super) struct Account {
    /// Of the account or, where somebody else made the address, of a container.
    pub address: Url,
    pub opened_by: Opener,
}

/// What opens it.
#[derive(Debug)]
pub(super) enum Opener {
    /// A token.
    Identity(Arc<dyn Credential>),
    /// The signature in the address.
    Signature,
    /// The account's key.
    Key(AccountKey),
}

impl Account {
    /// From settings.
    pub fn new(text: &str, credential: Arc<dyn Credential>) -> Result<Self> {
        let text = text.trim();
        if text.starts_with("http://") || text.starts_with("https://") {
            return Self::at(text, credential);
        }
        let parts: BTreeMap<_, _> = text.split(';').filter_map(|part| part.trim().split_once('=')).collect();
        let part = |name: &str| parts.get(name).copied().filter(|value| !value.is_empty());
        if part("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            let base = part("DevelopmentStorageProxyUri").unwrap_or("http://127.0.0.1").trim_end_matches('/');
            let address = checked(&format!("{base}:10000/{}", EMULATOR.0))?;
            return Ok(Self { address, opened_by: Opener::Key(AccountKey::new(EMULATOR.0, EMULATOR.1)?) });
        }
        let name = part("AccountName");
        let address = match (part("BlobEndpoint"), name) {
            (Some(endpoint), _) => checked(endpoint)?,
            (None, Some(name)) => {
                let protocol = part("DefaultEndpointsProtocol").unwrap_or("https");
                let suffix = part("EndpointSuffix").unwrap_or("core.windows.net");
                checked(&format!("{protocol}://{name}.blob.{suffix}"))?
            }
            (None, None) => return Err(unreadable("has neither BlobEndpoint nor AccountName")),
        };
        if let Some(signature) = part("SharedAccessSignature") {
            let mut address = address;
            address.set_query(Some(signature.trim_start_matches('?')));
            return Ok(Self { address, opened_by: Opener::Signature });
        }
        match (name, part("AccountKey")) {
            (Some(name), Some(key)) => Ok(Self { address, opened_by: Opener::Key(AccountKey::new(name, key)?) }),
            _ => Err(unreadable("has neither AccountKey (with AccountName) nor SharedAccessSignature")),
        }
    }

    /// An address, with the signature that opens it or without.
    pub fn at(text: &str, credential: Arc<dyn Credential>) -> Result<Self> {
        let address = checked(text)?;
        if address.query_pairs().any(|(name, _)| name == "sig") {
            return Ok(Self { address, opened_by: Opener::Signature });
        }
        // A token is sent in clear text only inside this machine, where tests are.
        if address.scheme() == "http" && !is_here(&address) {
            let reason = format!("{address} is not https, and a token would be there for everybody to read");
            return Err(PortError::permanent("settings", reason));
        }
        Ok(Self { address, opened_by: Opener::Identity(credential) })
    }

    /// Who calls.
    pub fn credential(&self) -> Arc<dyn Credential> {
        match &self.opened_by {
            Opener::Identity(credential) => credential.clone(),
            Opener::Signature => Arc::new(Opened("the shared access signature of the address".into())),
            Opener::Key(key) => Arc::new(Opened(format!("{key:?}"))),
        }
    }

    /// Whether it is the emulator's, which knows no versions of the last months.
    pub fn is_emulated(&self) -> bool {
        self.address.path_segments().and_then(|mut path| path.next()) == Some(EMULATOR.0)
    }
}

/// Whoever has what opens the account, by the name of that.
#[derive(Debug)]
struct Opened(String);

#[async_trait]
impl Credential for Opened {
    async fn token(&self) -> Result<Token> {
        Anybody.token().await
    }

    fn identity(&self) -> String {
        self.0.clone()
    }
}

/// Never shows what it was given: there may be a signature in it.
fn checked(text: &str) -> Result<Url> {
    let public = text.split('?').next().unwrap_or_default();
    http::address("the address of the storage account", public)?;
    http::address("the address of the storage account", text).map_err(|_| unreadable("has a wrong address in it"))
}

fn unreadable(why: &str) -> PortError {
    let reason = format!(
        "the storage account's setting {why}; it must be an address such as https://contoso.blob.core.windows.net or a \
         connection string, as the account's page \"Access keys\" shows it"
    );
    PortError::permanent("settings", reason)
}

fn is_here(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
