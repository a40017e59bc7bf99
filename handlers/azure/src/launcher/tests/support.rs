//! A bench for the program, and what its tests have in common.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pipeline::effect::{JobCommand, JobSpec, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Step, StepKey};
use pipeline::names::Digest;
use runner::memory::Machine;

use super::super::result::Found;
use super::super::*;

/// A folder with the program, a snapshot and a result.
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A snapshot of these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { folder };
        fs::write(bench.file("launch.py"), script()).unwrap();
        let mut tar = tar::Builder::new(fs::File::create(bench.file("source.tar")).unwrap());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap();
        bench
    }

    /// A snapshot of one odd entry.
    pub fn pack(&self, name: &str, target: Option<&str>) {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_entry_type(if target.is_some() { tar::EntryType::Symlink } else { tar::EntryType::Regular });
        // Written by hand: the crate refuses to make such archives.
        let target = target.unwrap_or_default();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend([0; 1024]);
        fs::write(self.file("source.tar"), archive).unwrap();
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub fn command(&self, job: &JobSpec, more: &[&str]) -> Command {
        fs::write(self.file("job.json"), description(job).to_string()).unwrap();
        let mut command = Command::new("python3");
        command.arg(self.file("launch.py")).arg("--job").arg(self.file("job.json"));
        command.arg("--source").arg(self.file("source.tar")).arg("--result").arg(self.file("result")).args(more);
        command
    }

    pub fn run(&self, job: &JobSpec, more: &[&str]) -> (Output, Option<Found>) {
        let output = self.command(job, more).output().unwrap();
        let mut files = BTreeMap::new();
        read(&self.file("result"), "", &mut files);
        let wanted = wanted(&files[RESULT]).unwrap();
        files.retain(|name, _| name == RESULT || wanted.contains_key(name));
        (output, result_from_folder(&files))
    }
}

fn read(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let below = format!("{name}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => read(&entry.path(), &format!("{below}/"), files),
            false => drop(files.insert(below, fs::read(entry.path()).unwrap())),
        }
    }
}

pub fn python(script: &str) -> String {
    format!("python3 -c \"{script}\"")
}

pub fn job(commands: &[(&str, &str)]) -> JobSpec {
    let command = |(name, line): &(&str, &str)| JobCommand { name: (*name).into(), line: (*line).into() };
    JobSpec {
        name: "r1-train-1".parse().unwrap(),
        project: "diabetes".parse().unwrap(),
        reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Train), attempt: 1 },
        source: Digest::of(b"source"),
        image: None,
        environments: Vec::new(),
        commands: commands.iter().map(command).collect(),
        load: None,
        entry: None,
        variables: BTreeMap::default(),
        parameters: None,
        data: None,
        required: Vec::new(),
        reports: Vec::new(),
        timeout_secs: 600,
    }
}

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[track_caller]
pub fn keep(found: Option<Found>) -> JobResult {
    let world = Machine::new();
    let artifacts = world.ports().artifacts;
    let found = found.unwrap();
    let result = wait(found.keep(BTreeMap::new(), &*artifacts)).unwrap();
    if let JobResult::Completed(outputs) | JobResult::Failed { outputs, .. } = &result {
        for digest in outputs.files.values() {
            wait(artifacts.get(digest)).unwrap();
        }
    }
    result
}

#[track_caller]
pub fn completed(result: JobResult) -> JobOutputs {
    match result {
        JobResult::Completed(outputs) => outputs,
        other => panic!("the job should have completed: {other:?}"),
    }
}

#[track_caller]
pub fn failed(result: JobResult) -> (String, JobOutputs) {
    match result {
        JobResult::Failed { reason, outputs } => (reason, outputs),
        other => panic!("the job should have failed: {other:?}"),
    }
}
