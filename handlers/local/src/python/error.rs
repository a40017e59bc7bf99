//! Why there is no environment. Each variant is one sentence for people.

use std::io;
use std::path::PathBuf;

/// Why an environment could not be built.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No interpreter at all.
    #[error(
        "no Python was found: install Python 3.10 or newer, or set TRAINYARD_PYTHON to an interpreter (looked for {looked_for})"
    )]
    NotFound {
        /// Where it was looked for.
        looked_for: String,
    },
    /// There are interpreters, all of them too old.
    #[error(
        "{} is Python {found}, and 3.10 or newer is needed: install one, or set TRAINYARD_PYTHON to it", .path.display()
    )]
    TooOld {
        /// The version of the best one.
        found: String,
        /// Where that one is.
        path: PathBuf,
    },
    /// The dependency file wants another Python than there is.
    #[error(
        "the dependency file asks for {wanted}, and {} is Python {found}: install a Python that fits (3.10 or newer), set TRAINYARD_PYTHON to it, or change the file", .path.display()
    )]
    WrongVersion {
        /// What the file says.
        wanted: String,
        /// The version that there is.
        found: String,
        /// Where that one is.
        path: PathBuf,
    },
    /// The interpreter cannot make environments.
    #[error(
        "{} cannot make virtual environments, it lacks the modules venv and ensurepip: install them (on Debian and Ubuntu the package python3-venv)", .path.display()
    )]
    NoVenv {
        /// Which interpreter.
        path: PathBuf,
    },
    /// The repository has no such dependency file.
    #[error("there is no dependency file {}: add it, or name another one in trainyard.yml", .path.display())]
    NoDependencyFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// The dependency file says something that cannot be done.
    #[error("{file}: {what}")]
    BadDependencyFile {
        /// The file's name.
        file: String,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// The package index does not answer.
    #[error(
        "the packages cannot be reached: {line}. Check the network, the proxy settings and pip's configuration (`pip config list`)"
    )]
    PackagesUnreachable {
        /// What pip said.
        line: String,
    },
    /// The index has no such package, or not in that version.
    #[error(
        "pip finds no package {requirement} for Python {python}: check its name and version in the dependency file"
    )]
    NoSuchPackage {
        /// What was asked for.
        requirement: String,
        /// The interpreter's version.
        python: String,
    },
    /// pip failed in another way.
    #[error("the packages could not be installed: {line}")]
    InstallFailed {
        /// What pip said about it.
        line: String,
    },
    /// The disk would not.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl PythonError {
    /// For `map_err`: names what was tried.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether another try may go better without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::PackagesUnreachable { .. } | Self::Io { .. })
    }
}
