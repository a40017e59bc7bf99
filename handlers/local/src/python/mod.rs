//! Python environments: built once for each content of a dependency file, kept for all jobs and deployments.
//!
//! ```text
//! <folder>/<hash>/             the virtual environment, built in its place: its scripts name their own folder
//! <folder>/<hash>/ready.json   written last; a folder without it is half done and is built anew
//! <folder>/<hash>.lock         one builder at a time, on the whole machine
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use pipeline::names::Digest;

mod build;
mod conda;
mod error;
mod interpreter;
mod pin;
mod requirements;
#[cfg(test)]
mod tests;

pub use error::PythonError;
pub use interpreter::Interpreter;

use crate::deployments::Interpreters;
use crate::jobs::files;
use crate::jobs::log::Log;
use requirements::Requirements;

/// Counted up when what is built from the same file changes.
const RECIPE: &str = "1";

/// All environments of a machine.
#[derive(Debug, Clone)]
pub struct Environments {
    folder: PathBuf,
    interpreter: Option<PathBuf>,
}

/// An environment that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Its folder, what tools call `VIRTUAL_ENV`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its programs; first on the PATH of whatever runs in it.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Its interpreter.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

impl Environments {
    /// Environments below `folder`; interpreters are looked for on PATH.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), interpreter: None }
    }

    /// Takes this interpreter (the setting `TRAINYARD_PYTHON`) and no other.
    #[must_use]
    pub fn with_interpreter(mut self, path: Option<PathBuf>) -> Self {
        self.interpreter = path.filter(|path| !path.as_os_str().is_empty());
        self
    }

    /// The interpreter that environments are built with.
    ///
    /// # Errors
    ///
    /// There is none, it is too old, or it cannot make environments.
    pub async fn interpreter(&self) -> Result<Interpreter, PythonError> {
        interpreter::find(self.interpreter.as_deref(), None).await
    }

    /// The environment of a dependency file (pip requirements or conda). What is not there yet is built; what is
    /// being built by somebody else is waited for. Progress is appended to the file `log`.
    ///
    /// # Errors
    ///
    /// [`PythonError`] with a sentence; nothing half done is left behind.
    pub async fn get(&self, file: &Path, log: &Path) -> Result<Environment, PythonError> {
        self.of(&requirements::read(file)?, log).await
    }

    /// The same for the content of a dependency file. The name tells its kind; it can include no other files.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_content(&self, name: &str, content: &[u8], log: &Path) -> Result<Environment, PythonError> {
        let text = String::from_utf8_lossy(content);
        self.of(&requirements::read_text(Path::new(name), &text)?, log).await
    }

    async fn of(&self, requirements: &Requirements, log: &Path) -> Result<Environment, PythonError> {
        let setting = self.interpreter.as_deref();
        let interpreter = interpreter::find(setting, requirements.python.as_ref()).await?;
        let log = Log::open(log).map_err(PythonError::io(format!("cannot write {}", log.display())))?;
        for note in &requirements.notes {
            log.say(note);
        }

        let unusable = || PythonError::io(format!("cannot make the folder {}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(unusable())?;
        // Without links: scripts name their folder, and a link to it may be gone before they are.
        let folder = self.folder.canonicalize().map_err(unusable())?;
        let environment = Environment { folder: folder.join(key(requirements, &interpreter)) };
        if build::is_ready(&environment) {
            return Ok(environment);
        }
        let lock_file = environment.folder.with_extension("lock");
        let locking = PythonError::io(format!("cannot lock {}", lock_file.display()));
        let _lock = files::lock(&lock_file).await.map_err(locking)?;
        if build::is_ready(&environment) {
            return Ok(environment); // Somebody else was faster.
        }
        build::build(&environment, requirements, &interpreter, &log).await?;
        Ok(environment)
    }
}

#[async_trait]
impl Interpreters for Environments {
    async fn python_bin(&self, requirements: &[u8], log: PathBuf) -> Result<PathBuf, String> {
        // An image holds the file's content, and only conda files have such a line.
        let is_conda = requirements.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"dependencies:"));
        let name = if is_conda { "environment.yml" } else { "requirements.txt" };
        let environment = self.get_content(name, requirements, &log).await;
        environment.map(|environment| environment.bin()).map_err(|error| error.to_string())
    }
}

/// The same requirements on the same Python make the same environment.
fn key(requirements: &Requirements, interpreter: &Interpreter) -> String {
    let content = [
        RECIPE,
        &interpreter.version,
        &interpreter.platform,
        &requirements.lines.join("\n"),
        &requirements.constraints.join("\n"),
    ]
    .join("\n\n");
    // A short name: scripts begin with their interpreter's path, and systems limit how long that may be.
    Digest::of(content.as_bytes()).hex()[..20].to_owned()
}
