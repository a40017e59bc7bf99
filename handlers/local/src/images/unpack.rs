//! Images turned into folders. An image may come from anywhere: nothing in it is believed before it is looked at.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Component, Path, PathBuf};

use pipeline::names::Digest;
use runner::ports::{PortError, Result};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};
use uuid::Uuid;

use super::BACKEND;
use super::layout::{Layout, disk, oci_document_limit};
use super::oci::{self, Config, Descriptor, Manifest};

/// What an image may be at most.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { bytes: 16 << 30, entries: 200_000 }
    }
}

/// Where the parts of an unpacked image are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The folder of the application: the working folder of what serves.
    pub app: PathBuf,
    /// The scoring script, as a path in `app`.
    pub entry: String,
    /// The folder of the model.
    pub model_dir: PathBuf,
    /// The dependency file whose environment serves it, as a path in `app`.
    pub environment: String,
    /// The image's labels.
    pub labels: BTreeMap<String, String>,
}

/// Unpacks an image into a folder that is empty or not there.
pub fn unpack(layout: &Layout, image: &Digest, to: &Path, caps: Caps) -> Result<Unpacked> {
    let manifest: Manifest = document(layout, image)?;
    let parts = parts_of(layout, image, &manifest, to)?;
    let parent = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| disk(&error))?;
    let partial = parent.join(format!(".unpacking-{}", Uuid::new_v4()));
    let unpacked = extract_all(layout, &manifest, &partial, caps)
        .and_then(|()| fs::rename(&partial, to).map_err(|error| disk(&error)));
    if let Err(error) = unpacked {
        fs::remove_dir_all(&partial).ok();
        return Err(error);
    }
    Ok(parts)
}

/// Where the parts of an image are that was unpacked into a folder.
pub fn parts(layout: &Layout, image: &Digest, to: &Path) -> Result<Unpacked> {
    parts_of(layout, image, &document(layout, image)?, to)
}

fn parts_of(layout: &Layout, image: &Digest, manifest: &Manifest, to: &Path) -> Result<Unpacked> {
    let config: Config = document(layout, &manifest.config.digest)?;
    let labels = config.config.labels;
    let label = |name: &str| {
        let path = labels.get(name).filter(|path| is_inside(Path::new(path))).cloned();
        path.ok_or_else(|| broken(format!("image {image} has no label `{name}` with a path; was it built elsewhere?")))
    };
    let (entry, environment) = (label(oci::ENTRY)?, label(oci::ENVIRONMENT_FILE)?);
    let app = to.join("app");
    Ok(Unpacked { entry, model_dir: app.join("model"), environment, labels, app })
}

fn extract_all(layout: &Layout, manifest: &Manifest, to: &Path, caps: Caps) -> Result<()> {
    fs::create_dir(to).map_err(|error| disk(&error))?;
    let mut left = caps;
    for layer in &manifest.layers {
        if layer.media_type != oci::LAYER {
            let reason = format!("layer {} is {}; only plain tars are unpacked", layer.digest, layer.media_type);
            return Err(broken(reason));
        }
        let file = verified(layout, layer)?;
        extract(file, to, &mut left, caps).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => broken(format!("layer {}: {error}", layer.digest)),
            _ => disk(&error),
        })?;
    }
    Ok(())
}

/// Opens a layer and holds all of it against its digest before anything of it is used.
fn verified(layout: &Layout, layer: &Descriptor) -> Result<File> {
    let mut file = open(layout, &layer.digest)?;
    let mut hash = Sha256::new();
    let size = io::copy(&mut file, &mut hash).map_err(|error| disk(&error))?;
    let digest = Digest::from_sha256(&hash.finalize());
    if digest != layer.digest || size != layer.size {
        return Err(damaged(&layer.digest));
    }
    file.rewind().map_err(|error| disk(&error))?;
    Ok(file)
}

fn document<T: DeserializeOwned>(layout: &Layout, digest: &Digest) -> Result<T> {
    let mut bytes = Vec::new();
    let file = open(layout, digest)?;
    file.take(oci_document_limit()).read_to_end(&mut bytes).map_err(|error| disk(&error))?;
    if Digest::of(&bytes) != *digest {
        return Err(damaged(digest));
    }
    serde_json::from_slice(&bytes).map_err(|error| broken(format!("{digest} is not part of an image: {error}")))
}

fn open(layout: &Layout, digest: &Digest) -> Result<File> {
    File::open(layout.blob(digest)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => broken(format!("{digest} is not there; build the image again")),
        _ => disk(&error),
    })
}

fn extract(layer: File, to: &Path, left: &mut Caps, caps: Caps) -> io::Result<()> {
    let mut archive = Archive::new(io::BufReader::new(layer));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path.display();
        if !is_inside(&path) {
            return Err(bad(format!("the path {name:?} leads out of the image")));
        }
        if path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(".wh.")) {
            return Err(bad(format!("{name} takes a file away, which no image of Trainyard's does")));
        }
        let size = entry.size();
        let room = left.entries.checked_sub(1).zip(left.bytes.checked_sub(size));
        let Some((entries, bytes)) = room else {
            let Caps { bytes, entries } = caps;
            return Err(bad(format!("it holds more than {bytes} bytes or {entries} files")));
        };
        *left = Caps { bytes, entries };

        let target = to.join(&path);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&target)?,
            EntryType::Regular => {
                if let Some(folder) = target.parent() {
                    fs::create_dir_all(folder)?;
                }
                // A later layer's file takes the place of an earlier one's.
                match fs::remove_file(&target) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                let executable = entry.header().mode()? & 0o111 != 0;
                write(&target, &mut entry, executable)?;
            }
            kind => return Err(bad(format!("{name} is neither file nor folder but {kind:?}"))),
        }
    }
    Ok(())
}

fn write(target: &Path, from: &mut impl Read, executable: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if executable { 0o755 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    let mut file = options.open(target)?;
    io::copy(from, &mut file)?;
    file.flush()
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
}

fn bad(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn broken(reason: String) -> PortError {
    PortError::permanent(BACKEND, reason)
}

fn damaged(digest: &Digest) -> PortError {
    broken(format!("{digest} is damaged: its content has another digest; build the image again"))
}
