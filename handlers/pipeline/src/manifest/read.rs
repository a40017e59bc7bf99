//! Reading `trainyard.yml`: the errors name the line, what is wrong and what is allowed.

use super::Manifest;

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct ManifestError {
    /// The file's name.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: u64,
    /// From 1; 0 when the whole line is meant.
    pub column: u64,
    /// What is wrong and what is allowed.
    pub what: String,
}

/// Reads a manifest.
///
/// # Errors
///
/// [`ManifestError`] with the place and what is allowed there.
pub fn read(file: &str, text: &str) -> Result<Manifest, ManifestError> {
    serde_saphyr::from_str(text).map_err(|error| ManifestError {
        file: file.to_owned(),
        line: 0,
        column: 0,
        what: error.to_string(),
    })
}

/// The JSON Schema of a manifest, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}
