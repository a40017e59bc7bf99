//! What is there after a delivery, counted: each thing once.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use crate::support::{
    Machine, Repository, TINY, Value, assert_outcome, eventually, json, mentioning, sentences, signal, step,
};

/// The run is released, and what it made is there once.
#[track_caller]
pub fn assert_delivered_once(machine: &Machine, run: &str) {
    let ended = machine.ended(run);
    assert_outcome(&ended, "released");
    for step in ended["steps"].as_array().unwrap() {
        assert_eq!(step["attempt"], 1, "{step:#}");
        assert!(["succeeded", "skipped"].contains(&step["status"].as_str().unwrap()), "{step:#}");
    }
    // Each of these steps has one job, and no other step has one.
    let with_job = ["check", "provision", "train", "test_image", "profile"];
    let at_work = |name: &&&str| step(&ended, name)["status"] == "succeeded";
    let expected = with_job.iter().filter(at_work).count();
    let jobs = names(machine.home().join("jobs"));
    assert!(jobs.len() <= expected && jobs.iter().any(|job| job.contains("train")), "{jobs:?}");

    let runs = machine.get("/api/runs").json;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs:#}");
    assert_eq!(ended["model"]["version"], 1, "{:#}", ended["model"]);
    let versions: Vec<_> = keys(machine, "models/").into_iter().filter(|key| key.contains("/versions/")).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    let index = fs::read(machine.home().join("images/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "{index:#}");

    let mut servers = BTreeSet::new();
    for environment in ["qa", "prod"] {
        let state = machine.deployed(environment);
        assert_eq!(state["deployments"].as_object().unwrap().len(), 1, "{state:#}");
        assert_eq!(state["retiring"].as_array().unwrap().len(), 0, "{state:#}");
        servers.insert(machine.server(environment));
    }
    let groups: BTreeSet<_> = machine.left().into_iter().filter(|&one| is_a_server(one)).map(group).collect();
    assert_eq!(groups, servers, "servers that nobody knows, or too few");
    let letters = machine.json(&["dead-letters"]);
    assert_eq!(letters["dead_letters"].as_array().unwrap().len(), 0, "{letters:#}");
    let said = sentences(&machine.json(&["why", run])["sentences"]);
    assert!(!said.contains("given up"), "{said}");
}

impl Machine {
    /// What an address of the host says, if anybody answers.
    pub fn ask(&self, path: &str) -> Option<Value> {
        Some(crate::support::ask(reqwest::Method::GET, &self.url(path), None).ok()?.json)
    }

    /// What is on record as deployed.
    pub fn deployed(&self, environment: &str) -> Value {
        let file = self.home().join("deployments").join(format!("{TINY}.{environment}.json"));
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    /// The process that serves, waiting until one does.
    #[track_caller]
    pub fn server(&self, environment: &str) -> u32 {
        eventually("a process serves", || {
            let state = self.deployed(environment);
            let current = state["current"].as_str()?;
            let process = state["deployments"][current]["process"]["mark"]["pid"].as_u64()?;
            let process = u32::try_from(process).unwrap();
            is_alive(process).then_some(process)
        })
    }

    /// Waits until an endpoint answers.
    #[track_caller]
    pub fn answers_again(&self, repository: &Repository<'_>, environment: &str) {
        let path = format!("/endpoints/{TINY}/{environment}");
        eventually("the deployment is healthy", || {
            let described = self.ask(&path)?;
            (described["serving"][0]["health"] == "healthy").then_some(())
        });
        eventually("the endpoint answers", || {
            let body = json!({"data": [1, 2]});
            (self.post(&format!("{path}/score"), &body).status == 200).then_some(())
        });
        repository.ask(environment);
    }

    /// Processes of this machine that live.
    pub fn left(&self) -> BTreeSet<u32> {
        mentioning(self.folder()).into_iter().filter(|&process| is_alive(process)).collect()
    }

    /// As when the power fails: nobody has time for anything.
    pub fn kill_everything(&self) {
        self.kill();
        eventually("nothing is left", || {
            let left = self.left();
            left.iter().for_each(|&process| signal(process, Signal::KILL));
            left.is_empty().then_some(())
        });
    }
}

/// Whether a process is there and is more than its parent's memory of it.
pub fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !['Z', 'X'].contains(&state))
}

fn is_a_server(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("azmlinfsrv")
}

fn group(process: u32) -> u32 {
    let process = rustix::process::Pid::from_raw(process.cast_signed());
    rustix::process::getpgid(process).map_or(0, |group| group.as_raw_nonzero().get().cast_unsigned())
}

pub fn names(folder: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Keys of documents in the store of a host, which may be running.
fn keys(machine: &Machine, prefix: &str) -> Vec<String> {
    let file = machine.home().join("state.db");
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = database.prepare("SELECT key FROM documents WHERE key >= ?1 AND key < ?1 || 'zzzz'").unwrap();
    query.query_map([prefix], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
