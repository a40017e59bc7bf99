//! Files of volumes, in ranges, and of DBFS, in pieces of at most 1 MB.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::{Databricks, invalid, refuse};
use crate::{Asked, Told};

const DBFS_MAX: usize = 1 << 20;

impl Databricks {
    pub(super) fn volume_file(&self, asked: &Asked<'_>, path: &[&str]) -> Told {
        let path = format!("/{}", path.join("/"));
        let Some(bytes) = self.files.get(&path).filter(|_| path.starts_with("/Volumes/")) else {
            return refuse(404, "NOT_FOUND", "The file being accessed is not found.");
        };
        let headers = |told: Told| told.with("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
        let Some((from, to)) = asked.header("range").strip_prefix("bytes=").and_then(|range| range.split_once('-'))
        else {
            return headers(Told::bytes(200, "application/octet-stream", bytes.clone()));
        };
        let from: usize = from.parse().unwrap();
        if from >= bytes.len() && from > 0 {
            return refuse(416, "INVALID_PARAMETER_VALUE", "The range cannot be satisfied.");
        }
        let end = bytes.len().min(to.parse::<usize>().unwrap() + 1);
        if bytes.is_empty() {
            return headers(Told::bytes(200, "application/octet-stream", Vec::new()));
        }
        headers(Told::bytes(206, "application/octet-stream", &bytes[from..end]))
            .with("content-range", format!("bytes {from}-{}/{}", end - 1, bytes.len()))
    }

    pub(super) fn dbfs_read(&self, asked: &Asked<'_>) -> Told {
        let number = |name: &str, usual: usize| asked.query.get(name).map_or(Ok(usual), |text| text.parse());
        let (Some(path), Ok(offset), Ok(length)) =
            (asked.query.get("path"), number("offset", 0), number("length", DBFS_MAX / 2))
        else {
            return invalid("path, offset and length");
        };
        if length > DBFS_MAX {
            return refuse(400, "MAX_READ_SIZE_EXCEEDED", "at most 1 MB can be read at once");
        }
        let Some(bytes) = self.files.get(path).filter(|_| !path.starts_with("/Volumes/")) else {
            let message = format!("No file or directory exists on path {path}.");
            return refuse(404, "RESOURCE_DOES_NOT_EXIST", &message);
        };
        let piece = &bytes[offset.min(bytes.len())..(offset + length).min(bytes.len())];
        Told::json(200, &json!({"bytes_read": piece.len(), "data": BASE64.encode(piece)}))
    }
}
