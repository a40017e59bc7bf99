//! Files of the workspace: in volumes by the Files API, on DBFS by its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::{DatabricksJobs, SERVICE, is_gone};
use crate::http::{self, Call, CallError, Right};

/// More is not taken into the memory of a function.
const FILE_MAX: usize = 512 << 20;
/// As much of a volume's file as is asked for at once.
const VOLUME_PIECE: usize = 16 << 20;
/// As much of a file on DBFS as can be asked for at once.
const DBFS_PIECE: usize = 1 << 20;

const READ: Right = Right::role(
    "read a file that a run has left",
    "READ VOLUME on the volume, with USE CATALOG and USE SCHEMA above it (on DBFS: access to the workspace)",
);

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `/Volumes/...`
    Volume(String),
    /// An absolute path on DBFS.
    Dbfs(String),
}

/// Of `dbfs/read`.
#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    bytes_read: usize,
    #[serde(default)]
    data: String,
}

impl Place {
    /// From a path as notebooks write it; None: it is nowhere that can be read from outside.
    fn of(path: &str) -> Option<Self> {
        let below = path.strip_prefix("dbfs:/").or_else(|| path.strip_prefix("/dbfs/"));
        let absolute = below.map_or_else(|| path.to_owned(), |below| format!("/{}", below.trim_start_matches('/')));
        let is_plain = absolute.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."));
        match (absolute.starts_with("/Volumes/"), below.is_some()) {
            _ if !is_plain => None,
            (true, _) => Some(Self::Volume(absolute)),
            (false, true) => Some(Self::Dbfs(absolute)),
            (false, false) => None,
        }
    }
}

/// What became of reading a file.
#[derive(Debug)]
pub(super) enum Found {
    Bytes(Vec<u8>),
    /// A sentence.
    Nothing(String),
}

impl DatabricksJobs {
    /// A whole file.
    pub(super) async fn file(&self, path: &str) -> Result<Found, CallError> {
        let read = match Place::of(path) {
            Some(Place::Volume(path)) => self.of_volume(&path).await,
            Some(Place::Dbfs(path)) => self.of_dbfs(&path).await,
            None => {
                return Ok(Found::Nothing(format!(
                    "{path:?} is neither in a volume (/Volumes/...) nor on DBFS (dbfs:/...), where it could be read; \
                     copy it there"
                )));
            }
        };
        match read {
            Ok(bytes) => Ok(Found::Bytes(bytes)),
            Err(error) if is_gone(&error) => Ok(Found::Nothing(format!("there is no file {path:?}"))),
            Err(error) => Err(error),
        }
    }

    async fn of_volume(&self, path: &str) -> Result<Vec<u8>, CallError> {
        let segments: Vec<_> = ["api", "2.0", "fs", "files"].into_iter().chain(path.split('/').skip(1)).collect();
        let url = http::join(&self.base, &segments, &[]);
        let (mut bytes, mut made_at) = (Vec::new(), None);
        loop {
            let range = format!("bytes={}-{}", bytes.len(), bytes.len() + VOLUME_PIECE - 1);
            let range = HeaderValue::from_str(&range).expect("numbers are plain text");
            let answer = self.client.call(Call::get(url.clone(), &READ).with("range", range)).await?;
            let modified = answer.header("last-modified").map(str::to_owned);
            if !bytes.is_empty() && made_at != modified {
                return Err(CallError::unavailable(SERVICE, format!("the file {path} changed while it was read")));
            }
            made_at = modified;
            bytes.extend_from_slice(&answer.body);
            let is_short = answer.body.is_empty() || answer.status != StatusCode::PARTIAL_CONTENT;
            let whole = answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
            if is_short || whole.is_some_and(|whole: usize| bytes.len() >= whole) {
                return Ok(bytes);
            }
            within_bounds(path, bytes.len().max(whole.unwrap_or_default()))?;
        }
    }

    async fn of_dbfs(&self, path: &str) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        loop {
            let (offset, length) = (bytes.len().to_string(), DBFS_PIECE.to_string());
            let query = [("path", path), ("offset", &*offset), ("length", &*length)];
            let url = http::join(&self.base, &["api", "2.0", "dbfs", "read"], &query);
            let piece: Piece = self.client.read(Call::get(url, &READ)).await?;
            let data = BASE64
                .decode(&piece.data)
                .map_err(|error| CallError::unavailable(SERVICE, format!("the file {path} cannot be read: {error}")))?;
            bytes.extend_from_slice(&data);
            if piece.bytes_read < DBFS_PIECE {
                return Ok(bytes);
            }
            within_bounds(path, bytes.len())?;
        }
    }
}

fn within_bounds(path: &str, size: usize) -> Result<(), CallError> {
    if size <= FILE_MAX {
        return Ok(());
    }
    Err(CallError::refused(SERVICE, format!("the file {path} has more than {} MiB", FILE_MAX >> 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_a_volume_or_on_dbfs() {
        let volume = |path: &str| Some(Place::Volume(path.to_owned()));
        let dbfs = |path: &str| Some(Place::Dbfs(path.to_owned()));
        assert_eq!(Place::of("/Volumes/main/ml/v/model.pkl"), volume("/Volumes/main/ml/v/model.pkl"));
        assert_eq!(Place::of("dbfs:/Volumes/main/ml/v/m.pkl"), volume("/Volumes/main/ml/v/m.pkl"));
        assert_eq!(Place::of("dbfs:/mnt/lake/m.pkl"), dbfs("/mnt/lake/m.pkl"));
        assert_eq!(Place::of("/dbfs/mnt/lake/m.pkl"), dbfs("/mnt/lake/m.pkl"));
        for nowhere in ["", "/tmp/m.pkl", "m.pkl", "runs:/1/model", "/Volumes/main/../../x", "dbfs:/", "/Volumes/a//b"]
        {
            assert_eq!(Place::of(nowhere), None, "{nowhere}");
        }
    }
}
