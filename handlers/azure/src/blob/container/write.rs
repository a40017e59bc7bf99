//! Writes: conditional, repeatable, and into a container that may have to be made first.

use std::collections::HashMap;
use std::num::NonZero;

use azure_core::http::Etag;
use azure_core::{Bytes, Uuid};
use azure_storage_blob::models::{BlobClientGetPropertiesResultHeaders as _, BlobClientUploadOptions};
use runner::ports::Result;

use super::{Container, NO_CONTAINER, PARTS_AT_ONCE, unversioned};
use crate::blob::wire::{MAKE, READ, WRITE};
use crate::http::CallError;

/// The metadata by which a write knows itself again.
const MARK: &str = "trainyard_write";

/// What a blob must be for a write to happen.
#[derive(Debug, Clone)]
pub(in crate::blob) enum Condition {
    Absent,
    Version(String),
    None,
}

impl Container {
    /// Writes a blob, whatever was there.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let written = self.upload(name, bytes.into(), &Condition::None, "").await;
        written.map(|_| ()).map_err(|error| self.placed(error))
    }

    /// Writes a blob and answers its new version; None: it is not what it must be, and stays.
    pub(in crate::blob) async fn write(
        &self,
        name: &str,
        bytes: Vec<u8>,
        condition: Condition,
    ) -> Result<Option<String>> {
        let mark = Uuid::new_v4().to_string();
        match self.upload(name, bytes.into(), &condition, &mark).await {
            Ok(version) => Ok(Some(version)),
            Err(error) if is_conflict(&error) => self.written_before(name, &mark).await,
            Err(error) => Err(self.placed(error)),
        }
    }

    /// Writes a blob that nobody changes, unless it is there.
    pub(in crate::blob) async fn write_once(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        match self.upload(name, bytes.into(), &Condition::Absent, "").await {
            Err(error) if !is_conflict(&error) => Err(self.placed(error)),
            _ => Ok(()),
        }
    }

    /// Writes, and makes our container first where it is missing.
    async fn upload(&self, name: &str, bytes: Bytes, condition: &Condition, mark: &str) -> Result<String, CallError> {
        match self.try_upload(name, bytes.clone(), condition, mark).await {
            Err(error) if self.is_ours && error.code == NO_CONTAINER => {
                self.make().await?;
                self.try_upload(name, bytes, condition, mark).await
            }
            other => other,
        }
    }

    async fn try_upload(
        &self,
        name: &str,
        bytes: Bytes,
        condition: &Condition,
        mark: &str,
    ) -> Result<String, CallError> {
        let mut options = BlobClientUploadOptions {
            parallel: NonZero::new(PARTS_AT_ONCE),
            partition_size: NonZero::new(self.part.get() as u64),
            ..BlobClientUploadOptions::default()
        };
        if !mark.is_empty() {
            options.metadata = Some(HashMap::from([(MARK.to_owned(), mark.to_owned())]));
        }
        match condition {
            Condition::Absent => options.if_none_match = Some(Etag::from("*")),
            Condition::Version(version) => options.if_match = Some(Etag::from(version.as_str())),
            Condition::None => {}
        }
        let written = self.client.blob_client(name).upload(bytes.into(), Some(options)).await;
        let written = written.map_err(|error| self.wire.error(&WRITE, &error))?;
        written.etag.map(String::from).ok_or_else(|| self.wire.error(&WRITE, &unversioned()))
    }

    /// A write whose answer was lost is refused when it is tried again: it is in its own way. It is known by its mark.
    async fn written_before(&self, name: &str, mark: &str) -> Result<Option<String>> {
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
    async fn make(&self) -> Result<(), CallError> {
        match self.client.create(None).await.map_err(|error| self.wire.error(&MAKE, &error)) {
            Err(error) if error.code != "ContainerAlreadyExists" => Err(error),
            _ => Ok(()),
        }
    }
}

/// Somebody else was there first. Who commits blocks of a blob takes away those that others have sent for it.
fn is_conflict(error: &CallError) -> bool {
    matches!(
        (error.status, error.code.as_str()),
        (409, "BlobAlreadyExists") | (412, "ConditionNotMet") | (400, "InvalidBlockList")
    )
}
