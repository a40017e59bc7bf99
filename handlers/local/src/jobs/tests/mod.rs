//! Jobs as they are run: real processes, and this test program as their supervisor.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pipeline::effect::{JobCommand, JobSpec, ReplyTo};
use pipeline::event::{JobOutputs, JobResult, Message, Step, StepKey};
use pipeline::names::Digest;
use runner::conformance::jobs::end_of;
use runner::ports::{Artifacts as _, JobPlatform as _, Result};

use super::{LocalJobs, Settings, UnpackImage, supervise};
use crate::home::Home;
use crate::python::Environments;

mod endings;
mod environments;
mod restarts;

/// Not a test when it is called with a job: then it is a supervisor.
#[tokio::test]
async fn the_supervisor_of_these_tests() {
    let arguments: Vec<String> = std::env::args().collect();
    let [.., word, folder] = &arguments[..] else { return };
    if word == "job" {
        supervise(Path::new(folder), &environments(Path::new(folder))).await.unwrap();
    }
}

/// Environments are shared by all tests and test runs, unless a home asks for its own.
fn environments(folder: &Path) -> Environments {
    let home = folder.ancestors().nth(2).unwrap();
    let program = std::env::current_exe().unwrap();
    let shared = program.ancestors().nth(2).unwrap().join("python-of-tests");
    Environments::new(match home.join("own-python").exists() {
        true => home.join("python"),
        false => shared,
    })
}

/// An image whose content is a model and a script.
#[derive(Debug)]
struct OneImage;

#[async_trait::async_trait]
impl UnpackImage for OneImage {
    async fn unpack(&self, _image: &Digest, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder.join("app/model")).unwrap();
        fs::write(folder.join("app/model/model.pkl"), "a model").unwrap();
        Ok(())
    }
}

struct Bench {
    folder: tempfile::TempDir,
    home: Home,
    at_once: usize,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        Self { folder, home, at_once: 2 }
    }

    /// A file that commands and tests see.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn job(&self, name: &str) -> PathBuf {
        self.home.layout().dir().join("jobs").join(name)
    }

    async fn open(&self) -> LocalJobs {
        let mut settings = Settings::new(self.home.layout().dir().join("jobs")).unwrap();
        let supervisor = "jobs::tests::the_supervisor_of_these_tests";
        settings.arguments = [supervisor, "--exact", "--nocapture"].map(Into::into).into();
        settings.at_once = self.at_once;
        let (artifacts, bus) = (self.home.artifacts(), self.home.broker().clone());
        LocalJobs::open(settings, Arc::new(artifacts), Arc::new(bus), Arc::new(OneImage)).await.unwrap()
    }

    /// A job with a script for the shell as its one command.
    async fn shell(&self, name: &str, script: &str) -> JobSpec {
        let line = format!("sh -c {}", shlex::try_quote(script).unwrap());
        self.spec(name, &[("script", &line)], &[]).await
    }

    async fn spec(&self, name: &str, commands: &[(&str, &str)], files: &[(&str, &str)]) -> JobSpec {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let source = self.home.artifacts().put(tar.into_inner().unwrap()).await.unwrap();
        let command = |(name, line): &(&str, &str)| JobCommand { name: (*name).into(), line: (*line).into() };
        JobSpec {
            name: name.parse().unwrap(),
            project: "diabetes".parse().unwrap(),
            reply_to: ReplyTo { run: "r1".parse().unwrap(), step: StepKey::of(Step::Train), attempt: 1 },
            source,
            image: None,
            environments: Vec::new(),
            commands: commands.iter().map(command).collect(),
            load: None,
            entry: None,
            variables: Default::default(),
            parameters: None,
            data: None,
            required: Vec::new(),
            reports: Vec::new(),
            timeout_secs: 600,
        }
    }

    /// The next message for the step that trains.
    async fn message(&self) -> Message {
        let delivery = self.home.broker().receive("train", 1).await.unwrap().remove(0);
        self.home.broker().complete(delivery.lock).unwrap();
        serde_json::from_slice(&delivery.message.body).unwrap()
    }
}

/// Supervisors outlive their host, also a test that has failed.
impl Drop for Bench {
    fn drop(&mut self) {
        let jobs = fs::read_dir(self.job("")).into_iter().flatten().flatten();
        for job in jobs.map(|job| super::folder::JobFolder::at(job.path())) {
            let is_alive = matches!(super::files::try_lock(&job.lock()), Ok(None));
            if let (true, Ok(Some(pid))) = (is_alive, job.pid()) {
                kill(&pid.to_string());
            }
            super::process::end_leftovers(&job.outputs());
        }
    }
}

/// Submits a job and waits for its end.
async fn run(jobs: &LocalJobs, spec: &JobSpec) -> JobResult {
    jobs.submit(spec).await.unwrap();
    end_of(jobs, &spec.name).await
}

#[track_caller]
fn completed(result: JobResult) -> JobOutputs {
    match result {
        JobResult::Completed(outputs) => outputs,
        other => panic!("the job should have completed: {other:?}"),
    }
}

#[track_caller]
fn failed(result: JobResult) -> (String, JobOutputs) {
    match result {
        JobResult::Failed { reason, outputs } => (reason, outputs),
        other => panic!("the job should have failed: {other:?}"),
    }
}

/// Waits for a file that a command writes, and answers what is in it.
async fn appears(file: &Path) -> String {
    loop {
        match fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Waits until a process is gone. One that is dead but not buried by its parent counts as gone.
async fn is_gone(pid: &str) {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill(pid: &str) {
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
