//! The app's settings: read once, strictly. A wrong one is told at the start, with what is allowed.

use std::collections::BTreeMap;

use azure::Cloud;
use cli::Failure;
use runner::ports::PortError;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub mod table;
#[cfg(test)]
mod tests;

/// Settings whose names only begin like this: the secrets of environments, and what tests say to each other.
const OPEN: [&str; 2] = ["TRAINYARD_SECRET_", "TRAINYARD_TEST_"];
/// What processes that we start find in their environment, and what is nobody's setting.
const HANDED_ON: [&str; 10] = [
    "TRAINYARD_BRANCH",
    "TRAINYARD_COMMIT",
    "TRAINYARD_DATA",
    "TRAINYARD_HOST_PIPE",
    "TRAINYARD_OUTPUTS",
    "TRAINYARD_PARAMETERS",
    "TRAINYARD_PROGRAM",
    "TRAINYARD_PROJECT",
    "TRAINYARD_RUN",
    "TRAINYARD_RUN_NUMBER",
];

/// The services that are asked through Azure Resource Manager, by their settings.
const BEHIND_MANAGER: [&str; 9] = [
    "TRAINYARD_AZURE_ML",
    "TRAINYARD_PUBLISHED_PIPELINE",
    "TRAINYARD_BATCH_ENDPOINT",
    "TRAINYARD_CONTAINER_REGISTRY",
    "TRAINYARD_CONTAINER_INSTANCES",
    "TRAINYARD_KUBERNETES",
    "TRAINYARD_ONLINE_ENDPOINTS",
    "TRAINYARD_RESOURCE_MANAGER",
    "TRAINYARD_DOCTOR",
];

/// Settings as they were given.
#[derive(Clone, Default)]
pub struct Settings {
    given: BTreeMap<String, String>,
}

/// Says which are given, and never what they are: some are secrets.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.given.keys().filter(|name| table::all().any(|it| it.name == **name))).finish()
    }
}

impl Settings {
    /// Of this process.
    ///
    /// # Errors
    ///
    /// One that nobody knows.
    pub fn from_environment() -> Result<Self, Failure> {
        Self::of(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Of an app: its file's, but those of this process go before them.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn of_app(file: impl IntoIterator<Item = (String, String)>) -> Result<Self, Failure> {
        Self::of(file.into_iter().chain(Self::from_environment()?.given))
    }

    /// Of these; the last of a name counts.
    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Failure> {
        let given: BTreeMap<String, String> = variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        for name in given.keys().filter(|name| name.starts_with("TRAINYARD_")) {
            let is_known = table::all().any(|setting| setting.name == name)
                || HANDED_ON.contains(&name.as_str())
                || OPEN.iter().any(|open| name.starts_with(open));
            if !is_known {
                let failure = Failure::input(format!("there is no setting {name}"));
                return Err(match nearest(name) {
                    Some(near) => {
                        failure.advice(format!("did you mean {near}? local.settings.example.json has all of them"))
                    }
                    None => failure.advice("local.settings.example.json has all of them"),
                });
            }
        }
        Ok(Self { given })
    }

    /// A setting, or its default; None where it has neither.
    pub fn get(&self, name: &str) -> Option<&str> {
        let default = table::all().find(|setting| setting.name == name).map(|setting| setting.default);
        debug_assert!(default.is_some(), "{name} is not in the table of settings");
        let value = self.given.get(name).map(|value| value.trim()).or(default)?;
        (!value.is_empty()).then_some(value)
    }

    /// Any variable, also one that is nobody's setting: what the platform says of itself.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|value| value.trim())
    }

    /// The same for a handler that the embedded host starts.
    pub fn under_this_host(&self) -> Self {
        let mut settings = self.clone();
        settings.given.entry("TRAINYARD_LINK".into()).or_insert_with(|| "link.sock".into());
        settings
    }

    /// One of some words.
    ///
    /// # Errors
    ///
    /// It is none of them.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, Failure> {
        let value = self.get(name).unwrap_or_default();
        words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            wrong(name, &format!("is {value:?}; it may be {}", allowed.join(", ")))
        })
    }

    /// Which Azure it is.
    ///
    /// # Errors
    ///
    /// There is no such cloud.
    pub fn cloud(&self) -> Result<Cloud, Failure> {
        let name = self.get("AZURE_CLOUD").unwrap_or_default();
        name.parse().map_err(|error: PortError| Failure::input(error.to_string()))
    }

    /// A value of JSON, if it is set.
    ///
    /// # Errors
    ///
    /// It is no JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        // The text itself may hold a secret, and the error does not show it.
        let read = || {
            let mut value: Value = serde_json::from_str(text)?;
            // In another cloud Azure Resource Manager is somewhere else, unless it is said where.
            if BEHIND_MANAGER.contains(&name)
                && let (Ok(cloud), Some(members)) = (self.cloud(), value.as_object_mut())
            {
                members.entry("base").or_insert_with(|| cloud.hosts().resource_manager.into());
            }
            serde_json::from_value(value)
        };
        read().map(Some).map_err(|error: serde_json::Error| {
            let about = table::all().find(|setting| setting.name == name).map_or("", |setting| setting.about);
            wrong(name, &format!("cannot be read: {error}")).advice(format!("it looks like {about}"))
        })
    }

    /// A value of JSON that something else needs.
    ///
    /// # Errors
    ///
    /// Likewise, or it is not set.
    pub fn needed<T: DeserializeOwned>(&self, name: &str, by: &str) -> Result<T, Failure> {
        self.json(name)?.ok_or_else(|| {
            let about = table::all().find(|setting| setting.name == name).map_or("", |setting| setting.about);
            wrong(name, &format!("is not set, and {by} needs it")).advice(format!("it looks like {about}"))
        })
    }
}

/// A setting that cannot be what it is.
pub fn wrong(name: &str, why: &str) -> Failure {
    Failure::input(format!("the setting {name} {why}"))
}

/// The name that somebody may have meant.
fn nearest(name: &str) -> Option<&'static str> {
    let close = table::all().map(|setting| (distance(name, setting.name), setting.name)).min()?;
    (close.0 <= 3).then_some(close.1)
}

/// Letters to change, add or take away to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != b)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[other.len()]
}
