//! Archives as code hosts make them.

use std::io::{Cursor, Write as _};

use zip::write::{SimpleFileOptions, ZipWriter};

/// A zip of these files, below a folder or not.
#[must_use]
pub fn zip(folder: Option<&str>, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let below = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
    if !below.is_empty() {
        zip.add_directory(below.as_str(), SimpleFileOptions::default()).unwrap();
    }
    for (path, content) in files {
        zip.start_file(format!("{below}{path}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
