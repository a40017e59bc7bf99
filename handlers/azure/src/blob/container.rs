//! One container, of ours or of somebody else.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use azure_core::http::{ClientOptions, Etag, RetryOptions, Transport as CrateTransport};
use azure_core::{Bytes, Uuid};
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures::TryStreamExt as _;
use reqwest::header::HeaderMap;
use runner::ports::{Clock, PortError, Result};

use super::SERVICE;
use super::account::{Account, Opener};
use super::shared_key::SharedKey;
use super::wire::{LIST, MAKE, READ, REMOVE, WRITE, Wire};
use crate::credential::Credential;
use crate::http::{CallError, Client, Kind, Patience, Right, TIMEOUT_SECS, Transport};

/// The newest version that the emulator knows. It has no `startFrom`.
const EMULATED_VERSION: &str = "2025-11-05";
/// As much as one request carries, up and down. What is larger goes in blocks, some at a time.
const PART: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 4;
/// Names of one answer, at most.
const PAGE_MAX: usize = 5000;
/// As many names as are read of a container before it is taken for the wrong one.
const NAMES_MAX: usize = 200_000;
/// The metadata by which a write knows itself again.
const MARK: &str = "trainyard_write";

/// A container of blobs, read and written whole.
pub(crate) struct Container {
    wire: Arc<Wire>,
    client: BlobContainerClient,
    /// Its address, without what opens it.
    place: String,
    /// It is made when it is not there.
    is_ours: bool,
}

/// A blob as it was read.
#[derive(Debug)]
pub(super) struct Blob {
    pub version: String,
    pub body: Vec<u8>,
}

/// What a blob must be for a write to happen.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Absent,
    Version(String),
    None,
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
        Self::of(Account::at(url, credential)?, TIMEOUT_SECS, clock, false)
    }

    /// A container of ours.
    pub(super) fn ours(mut account: Account, name: &str, timeout_secs: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut path = account.address.path_segments_mut().expect("the address is checked");
        path.pop_if_empty().push(name);
        drop(path);
        Self::of(account, timeout_secs, clock, true)
    }

    fn of(account: Account, timeout_secs: u64, clock: Arc<dyn Clock>, is_ours: bool) -> Result<Self> {
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
        Ok(Self { wire, client, place: place.into(), is_ours })
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

    /// Writes a blob, whatever was there.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.write(name, bytes, Condition::None).await.map(|_| ())
    }

    /// A blob and its version, if there is one: one request, as long as it is not larger than a part.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Blob>> {
        let options = BlobClientDownloadOptions {
            parallel: NonZero::new(PARTS_AT_ONCE),
            partition_size: NonZero::new(PART),
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

    /// Writes a blob and answers its new version; None: it is not what it must be, and stays.
    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<String>> {
        let bytes = Bytes::from(bytes);
        let mark = (!matches!(condition, Condition::None)).then(|| Uuid::new_v4().to_string());
        let mut written = self.upload(name, &bytes, &condition, mark.as_deref()).await;
        if self.is_ours && written.as_ref().is_err_and(|error| error.code == "ContainerNotFound") {
            self.make().await?;
            written = self.upload(name, &bytes, &condition, mark.as_deref()).await;
        }
        match (written, mark) {
            (Ok(version), _) => Ok(Some(version)),
            (Err(error), Some(mark)) if is_conflict(&error) => self.written_before(name, &mark).await,
            (Err(error), _) => Err(self.placed(error)),
        }
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

    async fn upload(
        &self,
        name: &str,
        bytes: &Bytes,
        condition: &Condition,
        mark: Option<&str>,
    ) -> Result<String, CallError> {
        let mut options = BlobClientUploadOptions {
            metadata: mark.map(|mark| HashMap::from([(MARK.to_owned(), mark.to_owned())])),
            parallel: NonZero::new(PARTS_AT_ONCE),
            partition_size: NonZero::new(PART as u64),
            ..BlobClientUploadOptions::default()
        };
        match condition {
            Condition::Absent => options.if_none_match = Some(Etag::from("*")),
            Condition::Version(version) => options.if_match = Some(Etag::from(version.as_str())),
            Condition::None => {}
        }
        let written = self.client.blob_client(name).upload(bytes.clone().into(), Some(options)).await;
        let written = written.map_err(|error| self.wire.error(&WRITE, &error))?;
        written.etag.map(String::from).ok_or_else(|| self.wire.error(&WRITE, &unversioned()))
    }

    /// A write whose answer was lost is refused when it is tried again: it is in its own way. It is known by its mark.
    async fn written_before(&self, name: &str, mark: &str) -> Result<Option<String>> {
        use azure_storage_blob::models::BlobClientGetPropertiesResultHeaders as _;

        let looked = self.client.blob_client(name).get_properties(None).await;
        let Some(found) = self.unless_absent(&READ, looked)? else { return Ok(None) };
        let marks = found.metadata().map_err(|error| self.error(&READ, &error))?;
        if marks.get(MARK).is_none_or(|found| found != mark) {
            return Ok(None);
        }
        let version = found.etag().map_err(|error| self.error(&READ, &error))?;
        version.map(|version| Some(version.into())).ok_or_else(|| self.error(&READ, &unversioned()))
    }

    /// Makes the container, unless somebody else has meanwhile.
    async fn make(&self) -> Result<()> {
        match self.client.create(None).await.map_err(|error| self.wire.error(&MAKE, &error)) {
            Err(error) if error.code != "ContainerAlreadyExists" => Err(self.placed(error)),
            _ => Ok(()),
        }
    }

    fn unless_absent<T>(&self, right: &Right, result: azure_core::Result<T>) -> Result<Option<T>> {
        match result.map_err(|error| self.wire.error(right, &error)) {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.code.as_str(), "BlobNotFound" | "ContainerNotFound") => Ok(None),
            Err(error) => Err(self.placed(error)),
        }
    }

    fn error(&self, right: &Right, error: &azure_core::Error) -> PortError {
        self.placed(self.wire.error(right, error))
    }

    /// The port's error, with where it happened.
    fn placed(&self, error: CallError) -> PortError {
        // A container that was just made may not be there for everybody yet.
        let is_new = self.is_ours && error.code == "ContainerNotFound";
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

fn is_conflict(error: &CallError) -> bool {
    matches!((error.status, error.code.as_str()), (409, "BlobAlreadyExists") | (412, "ConditionNotMet"))
}

fn unversioned() -> azure_core::Error {
    azure_core::Error::with_message(azure_core::error::ErrorKind::DataConversion, "it has no ETag")
}
