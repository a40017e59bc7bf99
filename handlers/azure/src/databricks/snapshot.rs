//! What a job needs of the snapshot itself: the parameters, which become a notebook's, and the digest of the data.

use std::collections::BTreeMap;
use std::io::Read as _;

use pipeline::effect::JobSpec;
use pipeline::names::Digest;
use runner::ports::{PortError, Result};
use serde_json::{Map, Value};
use tar::Archive;

use super::{DatabricksJobs, SERVICE};

/// The part of a file of parameters that is for training, where it has parts.
const PART: &str = "training";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Names and values, as notebooks take them.
    pub parameters: BTreeMap<String, String>,
    /// The data file, which is an artifact now.
    pub data: Option<Digest>,
}

impl DatabricksJobs {
    /// Reads the job's parameters and data, if they are in the snapshot. Data that is elsewhere is nothing to look at.
    pub(super) async fn look_into(&self, job: &JobSpec) -> Result<Looked> {
        let wanted = [job.parameters.as_deref(), job.data.as_deref()];
        if wanted == [None, None] {
            return Ok(Looked::default());
        }
        let tar = self.artifacts.get(&job.source).await?;
        let [parameters, data] = wanted.map(|path| path.and_then(|path| file(&tar, path)));
        let data = match data {
            Some(bytes) => Some(self.artifacts.put(bytes).await?),
            None => None,
        };
        let parameters = match (&job.parameters, parameters) {
            (Some(path), None) => {
                let reason = format!("the file of parameters {path:?} is not in the snapshot of job {}", job.name);
                return Err(PortError::permanent(SERVICE, reason));
            }
            (Some(path), Some(bytes)) => read(path, &bytes)?,
            (None, _) => BTreeMap::new(),
        };
        Ok(Looked { parameters, data })
    }
}

/// A file of a tar.
fn file(tar: &[u8], path: &str) -> Option<Vec<u8>> {
    let path = path.trim_start_matches("./");
    for entry in Archive::new(tar).entries().ok()? {
        let mut entry = entry.ok()?;
        let is_it = entry.path().is_ok_and(|it| it.to_str().is_some_and(|it| it.trim_start_matches("./") == path));
        if is_it && entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            return Some(bytes);
        }
    }
    None
}

/// The parameters of a JSON object: those of its part for training, or its own. A value that is no text is written as
/// JSON; notebooks know only text.
fn read(path: &str, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let members: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| {
        PortError::permanent(SERVICE, format!("the file of parameters {path:?} is no JSON object: {error}"))
    })?;
    let members = match members.get(PART) {
        Some(Value::Object(part)) => part.clone(),
        _ => members,
    };
    let text = |(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    Ok(members.into_iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_the_training_as_text() {
        let read = |text: &str| read("parameters.json", text.as_bytes());
        let wanted = BTreeMap::from([("alpha".to_owned(), "0.4".to_owned()), ("kind".into(), "ridge".into())]);
        assert_eq!(read(r#"{"training": {"alpha": 0.4, "kind": "ridge"}, "scoring": {}}"#).unwrap(), wanted);
        assert_eq!(read(r#"{"alpha": 0.4, "kind": "ridge"}"#).unwrap(), wanted);
        assert!(read("[0.4]").unwrap_err().to_string().contains("\"parameters.json\" is no JSON object"));
    }
}
