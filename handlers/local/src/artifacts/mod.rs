//! Large objects as files named for their digest: `artifacts/sha256/ab/ab12…`.
//!
//! A file is written aside, flushed, and moved to its name, and then the folder is flushed: a name means a whole file,
//! also after a power cut. What is read is checked against its name.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use pipeline::names::Digest;
use runner::ports::{Artifacts, PortError, Result};
use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

const BACKEND: &str = "local artifacts";

/// The embedded [`Artifacts`].
#[derive(Debug, Clone)]
pub struct LocalArtifacts {
    folder: PathBuf,
}

impl LocalArtifacts {
    /// The artifacts in a folder, which is made when something is put there.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the content of this digest is, or would be. It must not be changed there.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join("sha256").join(&hex[..2]).join(hex)
    }

    /// Whether there is something by this digest; it is not read.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Keeps a copy of a file of any size and answers its digest.
    ///
    /// # Errors
    ///
    /// `Transient` when the copy cannot be written, `Permanent` when the file cannot be read.
    pub async fn put_file(&self, path: impl Into<PathBuf>) -> Result<Digest> {
        let (this, path) = (self.clone(), path.into());
        blocking(move || {
            let file = File::open(&path)
                .map_err(|error| PortError::permanent(BACKEND, format!("cannot read {}: {error}", path.display())))?;
            this.keep(file)
        })
        .await
    }

    /// Removes what a crash left half-written. Only for the one who holds the home.
    pub(crate) fn clean(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.aside()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn aside(&self) -> PathBuf {
        self.folder.join("aside")
    }

    fn keep(&self, mut content: impl Read) -> Result<Digest> {
        let aside = self.aside();
        let temporary = aside.join(uuid::Uuid::new_v4().to_string());
        let kept = fs::create_dir_all(&aside)
            .and_then(|()| copy(&mut content, &temporary))
            .and_then(|digest| self.settle(&temporary, &digest).map(|()| digest));
        if kept.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        kept.map_err(|error| self.not_written(&error))
    }

    /// Moves a written file to its name.
    fn settle(&self, temporary: &Path, digest: &Digest) -> io::Result<()> {
        let path = self.path(digest);
        if matches!(digest_of(&path), Ok(there) if there == *digest) {
            return fs::remove_file(temporary);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            flush_folder(folder.parent().unwrap_or(&self.folder))?;
            flush_folder(&self.folder)?;
        }
        fs::rename(temporary, &path)?;
        flush_folder(folder)
    }

    fn not_written(&self, error: &io::Error) -> PortError {
        let folder = self.folder.display();
        PortError::transient(
            BACKEND,
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    format!("the disk that holds {folder} is full: nothing was kept; free some space and try again")
                }
                _ => format!("cannot write to {folder}: {error}"),
            },
        )
    }

    fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                PortError::permanent(BACKEND, format!("there is no artifact {digest} in {}", self.folder.display()))
            }
            _ => PortError::transient(BACKEND, format!("cannot read {}: {error}", path.display())),
        })?;
        if Digest::of(&bytes) != *digest {
            let reason = format!(
                "{} is damaged: its content is not what its name says; remove it and make it again",
                path.display()
            );
            return Err(PortError::permanent(BACKEND, reason));
        }
        Ok(bytes)
    }
}

impl fmt::Display for LocalArtifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "artifacts in {}", self.folder.display())
    }
}

#[async_trait]
impl Artifacts for LocalArtifacts {
    async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let this = self.clone();
        blocking(move || {
            let digest = Digest::of(&bytes);
            // Looking costs less than writing it again.
            match digest_of(&this.path(&digest)) {
                Ok(there) if there == digest => Ok(digest),
                _ => this.keep(bytes.as_slice()),
            }
        })
        .await
    }

    async fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let (this, digest) = (self.clone(), digest.clone());
        blocking(move || this.read(&digest)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(PortError::transient(BACKEND, error)))
}

/// Writes a new, flushed, read-only file and answers its digest.
fn copy(content: &mut impl Read, path: &Path) -> io::Result<Digest> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let digest = pass_on(content, &mut file)?;
    let mut permissions = file.metadata()?.permissions();
    // Others link to it; a slip of theirs should not change it.
    permissions.set_readonly(true);
    file.set_permissions(permissions)?;
    file.sync_all()?;
    Ok(digest)
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    pass_on(&mut File::open(path)?, &mut io::sink())
}

fn pass_on(from: &mut impl Read, to: &mut impl Write) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 128 << 10];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(Digest::from_sha256(&hash.finalize())),
            Ok(length) => {
                hash.update(&piece[..length]);
                to.write_all(&piece[..length])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
