//! Images, charts, blobs, and whether a resource answers.

use jiff::Timestamp;
use pipeline::names::Digest;
use serde::{Deserialize, Serialize};

use crate::names::{ArmId, BlobName, ChartWord, ContainerName, HostName, ImageRepository, ImageTag};

/// An image that came into a registry, or left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChange {
    /// The registry's host, where the sender names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<HostName>,
    /// The registry's id, where the sender names it. One of the two is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<ArmId>,
    /// The repository within the registry.
    pub repository: ImageRepository,
    /// What it is; what is deployed is this and never the tag.
    pub digest: Digest,
    /// What it is called; None for a part of another image, and for what is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<ImageTag>,
    /// The manifest's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifest's size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// A Helm chart that came into a registry, or left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartChange {
    /// The registry's host; senders leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<HostName>,
    /// The registry's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<ArmId>,
    /// The repository within the registry.
    pub repository: ImageRepository,
    /// The chart.
    pub name: ChartWord,
    /// Its version.
    pub version: ChartWord,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A blob that was written or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobChange {
    /// The storage account. Addresses are made from it, never taken from an event.
    pub account: ArmId,
    /// The container.
    pub container: ContainerName,
    /// The blob.
    pub blob: BlobName,
    /// Whether all of it is there: a Data Lake announces an empty file before anything is written.
    pub committed: bool,
    /// Which version of its content, without quotation marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// What did it: `PutBlob`, `FlushWithClose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Compared as text, tells which of two events of the same blob is the later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// Whether a resource answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It does.
    Available,
    /// Slowly, or not always.
    Degraded,
    /// It does not.
    Unavailable,
    /// Nobody knows.
    Unknown,
}

/// A resource that became available, or is not any longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceHealth {
    /// Which.
    pub resource: ArmId,
    /// How it is.
    pub state: Availability,
    /// How it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Availability>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
