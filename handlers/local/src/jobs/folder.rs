//! What is in a job's folder, and what each file means.

use std::io;
use std::path::{Path, PathBuf};

use pipeline::effect::JobSpec;
use pipeline::event::JobResult;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files;

/// One job's folder.
///
/// ```text
/// job.json      what was asked for
/// source.tar    the snapshot
/// lock          held by the supervisor as long as it lives
/// pid           the supervisor's process, written by itself
/// starts        how often a supervisor was started
/// lost          what was killed, if something was
/// cancel        somebody wants it to end
/// rest          the host wants it to end for now; the next one begins it again
/// log.txt       what everything said
/// source/       the snapshot, unpacked
/// image/        the image's content, if there is an image; what it serves is in image/app
/// outputs/      what the commands leave
/// kept/         files that are to become artifacts, by digest
/// result.json   how it ended; written last
/// told          the pipeline knows how it ended
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobFolder {
    root: PathBuf,
}

impl JobFolder {
    pub(super) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.root.join("source.tar")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    pub(super) fn source(&self) -> PathBuf {
        self.root.join("source")
    }

    pub(super) fn image(&self) -> PathBuf {
        self.root.join("image")
    }

    /// The image's application: the working folder of what runs in the image.
    pub(super) fn app(&self) -> PathBuf {
        self.root.join("image/app")
    }

    pub(super) fn outputs(&self) -> PathBuf {
        self.root.join("outputs")
    }

    pub(super) fn kept(&self) -> PathBuf {
        self.root.join("kept")
    }

    pub(super) fn exists(&self) -> bool {
        self.root.exists()
    }

    /// What was asked for.
    pub(super) fn spec(&self) -> io::Result<JobSpec> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no job.json");
        self.read_json("job.json")?.ok_or_else(missing)
    }

    pub(super) fn write_spec(&self, spec: &JobSpec) -> io::Result<()> {
        self.write_json("job.json", spec)
    }

    /// How it ended, if it has.
    pub(super) fn result(&self) -> io::Result<Option<JobResult>> {
        self.read_json("result.json")
    }

    pub(super) fn has_result(&self) -> bool {
        self.root.join("result.json").exists()
    }

    pub(super) fn write_result(&self, result: &JobResult) -> io::Result<()> {
        self.write_json("result.json", result)
    }

    pub(super) fn is_told(&self) -> bool {
        self.root.join("told").exists()
    }

    /// Whether its end is not told, or what nobody needs any more is still there.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.is_told() || self.snapshot().exists()
    }

    pub(super) fn mark_told(&self) -> io::Result<()> {
        files::write(&self.root.join("told"), b"")
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.root.join("cancel").exists()
    }

    pub(super) fn mark_canceled(&self) -> io::Result<()> {
        files::write(&self.root.join("cancel"), b"")
    }

    pub(super) fn is_resting(&self) -> bool {
        self.root.join("rest").exists()
    }

    pub(super) fn mark_resting(&self) -> io::Result<()> {
        files::write(&self.root.join("rest"), b"")
    }

    pub(super) fn starts(&self) -> io::Result<u32> {
        Ok(self.read_json("starts")?.unwrap_or(0))
    }

    pub(super) fn write_starts(&self, starts: u32) -> io::Result<()> {
        self.write_json("starts", &starts)
    }

    /// The supervisor's process.
    pub(super) fn pid(&self) -> io::Result<Option<i32>> {
        self.read_json("pid")
    }

    pub(super) fn write_pid(&self, pid: u32) -> io::Result<()> {
        self.write_json("pid", &pid)
    }

    /// What was killed the last time.
    pub(super) fn lost(&self) -> io::Result<Option<String>> {
        self.read_json("lost")
    }

    pub(super) fn write_lost(&self, what: &str) -> io::Result<()> {
        self.write_json("lost", &what)
    }

    /// Makes way for a new supervisor. The caller holds the lock.
    pub(super) fn forget_supervisor(&self) -> io::Result<()> {
        for name in ["pid", "lost", "rest"] {
            match std::fs::remove_file(self.root.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Empty folders for the commands, whatever an earlier try has left in them.
    pub(super) fn make_fresh(&self) -> io::Result<()> {
        for folder in [self.source(), self.outputs(), self.kept()] {
            files::remove_folder(&folder)?;
            std::fs::create_dir(&folder)?;
        }
        Ok(())
    }

    /// Removes what nobody needs once the job has ended and its files are among the artifacts.
    pub(super) fn tidy(&self) -> io::Result<()> {
        for folder in [self.source(), self.image(), self.outputs(), self.kept()] {
            files::remove_folder(&folder)?;
        }
        match std::fs::remove_file(self.snapshot()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let bytes = files::read(&self.root.join(name))?;
        let broken = |error| io::Error::other(format!("{name} of the job is damaged: {error}"));
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(broken)).transpose()
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        files::write(&self.root.join(name), &serde_json::to_vec(value)?)
    }
}
