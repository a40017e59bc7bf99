//! A model repository that is delivered in seconds: all steps are real, only the model is small.

use std::fs;
use std::path::{Path, PathBuf};

use local::source::{commit_all, init_repository};
use serde_json::{Value, json};

use super::{Machine, Output};

/// The files of the repository, as they are before a test changes them.
const FILES: [(&str, &str); 9] = [
    ("trainyard.yml", include_str!("../tiny/trainyard.yml")),
    ("requirements.txt", include_str!("../tiny/requirements.txt")),
    ("parameters.json", include_str!("../tiny/parameters.json")),
    ("data.csv", include_str!("../tiny/data.csv")),
    ("checks/lint.py", include_str!("../tiny/checks/lint.py")),
    ("checks/test.py", include_str!("../tiny/checks/test.py")),
    ("training/train.py", include_str!("../tiny/training/train.py")),
    ("scoring/score.py", include_str!("../tiny/scoring/score.py")),
    ("scoring/smoke.json", include_str!("../tiny/scoring/smoke.json")),
];
/// Where the versions of the server are pinned.
const PINNED: &str = include_str!("../../../examples/diabetes_regression/scoring/requirements.txt");

/// A git repository with a model in it, and the machine that delivers it.
#[derive(Debug)]
pub struct Repository<'a> {
    machine: &'a Machine,
    folder: PathBuf,
}

impl<'a> Repository<'a> {
    /// A repository with one commit on `main`. Its project is `tiny`; its first model is good.
    pub fn new(machine: &'a Machine) -> Self {
        let repository = Self { machine, folder: machine.folder().join("tiny") };
        for (path, text) in FILES {
            repository.write(path, text);
        }
        // The server is the real one, the libraries of the example are left out.
        let server = PINNED.lines().filter(|line| line.starts_with("azureml-inference-server-http"));
        repository.write("scoring/requirements.txt", &(server.collect::<Vec<_>>().join("\n") + "\n"));
        init_repository(&repository.folder, "The tiny model").unwrap();
        repository
    }

    /// The same without a gate before PROD.
    pub fn without_gate(machine: &'a Machine) -> Self {
        let repository = Self::new(machine);
        repository.replace("trainyard.yml", "approval: { timeout_hours: 48 }", "");
        repository.commit();
        repository
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    /// Writes a file; it is not committed yet.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text that a file must have.
    #[track_caller]
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}:\n{text}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// Sets a parameter of the training: see `training/train.py` in `tests/it/tiny`.
    pub fn set(&self, name: &str, value: impl Into<Value>) {
        let mut parameters: Value = serde_json::from_str(&self.read("parameters.json")).unwrap();
        parameters[name] = value.into();
        self.write("parameters.json", &format!("{parameters:#}\n"));
    }

    /// Commits everything; answers the commit.
    pub fn commit(&self) -> String {
        commit_all(&self.folder, "A change").unwrap().to_string()
    }

    /// Makes a branch of what is committed, and checks it out.
    pub fn branch(&self, name: &str) {
        let git = self.folder.join(".git");
        let head = fs::read_to_string(git.join("HEAD")).unwrap();
        let commit = fs::read(git.join(head.trim().trim_start_matches("ref: "))).unwrap();
        fs::write(git.join("refs/heads").join(name), commit).unwrap();
        fs::write(git.join("HEAD"), format!("ref: refs/heads/{name}\n")).unwrap();
    }

    /// `trainyard push` as `anna`, with more arguments.
    pub fn push_with(&self, arguments: &[&str]) -> Output {
        let folder = self.folder.to_str().unwrap();
        self.machine.cli(&[&["push", folder, "--as", "anna", "--json"], arguments].concat())
    }

    /// Pushes what is committed; answers the id of the run that it starts.
    #[track_caller]
    pub fn push(&self) -> String {
        let output = self.push_with(&[]);
        assert_eq!(output.code, 0, "{output:#?}");
        output.json["id"].as_str().expect("a push starts a run").to_owned()
    }

    /// Commits and pushes everything.
    #[track_caller]
    pub fn deliver(&self) -> String {
        self.commit();
        self.push()
    }

    /// Delivers what is there through all gates; the release must succeed. Answers the run.
    #[track_caller]
    pub fn release(&self) -> Value {
        let run = self.deliver();
        if self.read("trainyard.yml").contains("approval:") {
            self.machine.at_gate(&run, "prod");
            self.machine.approve(&run, "prod");
        }
        let run = self.machine.ended(&run);
        super::assert_outcome(&run, "released");
        run
    }

    /// What an endpoint answers to the numbers 1 and 2.
    #[track_caller]
    pub fn ask(&self, environment: &str) -> Value {
        let path = format!("/endpoints/{}/{environment}/score", super::TINY);
        let reply = self.machine.post(&path, &json!({"data": [1, 2]}));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json
    }
}
