//! The folder: blobs by digest, the index, the records of builds. Each file appears whole, by a rename; the index last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pipeline::names::{BuildName, Digest};
use runner::ports::{BuildStatus, PortError};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::BACKEND;
use super::oci::{self, Descriptor, Index};

const VERSION: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// An OCI image layout.
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout in this folder, which is made if need be.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        let layout = Self { folder };
        fs::create_dir_all(layout.folder.join("blobs/sha256"))?;
        fs::create_dir_all(layout.folder.join("builds"))?;
        let marker = layout.folder.join("oci-layout");
        if !marker.exists() {
            layout.replace(&marker, VERSION)?;
        }
        let _lock = layout.lock()?;
        if !layout.index_path().exists() {
            layout.write_index(&Index { schema_version: 2, media_type: oci::INDEX.into(), manifests: Vec::new() })?;
        }
        Ok(layout)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a blob is, or would be.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    /// Whether an image is there: a manifest, and not just any blob.
    pub fn has(&self, image: &Digest) -> bool {
        let manifest = self.blob(image);
        manifest.metadata().is_ok_and(|file| file.len() < oci_document_limit())
            && read_json::<oci::Manifest>(&manifest).is_ok_and(|found| found.is_some())
    }

    /// Keeps a blob.
    pub fn put(&self, media_type: &str, bytes: &[u8]) -> io::Result<Descriptor> {
        let digest = Digest::of(bytes);
        let path = self.blob(&digest);
        // One that is there is written again if it is not the one: a damaged blob is mended by the next build.
        let is_there = fs::read(&path).is_ok_and(|there| there == bytes);
        if !is_there {
            self.replace(&path, bytes)?;
        }
        Ok(Descriptor { media_type: media_type.into(), digest, size: bytes.len() as u64, annotations: BTreeMap::new() })
    }

    /// Enters an image into the index under a name.
    pub fn name(&self, mut image: Descriptor, reference: &str) -> io::Result<()> {
        image.annotations.insert(oci::REF_NAME.into(), reference.into());
        let _lock = self.lock()?;
        let mut index: Index = read_json(&self.index_path())?.ok_or_else(|| {
            let reason = format!("{} has gone; the folder is no image layout any more", self.index_path().display());
            io::Error::other(reason)
        })?;
        if index.manifests.contains(&image) {
            return Ok(());
        }
        index.manifests.retain(|other| other.annotations.get(oci::REF_NAME).is_none_or(|name| name != reference));
        index.manifests.push(image);
        self.write_index(&index)
    }

    /// How a build ended, if it did.
    pub fn read_record(&self, build: &BuildName) -> io::Result<Option<BuildStatus>> {
        read_json(&self.record_path(build))
    }

    /// Records how a build ended.
    pub fn write_record(&self, build: &BuildName, status: &BuildStatus) -> io::Result<()> {
        self.replace(&self.record_path(build), &oci::to_bytes(status))
    }

    fn record_path(&self, build: &BuildName) -> PathBuf {
        self.folder.join("builds").join(format!("{build}.json"))
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    fn write_index(&self, index: &Index) -> io::Result<()> {
        self.replace(&self.index_path(), &oci::to_bytes(index))
    }

    /// Held while the index is read and written, by any thread of any process.
    fn lock(&self) -> io::Result<File> {
        let lock = File::create(self.folder.join("builds/lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let partial = self.folder.join("builds").join(format!("{}.partial", Uuid::new_v4()));
        let written = File::create(&partial)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&partial, path));
        if written.is_err() {
            fs::remove_file(&partial).ok();
        }
        written
    }
}

/// No document of an image is larger.
pub const fn oci_document_limit() -> u64 {
    4 << 20
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let reason = format!("{} cannot be read: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

/// Turns what the disk says into what a port answers.
pub fn disk(error: &io::Error) -> PortError {
    match error.kind() {
        io::ErrorKind::InvalidData => PortError::permanent(BACKEND, error),
        _ => PortError::transient(BACKEND, format!("the folder of images: {error}")),
    }
}
