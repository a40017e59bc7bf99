//! The names that others give to things, each with the grammar that its owner wrote down. A text that does not follow
//! it never becomes a fact, so nothing further in can be led out of a folder, a container or a registry by a name.

use std::fmt;
use std::str::FromStr;

use pipeline::names::{Branch, CommitId};
use serde::{Deserialize, Serialize};

use crate::text::{misleads, quoted};

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} cannot be {what}: {rule}")]
pub struct BadName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
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
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName { what: $what, text: quoted(text), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
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

name!(
    /// A git reference in full: `refs/heads/main`. The rules are those of `git check-ref-format`.
    Reference, "a git reference", "see `git check-ref-format`",
    is_reference
);
name!(
    /// An image's repository within a registry, by the grammar of the OCI distribution specification.
    ImageRepository, "a repository of images", "lower-case words of the OCI distribution grammar, 1 to 255 characters",
    |text| (1..=255).contains(&text.len()) && text.split('/').all(is_image_component)
);
name!(
    /// An image's tag, by the grammar of the OCI distribution specification.
    ImageTag, "an image's tag", "1 to 128 letters, digits, `_`, `.` or `-`, the first not `.` or `-`",
    |text| word(text, 128, "_.-") && !text.starts_with(['.', '-'])
);
name!(
    /// The name or version of a Helm chart.
    ChartWord, "a chart's name or version", "1 to 250 letters, digits, `_`, `.`, `+` or `-`, the first a letter or digit",
    |text| word(text, 250, "_.+-") && text.starts_with(|c: char| c.is_ascii_alphanumeric())
);
name!(
    /// A model's version: mostly a number from 1, in newer registries any name.
    ModelVersion, "a model's version", "a number from 1 or a name of letters, digits, `_`, `.` or `-`",
    is_model_version
);
name!(
    /// A container of blobs.
    ContainerName, "a container's name", "3 to 63 lower-case letters, digits or `-`, or `$root`, `$web`, `$logs`",
    |text| matches!(text, "$root" | "$web" | "$logs" | "$blobchangefeed")
        || (text.len() >= 3 && word(text, 63, "-") && !text.contains(|c: char| c.is_ascii_uppercase()))
);
name!(
    /// A blob within its container. No segment leads upwards, whoever normalises it.
    BlobName, "a blob's name", "1 to 1024 characters without control characters, `\\`, and segments `.` or `..`",
    |text| (1..=4096).contains(&text.len())
        && text.chars().count() <= 1024
        && !text.contains(|c: char| c.is_control() || c == '\\')
        && !decoded_once(text).split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
);
name!(
    /// A host's name, whole.
    HostName, "a host's name", "1 to 253 letters, digits, `.` or `-`",
    |text| word(text, 253, ".-") && !text.split('.').any(|label| label.is_empty() || label.starts_with('-'))
);
name!(
    /// The id of a resource in Azure: `/subscriptions/…/providers/…`. Azure compares them without case; see
    /// [`ArmId::is`].
    ArmId, "an Azure resource's id", "`/subscriptions/` and segments without `.`, `..`, `?`, `#`, `%`, `\\`",
    |text| text.len() <= 1024
        && text.get(.."/subscriptions/".len()).is_some_and(|start| start.eq_ignore_ascii_case("/subscriptions/"))
        && text[1..].split('/').all(|segment| !matches!(segment, "" | "." | ".."))
        && !text.contains(|c: char| misleads(c) || "?#%\\".contains(c))
);

/// What a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind<'a> {
    /// A branch, without `refs/heads/`.
    Branch(&'a str),
    /// A tag, without `refs/tags/`.
    Tag(&'a str),
    /// Anything else, in full: `refs/pull/7/merge`, notes.
    Other(&'a str),
}

impl Reference {
    /// What it names.
    #[must_use]
    pub fn kind(&self) -> ReferenceKind<'_> {
        if let Some(branch) = self.0.strip_prefix("refs/heads/") {
            ReferenceKind::Branch(branch)
        } else if let Some(tag) = self.0.strip_prefix("refs/tags/") {
            ReferenceKind::Tag(tag)
        } else {
            ReferenceKind::Other(&self.0)
        }
    }

    /// The branch it names, if it names one that can be delivered: git allows names that Trainyard does not.
    #[must_use]
    pub fn branch(&self) -> Option<Branch> {
        match self.kind() {
            ReferenceKind::Branch(branch) => branch.parse().ok(),
            ReferenceKind::Tag(_) | ReferenceKind::Other(_) => None,
        }
    }

    /// The pull request whose merge it is: `refs/pull/7/merge`.
    #[must_use]
    pub fn pull_request(&self) -> Option<u64> {
        self.0.strip_prefix("refs/pull/")?.strip_suffix("/merge")?.parse().ok()
    }

    /// Whether a shell, a command line, a page or a reader would take it for more than a name.
    #[must_use]
    pub fn is_hostile(&self) -> bool {
        let harmless = |c: char| c.is_alphanumeric() || "/_.-#+=@,".contains(c);
        let name = match self.kind() {
            ReferenceKind::Branch(name) | ReferenceKind::Tag(name) | ReferenceKind::Other(name) => name,
        };
        name.starts_with('-') || !name.chars().all(harmless)
    }
}

impl ModelVersion {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl HostName {
    /// Whether it is this host: whole names, without case.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl ArmId {
    /// Whether it is the same resource.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// The segment after this one: the name of the `workspaces`, the `storageAccounts`, the `registries`.
    #[must_use]
    pub fn after(&self, kind: &str) -> Option<&str> {
        let mut segments = self.0.split('/');
        segments.find(|segment| segment.eq_ignore_ascii_case(kind))?;
        segments.next()
    }
}

/// A git object's id; None for the zeros that stand for no object.
pub(crate) fn object_id(text: &str) -> Result<Option<CommitId>, BadName> {
    let bad = || BadName { what: "a git object's id", text: quoted(text), rule: "40 or 64 hexadecimal digits" };
    let id: CommitId = text.to_ascii_lowercase().parse().map_err(|_| bad())?;
    Ok(Some(id).filter(|id| id.as_str().contains(|digit| digit != '0')))
}

fn word(text: &str, longest: usize, others: &str) -> bool {
    (1..=longest).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_reference(text: &str) -> bool {
    (1..=1000).contains(&text.len())
        && text.contains('/')
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(|c: char| c.is_control() || " ~^:?*[\\".contains(c))
        && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_image_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |run: &str| matches!(run, "." | "_" | "__") || run.chars().all(|c| c == '-');
    text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || "._-".contains(c))
        && text.split(plain).all(|run| run.is_empty() || separator(run))
}

fn is_model_version(text: &str) -> bool {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let number = text.parse::<u64>();
    word(text, 255, "_.-")
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && (!digits || (!text.starts_with('0') && number.is_ok()))
}

/// A path's dots and separators as somebody would see them who decodes it once more than needed.
fn decoded_once(path: &str) -> String {
    let encoded = [("%2e", "."), ("%2E", "."), ("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%5C", "\\")];
    encoded.into_iter().fold(path.to_owned(), |path, (code, plain)| path.replace(code, plain))
}

#[cfg(test)]
mod tests;
