//! Azure Blob Storage: documents and large objects, in one container of an account.
//!
//! ```text
//! documents/<key>           versioned documents; a version is the blob's ETag
//! artifacts/sha256/<hex>    large objects by their digest; made once, never changed
//! ```
//!
//! A document is read and written by one request each. The container is made when a first write finds none. Names are
//! listed by the service in byte order and from any of them on, so a page costs the same at any age of the history. It
//! must be an account without hierarchical namespace: there a key could not be another one's folder.
//!
//! Requests are those of the crate `azure_storage_blob`; they go the way of all our calls ([`wire`]).
//!
//! Sources: [Blob service REST API](https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api),
//! [Conditional headers](https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations).

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use runner::ports::{Clock, PortError, Result};
use serde::Deserialize;

use crate::credential::Credential;
use crate::http;

mod account;
mod artifacts;
mod container;
mod shared_key;
mod store;
#[cfg(test)]
mod tests;
mod wire;

use account::Account;
pub(crate) use container::Container;

const SERVICE: &str = "Azure Blob Storage";
/// More than any document has, and little enough for a slow line.
const PART: NonZero<usize> = NonZero::new(4 << 20).expect("it is not zero");

/// Which account, and which container of it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobSettings {
    /// The account's address, `https://contoso.blob.core.windows.net`, which an identity opens that has the role "Storage
    /// Blob Data Contributor"; or a connection string, as `AzureWebJobsStorage` holds one, with a key, a shared access
    /// signature or `UseDevelopmentStorage=true`. It may be a secret and is not shown.
    pub account: String,
    /// The container: 3 to 63 lower-case letters, digits and hyphens.
    #[serde(default = "container")]
    pub container: String,
    /// How long one request may take, in seconds.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// As much as one request carries, in bytes. A larger document or object goes in several, some of them at once.
    #[serde(default = "part_bytes")]
    pub part_bytes: NonZero<usize>,
}

impl BlobSettings {
    /// The container `trainyard` of an account.
    pub fn new(account: impl Into<String>) -> Self {
        Self { account: account.into(), container: container(), timeout_secs: timeout_secs(), part_bytes: PART }
    }
}

impl fmt::Debug for BlobSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobSettings").field("container", &self.container).finish_non_exhaustive()
    }
}

fn container() -> String {
    "trainyard".into()
}

fn timeout_secs() -> u64 {
    http::TIMEOUT_SECS
}

fn part_bytes() -> NonZero<usize> {
    PART
}

/// Documents ([`Store`](runner::ports::Store)) and large objects ([`Artifacts`](runner::ports::Artifacts)) in a container.
#[derive(Debug)]
pub struct BlobStorage {
    container: Container,
}

impl BlobStorage {
    /// The container that these settings are about. Nothing is asked and nothing read before the first call. The
    /// credential is for the resource `https://storage.azure.com` and is used where the setting has no key or signature.
    ///
    /// # Errors
    ///
    /// A setting is not what it must be.
    pub fn new(settings: &BlobSettings, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        let account = Account::new(&settings.account, credential)?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = settings.container.as_str();
        if !(3..=63).contains(&name.len()) || !name.chars().all(is_name) || name.starts_with('-') || name.ends_with('-')
        {
            let reason = format!("{name:?} is no name of a container: 3 to 63 lower-case letters, digits and hyphens");
            return Err(PortError::permanent("settings", reason));
        }
        let container = Container::ours(account, settings, clock)?;
        Ok(Self { container })
    }
}

impl fmt::Display for BlobStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SERVICE} {}", self.container)
    }
}
