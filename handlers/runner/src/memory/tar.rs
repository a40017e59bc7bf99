//! Snapshots as a tar, so that a real job platform can unpack them.

use std::collections::BTreeMap;

use super::BACKEND;
use crate::ports::{PortError, Result};

const BLOCK: usize = 512;

/// The files as a tar without owners and dates: the same files give the same bytes.
pub(super) fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    for (path, bytes) in files {
        tar.extend_from_slice(&header(path, bytes.len())?);
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(tar)
}

fn header(path: &str, size: usize) -> Result<[u8; BLOCK]> {
    let (prefix, name) = split(path)
        .ok_or_else(|| PortError::permanent(BACKEND, format_args!("the path {path:?} is too long for a tar")))?;
    let mut header = [0; BLOCK];
    let mut field = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{size:011o}\0"));
    field(136, "00000000000\0");
    // The sum is taken with blanks in its own place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\0");
    field(263, "00");
    field(345, prefix);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// A path in two parts, of 155 and 100 bytes, that are joined by a slash.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.map(|at| (&path[..at], &path[at + 1..])).find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100)
}
