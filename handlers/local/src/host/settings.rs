//! App settings: the environment, `local.settings.json`, and what the caller adds.

use std::collections::HashMap;
use std::env;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use super::HostError;

/// The file of the vendor's core tools: what it holds becomes environment.
const FILE: &str = "local.settings.json";

/// The settings of an app. The caller's go before the environment's, and those before the file's.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// What the environment of this process does not have, or has otherwise.
    added: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    #[serde(default)]
    is_encrypted: bool,
    #[serde(default)]
    values: HashMap<String, Value>,
}

impl Settings {
    pub fn read(root: &Path, extra: &[(String, String)]) -> Result<Self, HostError> {
        let mut added: HashMap<_, _> = of_file(root)?.filter(|(name, _)| env::var_os(name).is_none()).collect();
        added.extend(extra.iter().cloned());
        Ok(Self { added })
    }

    /// What a child gets beside this process's environment.
    pub fn added(&self) -> impl Iterator<Item = (&str, &str)> {
        self.added.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn get(&self, name: &str) -> Option<String> {
        self.added.get(name).cloned().or_else(|| env::var(name).ok())
    }

    /// Replaces each `%NAME%`. The error is the name that is not set.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            expanded.push_str(before);
            let Some((name, after)) = after.split_once('%') else {
                expanded.push('%');
                rest = after;
                continue;
            };
            expanded.push_str(&self.get(name).ok_or_else(|| name.to_owned())?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

/// What `local.settings.json` in the folder of an app says; nothing where there is none.
///
/// # Errors
///
/// The file is no such file.
pub fn of_file(root: &Path) -> Result<impl Iterator<Item = (String, String)>, HostError> {
    let path = root.join(FILE);
    let mut values = HashMap::new();
    if let Ok(text) = std::fs::read_to_string(&path) {
        let file: File = serde_json::from_str(&text)
            .map_err(|error| HostError::Read { path: path.clone(), reason: error.to_string() })?;
        if file.is_encrypted {
            warn!("{} is encrypted and is ignored: `func settings decrypt` makes it readable", path.display());
        } else {
            values = file.values;
        }
    }
    Ok(values.into_iter().map(|(name, value)| (name, text_of(value))))
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
