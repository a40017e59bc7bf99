//! One container, of ours or of somebody else.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use azure_core::http::{ClientOptions, RetryOptions, Transport as CrateTransport};
use azure_storage_blob::models::{BlobClientDownloadOptions, BlobContainerClientListBlobsOptions};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures::TryStreamExt as _;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};

use super::account::{Account, Opener};
use super::shared_key::SharedKey;
use super::wire::{LIST, READ, REMOVE, Wire};
use super::{BlobSettings, PART, SERVICE};
use crate::credential::Credential;
use crate::http::{CallError, Client, Kind, Patience, Right, TIMEOUT_SECS, Transport};

mod write;

pub(super) use write::Condition;

/// The newest version that the emulator knows. `startFrom` came with 2026-02-06; Azure is called with the crate's own
/// version, which is newer.
const EMULATED_VERSION: &str = "2025-11-05";
/// Blocks of one blob under way at once.
const PARTS_AT_ONCE: usize = 4;
/// Names of one answer, at most.
const PAGE_MAX: usize = 5000;
/// As many names as are read of a container before it is taken for the wrong one.
const NAMES_MAX: usize = 200_000;
const NO_BLOB: &str = "BlobNotFound";
const NO_CONTAINER: &str = "ContainerNotFound";

/// A container of blobs, read and written whole.
pub(crate) struct Container {
    wire: Arc<Wire>,
    client: BlobContainerClient,
    /// Its address, without what opens it.
    place: String,
    /// It is made when it is not there.
    is_ours: bool,
    /// As much as one request carries, up and down, in bytes. What is larger goes in blocks.
    part: NonZero<usize>,
}

/// A blob as it was read.
#[derive(Debug)]
pub(super) struct Blob {
    pub version: String,
    pub body: Vec<u8>,
}

/// Some names, in their order.
#[derive(Debug)]
pub(super) struct Page {
    pub blobs: Vec<(String, u64)>,
    /// Where the next ones begin.
    pub marker: Option<String>,
}

impl Container {
    /// Somebody's container by its address, `https://account.blob.core.windows.net/container`. Where the address has a
    /// shared access signature in its query, that opens it and the credential is not used. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// The address is none, or is not https and would carry a token.
    pub fn at(url: &str, credential: Arc<dyn Credential>, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::of(Account::at(url, credential)?, TIMEOUT_SECS, PART, clock, false)
    }

    /// A container of ours.
    pub(super) fn ours(mut account: Account, settings: &BlobSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Ok(mut path) = account.address.path_segments_mut() {
            path.pop_if_empty().push(&settings.container);
        }
        Self::of(account, settings.timeout_secs, settings.part_bytes, clock, true)
    }

    fn of(
        account: Account,
        timeout_secs: u64,
        part: NonZero<usize>,
        clock: Arc<dyn Clock>,
        is_ours: bool,
    ) -> Result<Self> {
        let transport = Transport::to(&[&account.address], timeout_secs);
        let client = Client::new(SERVICE, transport, HeaderMap::new(), account.credential(), clock.clone());
        let wire = Arc::new(Wire(client.with_patience(Patience::SHORT)));
        let is_emulated = account.is_emulated();
        let mut options = BlobContainerClientOptions {
            client_options: ClientOptions {
                retry: RetryOptions::none(),
                transport: Some(CrateTransport::new(wire.clone())),
                ..ClientOptions::default()
            },
            ..BlobContainerClientOptions::default()
        };
        if is_emulated {
            options.version = EMULATED_VERSION.into();
        }
        if let Opener::Key(key) = account.opened_by {
            options.client_options.per_try_policies.push(Arc::new(SharedKey { key, clock }));
        }
        let mut place = account.address.clone();
        place.set_query(None);
        let client = BlobContainerClient::new(account.address, None, Some(options))
            .map_err(|error| PortError::permanent("settings", format!("{place} is no container: {error}")))?;
        Ok(Self { wire, client, place: place.into(), is_ours, part })
    }

    /// All blobs whose names begin with `prefix`, in the order of their names, with their sizes in bytes. A container that
    /// is not there has none.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let (mut blobs, mut marker) = (Vec::new(), None);
        loop {
            let page = self.page(prefix, None, marker, PAGE_MAX).await?;
            blobs.extend(page.blobs);
            if blobs.len() > NAMES_MAX {
                let reason = format!("{} has more than {NAMES_MAX} blobs below {prefix:?}", self.place);
                return Err(PortError::permanent(SERVICE, reason));
            }
            match page.marker {
                Some(next) => marker = Some(next),
                None => return Ok(blobs),
            }
        }
    }

    /// A blob, if there is one. It is read into memory as a whole.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read(name).await?.map(|blob| blob.body))
    }

    /// A blob and its version, if there is one: one request, as long as it is not larger than a part.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Blob>> {
        let options = BlobClientDownloadOptions {
            parallel: NonZero::new(PARTS_AT_ONCE),
            partition_size: Some(self.part),
            ..BlobClientDownloadOptions::default()
        };
        let read = async {
            let result = self.client.blob_client(name).download(Some(options)).await?;
            let version = result.properties.etag.map(String::from);
            Ok((version, result.body.collect().await?))
        };
        match self.unless_absent(&READ, read.await)? {
            None => Ok(None),
            Some((Some(version), body)) => Ok(Some(Blob { version, body: body.into() })),
            Some((None, _)) => Err(self.error(&READ, &unversioned())),
        }
    }

    /// Whether bytes of this length go in blocks.
    pub(super) fn splits(&self, length: usize) -> bool {
        length > self.part.get()
    }

    /// Whether there is such a blob.
    pub(super) async fn has(&self, name: &str) -> Result<bool> {
        let looked = self.client.blob_client(name).get_properties(None).await;
        Ok(self.unless_absent(&READ, looked)?.is_some())
    }

    /// Removes a blob, if there is one.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let removed = self.client.blob_client(name).delete(None).await;
        self.unless_absent(&REMOVE, removed).map(|_| ())
    }

    /// Up to `limit` names that begin with `prefix`, from `start` on where the service knows how to (the emulator begins at
    /// the first one).
    pub(super) async fn page(
        &self,
        prefix: &str,
        start: Option<&str>,
        marker: Option<String>,
        limit: usize,
    ) -> Result<Page> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            start_from: start.map(str::to_owned),
            marker,
            maxresults: i32::try_from(limit.clamp(1, PAGE_MAX)).ok(),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let asked = async {
            let mut pages = self.client.list_blobs(Some(options))?.into_pages();
            pages.try_next().await?.map(|page| page.into_model()).transpose()
        };
        let Some(found) = self.unless_absent(&LIST, asked.await)?.flatten() else {
            return Ok(Page { blobs: Vec::new(), marker: None });
        };
        let size = |properties: Option<azure_storage_blob::models::BlobProperties>| {
            properties.and_then(|properties| properties.content_length).unwrap_or_default()
        };
        let blobs = found.blob_items.into_iter().filter_map(|blob| Some((blob.name?, size(blob.properties))));
        Ok(Page { blobs: blobs.collect(), marker: found.next_marker.filter(|marker| !marker.is_empty()) })
    }

    fn unless_absent<T>(&self, right: &Right, result: azure_core::Result<T>) -> Result<Option<T>> {
        match result.map_err(|error| self.wire.error(right, &error)) {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.code.as_str(), NO_BLOB | NO_CONTAINER) => Ok(None),
            Err(error) => Err(self.placed(error)),
        }
    }

    fn error(&self, right: &Right, error: &azure_core::Error) -> PortError {
        self.placed(self.wire.error(right, error))
    }

    /// The port's error, with where it happened.
    fn placed(&self, error: CallError) -> PortError {
        // A container that was just made may not be there for everybody yet.
        let is_new = self.is_ours && error.code == NO_CONTAINER;
        let reason = format!("{error} [{}]", self.place);
        match error.kind {
            Kind::Unavailable => PortError::transient(SERVICE, reason),
            _ if is_new => PortError::transient(SERVICE, reason),
            _ => PortError::permanent(SERVICE, reason),
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.place, self.wire.0.identity())
    }
}

fn unversioned() -> azure_core::Error {
    azure_core::Error::with_message(azure_core::error::ErrorKind::DataConversion, "it has no ETag")
}
