//! The names of things. Each is a string with a rule, checked once, where it comes in.
//!
//! Names of effects (jobs, builds, deployments) are made from the run's, so that doing a thing twice finds the first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be {what}: {rule}")]
pub struct BadName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(BadName { what: $what, text, rule: $rule })
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn word(text: &str, longest: usize, others: &str) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

name!(
    /// A model repository that Trainyard delivers.
    Project, "the name of a project", "1 to 40 letters, digits, `_` or `-`, the first a letter or digit",
    |text| word(text, 40, "_-")
);
name!(
    /// A run, sortable: a newer run's id sorts before an older one's.
    RunId, "the id of a run", "1 to 60 letters, digits or `-`",
    |text| word(text, 60, "-")
);
name!(
    /// Where a release is deployed: `qa`, `prod`.
    EnvironmentName, "the name of an environment", "1 to 20 lower-case letters, digits or `-`, the first a letter or digit",
    |text| word(text, 20, "-") && !text.contains(|c: char| c.is_ascii_uppercase())
);
name!(
    /// A commit of a model repository, in full.
    CommitId, "a commit", "40 or 64 hexadecimal digits",
    |text| matches!(text.len(), 40 | 64) && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
);
name!(
    /// What a content is known by: `sha256:` and 64 hexadecimal digits.
    Digest, "a digest", "`sha256:` and 64 hexadecimal digits",
    |text| text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    })
);
name!(
    /// A job on the job platform.
    JobName, "the name of a job", "1 to 100 letters, digits, `_` or `-`",
    |text| word(text, 100, "_-")
);
name!(
    /// The build of an image.
    BuildName, "the name of a build", "1 to 100 letters, digits, `_` or `-`",
    |text| word(text, 100, "_-")
);
name!(
    /// One release's deployment in one environment.
    DeploymentName, "the name of a deployment", "1 to 120 letters, digits, `_` or `-`",
    |text| word(text, 120, "_-")
);
name!(
    /// One application of what a repository declares as its infrastructure.
    InfrastructureName, "the name of an application of infrastructure", "1 to 64 letters, digits, `_`, `.` or `-`",
    |text| word(text, 64, "_-.")
);
name!(
    /// Something that nobody is to see, by its name.
    SecretName, "the name of a secret", "1 to 127 letters, digits or `-`",
    |text| word(text, 127, "-")
);
name!(
    /// A registered model, without its version.
    ModelName, "the name of a model", "1 to 100 letters, digits, `_`, `.` or `-`",
    |text| word(text, 100, "_-.")
);
name!(
    /// A branch, without `refs/heads/`.
    Branch, "the name of a branch", "1 to 200 characters without blanks, control characters, `..`, `:`, `?`, `*`, `[`, `\\`, `~` or `^`",
    |text| !text.is_empty()
        && text.len() <= 200
        && !text.starts_with(['/', '-'])
        && !text.contains("..")
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || ":?*[\\~^".contains(c))
);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(&Sha256::digest(bytes))
    }

    /// The digest of what a SHA-256 hasher has seen.
    #[must_use]
    pub fn from_sha256(hash: &[u8]) -> Self {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash {
            text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        Self(text)
    }

    /// The 64 digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first twelve digits: enough for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

impl CommitId {
    /// The first eight digits: enough for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl RunId {
    /// An id that sorts before those made earlier, so that a listing by name is newest first and no history is
    /// scanned. `salt` tells runs of one millisecond apart; the same moment and salt give the same id.
    #[must_use]
    pub fn newest(created_at: jiff::Timestamp, salt: &str) -> Self {
        // 13 digits of milliseconds reach the year 2286; counting down makes later smaller.
        let left = 9_999_999_999_999 - created_at.as_millisecond().clamp(0, 9_999_999_999_999);
        let salt = Digest::of(salt.as_bytes());
        Self(format!("r{left:013}-{}", &salt.hex()[..8]))
    }
}

#[cfg(test)]
mod tests;
